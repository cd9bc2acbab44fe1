/* The scope of objects and text that the host returned: a stack, whose entries never move. */
#include "client.h"

void *malloc(size_t);
void *realloc(void *, size_t);
void free(void *);

#define COUNT 256

typedef struct chunk {
    struct chunk *before, *after;
    externref__entry entries[COUNT];
} chunk;

static chunk first;
static chunk *current = &first;

externref__entry *externref__scope_next = first.entries;
externref__entry *externref__scope_end = first.entries + COUNT;

static void enter(chunk *entered, externref__entry *next) {
    current = entered;
    externref__scope_next = next;
    externref__scope_end = entered->entries + COUNT;
}

void externref__scope_grow(void) {
    if (!current->after) {
        chunk *made = malloc(sizeof *made);
        if (!made) __builtin_trap();
        made->before = current;
        made->after = NULL;
        current->after = made;
    }
    enter(current->after, current->after->entries);
}

static char *keep_text(char *text) {
    externref__entry *made = (externref__entry *)(void *)externref__scope_object(0);
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

/* Ends what was returned since the mark was next. The end of a chunk and the beginning of the one behind are one place. */
void externref__scope_leave(externref__entry *mark) {
    while (externref__scope_next != mark) {
        if (externref__scope_next == current->entries) {
            enter(current->before, current->before->entries + COUNT);
            continue;
        }
        externref__entry *ended = --externref__scope_next;
        if (ended->text) free(ended->text);
        else externref__drop((int32_t)ended->object - 1);
    }
}
