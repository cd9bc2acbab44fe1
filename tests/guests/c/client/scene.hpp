#pragma once
#include "externref.hpp"
#include <stdint.h>

namespace client {

enum class Side { left, right };

struct Vector3;

struct Event {
    double get_time() const;
};

using Listener = bool (*)(const Event &, int32_t number);

/// Anything in the scene.
struct Object3D {
    /// Adds a child.
    void add(const Object3D &child);
    Vector3 &get_position();
    const char *get_name();
    void set_name(const char *name);
    Object3D *find(const char *name);
    Object3D *get_parent();
    void on(const char *what, Listener listener);
    void each(Object3D *(*visit)(Object3D &child, const char *name));
    void move(double x);
    void move(const Vector3 &by, bool twice = false);
};

struct Vector3 {
    Vector3(double x, double y, double z = 0);
    Vector3(const Vector3 &other);
    double get_x();
    void set_x(double x);
    double length() const;
    static double dot(const Vector3 &a, const Vector3 &b);
};

struct Mesh : Object3D {
    explicit Mesh(Side side);
};

extern Object3D &scene;
extern Object3D root;
extern const double pi;

double now();
void log(const Object3D *object);

namespace three {
void render(const Object3D &scene);
}

}  // namespace client
