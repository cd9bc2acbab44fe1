// What is seen of a match: objects of three.js, and two numbers on the page.
#pragma once

#include "rules.hpp"
#include "three.hpp"

// A ball that follows the ball, smaller and fainter.
struct Ghost {
    externref::ref<client::Vector3> position;
    double x = 0, y = 0;
};

// Holds objects of the page, which live as long as the stage does.
class Stage {
  public:
    Stage();
    void resize(double width, double height, double ratio);
    // Moves everything to where the rules say that it is.
    void show(const rules::Match &match);
    void show_score(const rules::Match &match);
    void render() { renderer_->render(scene_, camera_); }

  private:
    void add_lights();
    void add_table();
    void add_paddle(rules::Side side, uint32_t colour, const char *name);
    void add_ball();
    void add_ghosts();

    externref::ref<client::WebGLRenderer> renderer_;
    client::Scene scene_;
    client::PerspectiveCamera camera_{32, 1.6, 0.1, 100};
    externref::ref<client::Mesh> ball_, paddles_[2];
    // The ball's last places, newest first.
    Ghost ghosts_[14];
    externref::ref<client::HTMLElement> scores_[2];
};
