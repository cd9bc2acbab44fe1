/* For the source that externref-build writes about client classes; no part of the interface. */
#ifndef EXTERNREF_CLIENT_H
#define EXTERNREF_CLIENT_H

#include "externref.h"

size_t strlen(const char *);

/* What an object of a client class consists of: one more than the slot of its reference, or 0. */
typedef externref__handle externref__word __attribute__((may_alias));

/* std::string_view, by its layout. */
typedef struct externref__view { const char *data; size_t length; } externref__view;

/* The scope of what the host returned, which lives until the export that the host called returns: a stack in chunks. */
typedef struct externref__entry {
    externref__word object;
    char *text;
} externref__entry;

extern externref__entry *externref__scope_next, *externref__scope_end;
void externref__scope_grow(void);
void externref__scope_leave(externref__entry *mark);

static inline externref__word *externref__scope_object(externref__handle handle) {
    if (externref__scope_next == externref__scope_end) externref__scope_grow();
    externref__entry *made = externref__scope_next++;
    made->object = handle;
    made->text = NULL;
    return &made->object;
}

/* Text from the host, address and length in one, in the scope. */
const char *externref__text(uint64_t text);
externref__view externref__text_view(uint64_t text);

static inline uint64_t externref__joined(int32_t address, int32_t length) {
    return (uint32_t)address | (uint64_t)(uint32_t)length << 32;
}

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

static inline externref__word *externref__end(externref__word *object) {
    externref__drop((int32_t)*object - 1);
    *object = 0;
    return object;
}

#endif
