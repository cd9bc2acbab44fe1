/* Host references in WebAssembly guests written in C++, from C++17 on; neither exceptions nor RTTI are needed.
 *
 *     EXTERNREF_RESOURCE(Arena);
 *     EXTERNREF_RESOURCE(Bytes);
 *
 *     EXTERNREF_IMPORT("arena", "alloc", optown(Bytes), arena_alloc, (ref(Arena), arena), (u32, size));
 *
 *     std::vector<externref::ref<Bytes>> kept;
 *
 *     EXTERNREF_EXPORT("reserve", bool, reserve, (ref(Arena), arena), (u32, size)) {
 *         auto bytes = arena_alloc(arena, size);
 *         if (!bytes) return false;
 *         kept.push_back(std::move(bytes));
 *         return true;
 *     }
 *
 * `ref<R>` owns a reference and ends it on destruction; `borrowed<R>` is a copyable view of one that somebody else owns.
 * In a declaration, ref(R) and optref(R) are borrowed<R>, own(R) and optown(R) are ref<R>. See externref.h for the rest.
 */
#ifndef EXTERNREF_HPP
#define EXTERNREF_HPP

#ifndef __cplusplus
#error "externref.hpp is for C++; in C, include externref.h"
#endif

#define EXTERNREF__RESOURCE(R) struct R
#define EXTERNREF__MAKE(type, handle) (type::from_handle(static_cast<::externref__handle>(handle)))
#define EXTERNREF__BORROWED(R) ::externref::borrowed<R>
#define EXTERNREF__OWNED(R) ::externref::ref<R>
#define EXTERNREF__HANDLE(value) ((value).handle())
#define EXTERNREF__RELEASE(value) ((value).release())
#define EXTERNREF__HOLDER(type) type::owner
#define EXTERNREF__LEND(value) (value)
#define EXTERNREF__MOVE(value) (static_cast<decltype(value) &&>(value))
#define EXTERNREF__END(value)
#define EXTERNREF__SCOPE const ::externref::scope externref__scope;

#include "externref.h"

extern "C" {
// Defined where the guest uses client classes.
extern __attribute__((weak)) struct externref__entry *externref__scope_next;
__attribute__((weak)) void externref__scope_leave(struct externref__entry *mark);
}

namespace externref {

namespace internal {
// Also read and written through the client class that a reference is seen as.
typedef externref__handle word __attribute__((may_alias));
template <class T> constexpr void accept(T *) noexcept {}
}  // namespace internal

/// While one of these lives, so do the objects of client classes that the host returns.
class scope {
  public:
    scope() noexcept : mark_(&externref__scope_next ? externref__scope_next : nullptr) {}
    ~scope() {
        if (&externref__scope_next && externref__scope_next != mark_) externref__scope_leave(mark_);
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

  private:
    struct externref__entry *mark_;
};

template <class R> class ref;

/// A reference that somebody else owns, or null.
template <class R> class borrowed {
  public:
    using owner = ref<R>;

    constexpr borrowed() noexcept = default;
    constexpr borrowed(decltype(nullptr)) noexcept {}
    constexpr borrowed(const ref<R> &owner) noexcept;
    /// Of an object of a derived client class.
    template <class Derived, class = decltype(internal::accept<R>(static_cast<Derived *>(nullptr)))>
    constexpr borrowed(const ref<Derived> &owner) noexcept : handle_(owner.handle()) {}
    template <class Derived, class = decltype(internal::accept<R>(static_cast<Derived *>(nullptr)))>
    constexpr borrowed(const borrowed<Derived> &other) noexcept : handle_(other.handle()) {}
    /// Of an object of a client class, for as long as that lives.
    template <class Object, class = decltype(Object::externref_handle)>
    borrowed(const Object &object) noexcept : handle_(object.externref_handle) {
        internal::accept<const R>(&object);
    }

    static constexpr borrowed from_handle(externref__handle handle) noexcept { return borrowed(handle, 0); }
    constexpr externref__handle handle() const noexcept { return handle_; }

    constexpr explicit operator bool() const noexcept { return handle_ != 0; }

    /// The object, of a client class.
    R &operator*() const noexcept { return *operator->(); }
    R *operator->() const noexcept {
        static_assert(sizeof(R) == sizeof(*this), "a client class, without members of its own");
        return reinterpret_cast<R *>(const_cast<internal::word *>(&handle_));
    }
    operator R &() const noexcept { return **this; }
    R *get() const noexcept { return handle_ ? operator->() : nullptr; }

    /// A reference of its own to the same object.
    ref<R> clone() const noexcept;

  private:
    constexpr borrowed(externref__handle handle, int) noexcept : handle_(handle) {}
    internal::word handle_ = 0;
};

/// A reference that ends with its owner, or null. Two owners of one object are two references: see clone().
template <class R> class ref {
  public:
    constexpr ref() noexcept = default;
    constexpr ref(decltype(nullptr)) noexcept {}
    constexpr ref(ref &&other) noexcept : handle_(other.release()) {}
    /// A second reference to an object of a client class, which outlives the scope of the first.
    template <class Object, class = decltype(Object::externref_handle)>
    explicit ref(const Object &object) noexcept
        : handle_(borrowed<R>(object).clone().release()) {}
    /// Takes over what a temporary or moved object of a client class refers to.
    template <class Object, class = decltype(static_cast<Object *>(nullptr)->externref_handle = 0)>
    explicit ref(Object &&object) noexcept : handle_(object.externref_handle) {
        internal::accept<R>(&object);
        object.externref_handle = 0;
    }
    template <class Derived, class = decltype(internal::accept<R>(static_cast<Derived *>(nullptr)))>
    ref(ref<Derived> &&other) noexcept : handle_(other.release()) {}
    ref(const ref &) = delete;
    ref &operator=(const ref &) = delete;
    ref &operator=(ref &&other) noexcept {
        if (this != &other) {
            reset();
            handle_ = other.release();
        }
        return *this;
    }
    ~ref() { reset(); }

    static constexpr ref from_handle(externref__handle handle) noexcept { return ref(handle, 0); }
    constexpr externref__handle handle() const noexcept { return handle_; }

    /// Gives up ownership without an end to the reference.
    [[nodiscard]] constexpr externref__handle release() noexcept {
        externref__handle handle = handle_;
        handle_ = 0;
        return handle;
    }

    /// Ends the reference: the host is told, if it asks to be.
    void reset() noexcept {
        if (handle_ != 0) externref__drop(static_cast<int32_t>(release()) - 1);
    }

    constexpr explicit operator bool() const noexcept { return handle_ != 0; }

    /// The object, of a client class.
    R &operator*() const noexcept { return *operator->(); }
    R *operator->() const noexcept {
        static_assert(sizeof(R) == sizeof(*this), "a client class, without members of its own");
        return reinterpret_cast<R *>(const_cast<internal::word *>(&handle_));
    }
    R *get() const noexcept { return handle_ ? operator->() : nullptr; }

    /// A second reference to the same object.
    ref clone() const noexcept { return borrowed<R>(*this).clone(); }

    friend void swap(ref &a, ref &b) noexcept {
        externref__handle handle = a.handle_;
        a.handle_ = b.handle_;
        b.handle_ = handle;
    }

  private:
    constexpr ref(externref__handle handle, int) noexcept : handle_(handle) {}
    internal::word handle_ = 0;
};

template <class Object, class = decltype(Object::externref_handle)> ref(const Object &) -> ref<Object>;

template <class R> constexpr borrowed<R>::borrowed(const ref<R> &owner) noexcept : handle_(owner.handle()) {}

template <class R> ref<R> borrowed<R>::clone() const noexcept {
    return ref<R>::from_handle(
        static_cast<externref__handle>(externref__insert(externref__get(static_cast<int32_t>(handle_) - 1))) + 1);
}

}  // namespace externref

#endif
