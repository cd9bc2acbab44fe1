// The part of the page that the game touches.
#pragma once

#include <stdint.h>

#include "externref.hpp"

namespace client {

struct HTMLElement {
    void append(const HTMLElement &child);
    void set_textContent(uint32_t number);
};

struct Document {
    HTMLElement *getElementById(const char *id);
};

extern Document &document;

}  // namespace client
