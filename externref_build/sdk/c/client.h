/* For the source that externref-build writes about client classes; no part of the interface. */
#ifndef EXTERNREF_CLIENT_H
#define EXTERNREF_CLIENT_H

#include "externref.h"

size_t strlen(const char *);

/* What an object of a client class consists of: one more than the slot of its reference, or 0. */
typedef externref__handle externref__word;

typedef struct externref__view { const char *data; size_t length; } externref__view;

/* The scope of what the host returned: it lives until the export that the host called returns. */
externref__word *externref__scope_object(externref__handle handle);
const char *externref__text(uint64_t text);
externref__view externref__view_(uint64_t text);
#define externref__view(text) externref__view_(text)

static inline int32_t externref__given(const externref__word *object) {
    return externref__get((int32_t)externref__present(*object) - 1);
}

static inline int32_t externref__given_or_null(const externref__word *object) {
    return externref__get(object ? (int32_t)*object - 1 : -1);
}

static inline externref__handle externref__kept(int32_t raw) { return (externref__handle)externref__insert(raw) + 1; }

static inline externref__word *externref__lent(int32_t raw) {
    return externref__scope_object(externref__present(externref__kept(raw)));
}

static inline externref__word *externref__lent_or_null(int32_t raw) {
    externref__handle handle = externref__kept(raw);
    return handle ? externref__scope_object(handle) : NULL;
}

#endif
