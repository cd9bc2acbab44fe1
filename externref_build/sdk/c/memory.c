/* The allocator that the host uses for what it passes to the guest: text and bytes. */
#include <stddef.h>

void *realloc(void *, size_t);
void free(void *);

/* A pointer for the host to write to; the guest owns it. Traps where there is no memory. Size 0 frees what is old. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    if (size == 0) {
        if (old_size != 0) free(old);
        return (void *)alignment;
    }
    void *made = alignment <= 16 ? realloc(old, size) : NULL;
    if (!made) __builtin_trap();
    return made;
}

/* Ends what the host passed. */
void externref__free(void *pointer, size_t size) {
    if (size != 0) free(pointer);
}
