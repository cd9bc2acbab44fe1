#include "scene.hpp"

using namespace client;
using externref::ref;

// A class of the guest's own on top of one of the host's.
struct Ball : Mesh {
    double speed;
    explicit Ball(double given) : Mesh(Side::right), speed(given) { set_name("ball"); }
    void step() { get_position().set_x(get_position().get_x() + speed); }
};

static Ball ball(1.5);
static ref<Mesh> kept;
static ref<Object3D> objects[4];
static int32_t total;

EXTERNREF_EXPORT("arithmetic", f64, arithmetic) {
    Vector3 v(1, 2), w(v);
    w.set_x(10);
    return Vector3::dot(v, w) + now() + pi + w.get_x();
}

EXTERNREF_EXPORT("step", f64, step) {
    ball.step();
    return ball.get_position().get_x();
}

EXTERNREF_EXPORT("build", void, build) {
    kept = ref<Mesh>(Mesh(Side::left));
    scene.add(*kept);
    root.add(ball);
    objects[0] = ref<Object3D>(scene);
    objects[1] = ref<Object3D>(ball);
    kept->move(1);
    kept->move(Vector3(1, 2, 3));
    objects[1]->move(Vector3(1, 2, 3), true);
    three::render(*objects[0]);
}

EXTERNREF_EXPORT("look", void, look) {
    log(root.find("ball"));
    log(root.find("none"));
    log(kept->get_parent());
    kept->set_name(ball.get_name());
    kept->set_name(nullptr);
    kept->set_name(kept->get_name() ? "there" : "");
}

EXTERNREF_EXPORT("listen", void, listen) {
    scene.on("hit", [](const Event &event, int32_t number) {
        total += number + static_cast<int32_t>(event.get_time());
        return total > 20;
    });
    scene.on("hit", nullptr);
    scene.each([](Object3D &child, const char *name) -> Object3D * {
        if (!name) return nullptr;
        child.set_name(name[0] == 'x' ? "renamed" : name);
        return child.get_parent();
    });
}
EXTERNREF_EXPORT("total", s32, get_total) { return total; }

EXTERNREF_EXPORT("hit", bool, hit, (ref(client::Mesh), mesh), (optref(Object3D), other)) {
    mesh->move(2);
    scene.add(mesh);
    log(other.get());
    return mesh->get_parent() == nullptr;
}

EXTERNREF_EXPORT("many", u32, many, (u32, count)) {
    uint32_t found = 0;
    for (uint32_t n = 0; n < count; n++) found += root.find("ball") != nullptr;
    return found;
}

EXTERNREF_EXPORT("give", own(client::Mesh), give) { return kept.clone(); }
EXTERNREF_EXPORT("let-go", own(client::Mesh), let_go) { return static_cast<ref<Mesh> &&>(kept); }
EXTERNREF_EXPORT("null", void, null_) { scene.add(*kept); }
