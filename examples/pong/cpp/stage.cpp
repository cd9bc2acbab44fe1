#include "stage.hpp"

using namespace client;
using externref::ref;
using rules::half_height;
using rules::half_width;
using rules::radius;

namespace {

constexpr uint32_t night = 0x0b1020, felt = 0x16324f, chalk = 0xdfe7ee;
constexpr uint32_t cyan = 0x35c4d7, coral = 0xff6f59, sun = 0xffd166;

ref<MeshStandardMaterial> matte(uint32_t colour) {
    auto material = ref<MeshStandardMaterial>(MeshStandardMaterial());
    material->set_color(Color(colour));
    material->set_roughness(0.8);
    return material;
}

// A material that is seen in the dark, too; a share of its colour is light of its own.
ref<MeshStandardMaterial> glowing(uint32_t colour, double share) {
    auto material = matte(colour);
    Color light(colour);
    light.multiplyScalar(share);
    material->set_emissive(light);
    return material;
}

ref<Mesh> block(double width, double height, double depth, const MeshStandardMaterial &material) {
    auto mesh = ref<Mesh>(Mesh(BoxGeometry(width, height, depth), material));
    mesh->set_castShadow(true);
    mesh->set_receiveShadow(true);
    return mesh;
}

double place_of_paddle(int side) { return side == rules::left ? -rules::paddle_x : rules::paddle_x; }

void swap(double &a, double &b) {
    double kept = a;
    a = b;
    b = kept;
}

}  // namespace

Stage::Stage() {
    WebGLRendererParameters parameters;
    parameters.set_antialias(true);
    renderer_ = ref<WebGLRenderer>(WebGLRenderer(parameters));
    renderer_->get_shadowMap().set_enabled(true);
    document.getElementById("table")->append(renderer_->get_domElement());
    scores_[rules::left] = ref<HTMLElement>(*document.getElementById("left"));
    scores_[rules::right] = ref<HTMLElement>(*document.getElementById("right"));

    scene_.set_background(Color(night));
    add_lights();
    add_table();
    add_paddle(rules::left, cyan, "left");
    add_paddle(rules::right, coral, "right");
    add_ball();
    add_ghosts();
    camera_.get_position().set(0, -10.5, 17.5);
    camera_.lookAt(0, -0.5, 0);
}

void Stage::add_lights() {
    scene_.add(AmbientLight(Color(chalk), 1));
    DirectionalLight lamp(Color(chalk), 2.2);
    lamp.get_position().set(-4, -5, 10);
    lamp.set_castShadow(true);
    OrthographicCamera &seen = lamp.get_shadow().get_camera();
    seen.set_left(-half_width - 1);
    seen.set_right(half_width + 1);
    scene_.add(lamp);
}

void Stage::add_table() {
    auto table = block(2 * half_width, 2 * half_height, 0.4, *matte(felt));
    table->get_position().set(0, 0, -0.2);
    scene_.add(*table);
    auto white = matte(chalk);
    for (int side = -1; side <= 1; side += 2) {
        auto wall = block(2 * half_width, 0.2, 0.6, *white);
        wall->get_position().set(0, side * (half_height + 0.1), 0.1);
        scene_.add(*wall);
    }
    for (int dash = -4; dash <= 4; dash++) {
        auto net = block(0.1, 0.5, 0.02, *white);
        net->get_position().set(0, dash, 0.01);
        scene_.add(*net);
    }
}

void Stage::add_paddle(rules::Side side, uint32_t colour, const char *name) {
    auto &paddle = paddles_[side] = block(rules::paddle_width, rules::paddle_height, 0.5, *glowing(colour, 0.35));
    paddle->set_name(name);
    paddle->get_position().set(place_of_paddle(side), 0, 0.25);
    scene_.add(*paddle);
}

void Stage::add_ball() {
    ball_ = ref<Mesh>(Mesh(SphereGeometry(radius, 32, 16), *glowing(sun, 0.5)));
    ball_->set_name("ball");
    ball_->set_castShadow(true);
    PointLight glow(Color(sun), 8, 6);
    glow.get_position().set(0, 0, 0.8);
    ball_->add(glow);
    ball_->get_position().set(0, 0, radius);
    scene_.add(*ball_);
}

void Stage::add_ghosts() {
    SphereGeometry sphere(radius, 16, 8);
    constexpr int count = sizeof ghosts_ / sizeof *ghosts_;
    for (int index = 0; index < count; index++) {
        double rest = 1 - (index + 1.0) / (count + 1);
        auto material = glowing(sun, 0.8);
        material->set_transparent(true);
        material->set_opacity(0.6 * rest * rest);
        Mesh ghost(sphere, *material);
        ghost.get_scale().set(rest, rest, rest);
        ghost.get_position().set(0, 0, radius);
        ghosts_[index].position = ref<Vector3>(ghost.get_position());
        scene_.add(ghost);
    }
}

void Stage::resize(double width, double height, double ratio) {
    camera_.set_aspect(width / height);
    camera_.updateProjectionMatrix();
    renderer_->setPixelRatio(ratio);
    renderer_->setSize(width, height);
}

void Stage::show(const rules::Match &match) {
    for (int side = rules::left; side <= rules::right; side++) {
        paddles_[side]->get_position().set(place_of_paddle(side), match.paddles[side].y, 0.25);
    }
    double x = match.ball.x, y = match.ball.y;
    ball_->get_position().set(x, y, radius);
    for (Ghost &ghost : ghosts_) {
        swap(ghost.x, x);
        swap(ghost.y, y);
        ghost.position->set(ghost.x, ghost.y, radius);
    }
}

void Stage::show_score(const rules::Match &match) {
    for (int side = rules::left; side <= rules::right; side++) scores_[side]->set_textContent(match.score[side]);
}
