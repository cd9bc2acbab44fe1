// Draws the attractor of Lorenz: paths from neighbouring starts, which soon know nothing of each other.
#include "matplotlib.hpp"

using client::Axes;
using client::Series;

namespace {

struct Point {
    double x, y, z;

    Point operator+(const Point &other) const { return {x + other.x, y + other.y, z + other.z}; }
    Point operator*(double factor) const { return {x * factor, y * factor, z * factor}; }
};

Point velocity(const Point &at) {
    return {10 * (at.y - at.x), at.x * (28 - at.z) - at.y, at.x * at.y - 8.0 / 3 * at.z};
}

// One step by the classical method of Runge and Kutta.
Point moved(const Point &at, double seconds) {
    Point first = velocity(at);
    Point second = velocity(at + first * (seconds / 2));
    Point third = velocity(at + second * (seconds / 2));
    Point fourth = velocity(at + third * seconds);
    return at + (first + (second + third) * 2 + fourth) * (seconds / 6);
}

// What is drawn as one line: two lists of the host's.
class Path {
  public:
    explicit Path(Point start) : at_(start) {}

    void run(unsigned steps) {
        for (unsigned step = 0; step < steps; step++) {
            x_.append(at_.x);
            z_.append(at_.z);
            at_ = moved(at_, 0.005);
        }
    }
    void draw(Axes &axes, const char *format) const { axes.plot(x_, z_, format); }

  private:
    Point at_;
    Series x_, z_;
};

}  // namespace

/// Draws both paths into the axes, so many steps of each.
EXTERNREF_EXPORT("draw", void, draw, (ref(client::Axes), axes), (u32, steps)) {
    Path one({1, 1, 20}), other({1, 1, 20.001});
    one.run(steps);
    other.run(steps);
    one.draw(axes, "C0-");
    other.draw(axes, "C1-");
    axes->set_title("Two paths of Lorenz's attractor, 0.001 apart at the start");
    axes->set_xlabel("x");
    axes->set_ylabel("z");
    axes->grid(true);
}
