// The part of matplotlib that the guest uses, and a list of numbers.
#pragma once

#include "externref.hpp"

namespace client {

struct Series {
    Series();
    void append(double value);
};

struct Text {};

struct Axes {
    void plot(const Series &x, const Series &y, const char *format);
    Text &set_title(const char *title);
    Text &set_xlabel(const char *label);
    Text &set_ylabel(const char *label);
    void grid(bool visible);
};

}  // namespace client
