// Another source with the same declarations: classes, globals and callbacks are one with those of the first.
#include "scene.hpp"

namespace {
struct Registry {
    externref::ref<client::Object3D> first{client::scene};
    double tau = 2 * client::pi;
};
Registry registry;
}  // namespace

EXTERNREF_EXPORT("elsewhere", f64, elsewhere) {
    registry.first->add(client::root);
    client::scene.on("hit", [](const client::Event &, int32_t number) { return number == 1; });
    return registry.tau + client::Vector3::dot(client::scene.get_position(), client::Vector3(1, 0));
}
