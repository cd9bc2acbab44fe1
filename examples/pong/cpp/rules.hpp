// The rules: where ball and paddles are, and who scores. Nothing here knows of the screen.
#pragma once

#include <stdint.h>

namespace rules {

// The table reaches from minus to plus this, in either direction.
constexpr double half_width = 8, half_height = 4.5;
// The middle of the right paddle.
constexpr double paddle_x = 7.25;
constexpr double paddle_width = 0.3, paddle_height = 1.8;
constexpr double radius = 0.22;

enum Side { left, right };

struct Ball {
    double x = 0, y = 0;

    // A ball in the middle, on its way to a side.
    Ball(Side side, double dy) { send(side == left ? -1 : 1, dy); }
    void step();
    void bounce_off_walls();
    void send(double dx, double dy);

    double dx, dy, speed = 7;
};

struct Paddle {
    double y = 0;
    bool up = false, down = false;
    // Whether somebody has taken it over from the computer.
    bool taken = false;

    void step(const Ball &ball);
};

class Match {
  public:
    Ball ball{right, 0.55};
    Paddle paddles[2];
    uint32_t score[2] = {0, 0};

    Match() { paddles[left].taken = true; }
    // Notes that a key for a paddle is down, or up again. Whoever steers the right one takes it from the computer.
    void steer(Side side, bool upwards, bool pressed);
    // Plays on for some seconds, in steps of equal length: the game is the same at any frame rate.
    void advance(double seconds);

  private:
    void step();
    void bounce_off_paddles();
    void point(Side winner, Side loser);

    double left_over_ = 0, pause_ = 1;
};

}  // namespace rules
