/* What a guest without a C library needs all the same: initialisation, memory functions that compilers call, a heap.
 *
 * It is linked as an archive, so each of these is taken only if the guest has none of its own, and only if it is used.
 * One section a function, and the linker's garbage collection, do the rest.
 */
#include <stddef.h>
#include <stdint.h>

#define WEAK __attribute__((weak))

/* ---- Memory ---- */

WEAK void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (size--) *t++ = *f++;
    return to;
}

WEAK void *memmove(void *to, const void *from, size_t size) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if ((uintptr_t)t <= (uintptr_t)f) {
        while (size--) *t++ = *f++;
    } else {
        while (size--) t[size] = f[size];
    }
    return to;
}

WEAK void *memset(void *to, int byte, size_t size) {
    unsigned char *t = to;
    while (size--) *t++ = (unsigned char)byte;
    return to;
}

WEAK int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *l = left, *r = right;
    for (; size--; l++, r++) {
        if (*l != *r) return *l < *r ? -1 : 1;
    }
    return 0;
}

WEAK size_t strlen(const char *text) {
    const char *end = text;
    while (*end) end++;
    return (size_t)(end - text);
}

/* ---- The heap: blocks whose size is a power of two, a list of free ones for each size ---- */

extern unsigned char __heap_base;

typedef union block {
    struct {
        union block *next;
        uint32_t order;
    };
    _Alignas(16) unsigned char header[16];
} block;

#define PAGE 65536u
#define SMALLEST 5u
#define LARGEST 31u

static block *free_blocks[LARGEST + 1];
static uintptr_t top;

static block *fresh_block(uint32_t order) {
    uintptr_t size = (uintptr_t)1 << order;
    if (top == 0) top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end - top < size) {
        uintptr_t pages = (size - (end - top) + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
    }
    block *made = (block *)top;
    top += size;
    made->order = order;
    return made;
}

WEAK void *malloc(size_t size) {
    if (size > ((size_t)1 << (LARGEST - 1)) - sizeof(block)) return NULL;
    uint32_t order = SMALLEST;
    while (((size_t)1 << order) < size + sizeof(block)) order++;
    block *taken = free_blocks[order];
    if (taken) {
        free_blocks[order] = taken->next;
    } else {
        taken = fresh_block(order);
    }
    return taken ? taken + 1 : NULL;
}

WEAK void free(void *pointer) {
    if (!pointer) return;
    block *ended = (block *)pointer - 1;
    ended->next = free_blocks[ended->order];
    free_blocks[ended->order] = ended;
}

WEAK void *calloc(size_t count, size_t size) {
    size_t sum;
    if (__builtin_mul_overflow(count, size, &sum)) return NULL;
    void *made = malloc(sum);
    return made ? memset(made, 0, sum) : NULL;
}

WEAK void *realloc(void *pointer, size_t size) {
    if (!pointer) return malloc(size);
    size_t room = ((size_t)1 << ((block *)pointer - 1)->order) - sizeof(block);
    if (size <= room) return pointer;
    void *made = malloc(size);
    if (made) {
        memcpy(made, pointer, room);
        free(pointer);
    }
    return made;
}

WEAK void *aligned_alloc(size_t alignment, size_t size) { return alignment <= 16 ? malloc(size) : NULL; }

_Noreturn WEAK void abort(void) { __builtin_trap(); }

/* ---- What C++ asks for ---- */

WEAK void *__dso_handle = NULL;

/* A guest never exits, so its globals are never destroyed. */
WEAK int __cxa_atexit(void (*function)(void *), void *argument, void *dso) {
    (void)function, (void)argument, (void)dso;
    return 0;
}

_Noreturn WEAK void __cxa_pure_virtual(void) { __builtin_trap(); }

/* operator new, new[], delete, delete[], with and without the size, as the Itanium ABI spells them for 32-bit words. */
WEAK void *_Znwm(size_t size) {
    void *made = malloc(size);
    if (!made) __builtin_trap();
    return made;
}
WEAK void *_Znam(size_t size) { return _Znwm(size); }
WEAK void _ZdlPv(void *pointer) { free(pointer); }
WEAK void _ZdaPv(void *pointer) { free(pointer); }
WEAK void _ZdlPvm(void *pointer, size_t size) {
    (void)size;
    free(pointer);
}
WEAK void _ZdaPvm(void *pointer, size_t size) {
    (void)size;
    free(pointer);
}

/* ---- Initialisation: a host calls it once, before any other export (as in a WASI reactor) ---- */

extern void __wasm_call_ctors(void);

__attribute__((export_name("_initialize"))) void _initialize(void) {
    static int done;
    if (done) __builtin_trap();
    done = 1;
    __wasm_call_ctors();
}
