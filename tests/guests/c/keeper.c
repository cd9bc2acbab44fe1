/* Keeps what the host passes in all the places that C has: globals, structs, arrays, the heap. */
#include "externref.h"
#include "keeper.h"

void *malloc(size_t);
void free(void *);

EXTERNREF_RESOURCE(Thing);

EXTERNREF_IMPORT("host", "make", own(Thing), make, (u32, number));
EXTERNREF_IMPORT("host", "maybe", optown(Thing), maybe, (bool, yes));
EXTERNREF_IMPORT("host", "look", u32, look, (ref(Thing), thing));
EXTERNREF_IMPORT("host", "look-null", bool, look_null, (optref(Thing), thing));
EXTERNREF_IMPORT("host", "give", void, give, (own(Thing), thing));
EXTERNREF_IMPORT("host", "mixed", f64, mixed, (f32, a), (ref(Thing), b), (s64, c), (str, d), (bytes, e), (optref(Thing), f));

static Thing global;

struct pair {
    int before;
    Thing first, second;
};

static struct pair pairs[SIZE];
static Thing *heap;
static u32_count count;

EXTERNREF_EXPORT("keep", void, keep, (own(Thing), thing)) {
    externref_drop(global);
    global = thing;
}

EXTERNREF_EXPORT("kept", optref(Thing), kept) { return global; }

EXTERNREF_EXPORT("let-go", optown(Thing), let_go) { return externref_take(&global); }

EXTERNREF_EXPORT("copy", own(Thing), copy, (ref(Thing), thing)) { return externref_clone(thing); }

EXTERNREF_EXPORT("push", u32, push, (ref(Thing), first), (optref(Thing), second)) {
    struct pair *pair = &pairs[count++];
    pair->first = externref_clone(first);
    if (!externref_is_null(second)) pair->second = externref_clone(second);
    return count;
}

EXTERNREF_EXPORT("sum", u32, sum) {
    uint32_t sum = 0;
    for (uint32_t at = 0; at < count; at++) {
        sum += look(pairs[at].first);
        if (!look_null(pairs[at].second)) sum += look(pairs[at].second);
    }
    return sum;
}

EXTERNREF_EXPORT("clear", void, clear) {
    for (uint32_t at = 0; at < count; at++) {
        externref_drop(pairs[at].first);
        externref_drop(pairs[at].second);
        pairs[at] = (struct pair){0};
    }
    count = 0;
}

EXTERNREF_EXPORT("on-heap", u32, on_heap, (u32, size)) {
    uint32_t sum = 0;
    heap = malloc(size * sizeof(Thing));
    for (uint32_t at = 0; at < size; at++) heap[at] = make(at);
    for (uint32_t at = 0; at < size; at++) sum += look(heap[at]);
    for (uint32_t at = 0; at < size; at++) give(heap[at]);
    free(heap);
    return sum;
}

EXTERNREF_EXPORT("present", bool, present, (bool, yes)) {
    Thing thing = maybe(yes);
    bool is_present = !externref_is_null(thing);
    externref_drop(thing);
    return is_present;
}

EXTERNREF_EXPORT("all", f64, all, (f32, a), (ref(Thing), b), (s64, c), (str, d), (bytes, e), (optref(Thing), f)) {
    return mixed(a, b, c, d, e, f);
}

EXTERNREF_EXPORT("plain", u64, plain, (u8, a), (s8, b), (u16, c), (s16, d), (u32, e), (s32, f), (usize, g), (char32, h)) {
    return a + (uint64_t)b + c + (uint64_t)d + e + (uint64_t)f + g + h;
}
