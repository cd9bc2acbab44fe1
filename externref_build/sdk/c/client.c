/* The scope of objects and text that the host returned: a stack, whose entries never move. */
#include "client.h"

void *malloc(size_t);
void *realloc(void *, size_t);
void free(void *);

typedef struct entry {
    externref__word object;
    char *text;
} entry;

#define CHUNK 256u

static entry first[CHUNK];
static entry *first_chunks[1] = {first};
static entry **chunks = first_chunks;
static uint32_t chunk_count = 1;

uint32_t externref__scope_top = 0;

static __attribute__((noinline)) void grow(uint32_t chunk) {
    entry **more = malloc((chunk + 1) * sizeof *more);
    if (!more) __builtin_trap();
    for (uint32_t at = 0; at < chunk; at++) more[at] = chunks[at];
    more[chunk] = malloc(CHUNK * sizeof *more[chunk]);
    if (!more[chunk]) __builtin_trap();
    if (chunks != first_chunks) free(chunks);
    chunks = more;
    chunk_count = chunk + 1;
}

static entry *push(void) {
    uint32_t chunk = externref__scope_top / CHUNK;
    if (chunk == chunk_count) grow(chunk);
    return &chunks[chunk][externref__scope_top++ % CHUNK];
}

externref__word *externref__scope_object(externref__handle handle) {
    entry *made = push();
    made->object = handle;
    made->text = NULL;
    return &made->object;
}

static char *keep_text(char *text) {
    entry *made = push();
    made->object = 0;
    made->text = text;
    return text;
}

/* The host's buffer is as long as the text: another byte ends it. */
const char *externref__text(uint64_t text) {
    char *data = (char *)(uintptr_t)(uint32_t)text;
    size_t length = (size_t)(text >> 32);
    if (!data) return NULL;
    char *bytes = realloc(length ? data : NULL, length + 1);
    if (!bytes) __builtin_trap();
    bytes[length] = 0;
    return keep_text(bytes);
}

externref__view externref__text_view(uint64_t text) {
    size_t length = (size_t)(text >> 32);
    if (!length) return (externref__view){"", 0};
    return (externref__view){keep_text((char *)(uintptr_t)(uint32_t)text), length};
}

/* Ends what was returned since the top was there. */
void externref__scope_leave(uint32_t mark) {
    while (externref__scope_top > mark) {
        uint32_t at = --externref__scope_top;
        entry *ended = &chunks[at / CHUNK][at % CHUNK];
        if (ended->text) free(ended->text);
        else externref__drop((int32_t)ended->object - 1);
    }
}
