/* Host references in WebAssembly guests written in C, from C11 on. For C++ there is externref.hpp.
 *
 * A reference is a word in a struct of its own for each kind of host object. It may lie in structs, arrays and globals;
 * all bits zero is null.
 *
 *     EXTERNREF_RESOURCE(Arena);
 *     EXTERNREF_RESOURCE(Bytes);
 *
 *     EXTERNREF_IMPORT("arena", "alloc", optown(Bytes), arena_alloc, (ref(Arena), arena), (u32, size));
 *
 *     EXTERNREF_EXPORT("reserve", bool, reserve, (ref(Arena), arena), (u32, size)) {
 *         Bytes bytes = arena_alloc(arena, size);
 *         bool done = !externref_is_null(bytes);
 *         externref_drop(bytes);
 *         return done;
 *     }
 *
 * A function has a result, a name in C, and up to 16 parameters, each a type and a name. The types:
 *
 *     ref(R)     R, borrowed: the caller keeps it
 *     own(R)     R, owned: whoever receives it drops it, or passes it on
 *     optref(R), optown(R)    the same, or null
 *     bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 usize
 *     char32     a Unicode scalar value, as uint32_t
 *     str bytes  externref_str, externref_bytes: lent for the time of the call; parameters only
 *     void       as result: none
 *
 * A null where none is declared is a trap.
 *
 * Each macro leaves a record of the references in the custom section `__externrefs`, and its interface in
 * `__externrefs_interface`. externref-build reads them when it rewrites the linked module, in which the values become
 * references in the types that the host sees.
 */
#ifndef EXTERNREF_H
#define EXTERNREF_H

#ifndef __wasm32__
#error "externref.h is for WebAssembly guests: compile for wasm32"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What objects of one module must agree on: how this header, and what is linked to it, keep and pass references. */
#define EXTERNREF_SDK "1"

#ifdef __cplusplus
#define EXTERNREF__EXTERN_C extern "C"
#else
#define EXTERNREF__EXTERN_C extern
#endif

/* ---- What externref-build replaces: functions on slots of the module's table, and on references in passing ---- */

EXTERNREF__EXTERN_C __attribute__((import_module("externref"), import_name("insert"))) int32_t externref__insert(int32_t);
EXTERNREF__EXTERN_C __attribute__((import_module("externref"), import_name("get"))) int32_t externref__get(int32_t);
EXTERNREF__EXTERN_C __attribute__((import_module("externref"), import_name("take"))) int32_t externref__take(int32_t);
EXTERNREF__EXTERN_C __attribute__((import_module("externref"), import_name("drop"))) void externref__drop(int32_t);

/* Ends text or bytes that the host passed: in the C SDK's memory.c. */
EXTERNREF__EXTERN_C void externref__free(void *, size_t);

/* ---- Resources ---- */

typedef struct externref_str { const char *data; size_t length; } externref_str;
typedef struct externref_bytes { const uint8_t *data; size_t length; } externref_bytes;

/* One more than the slot, which is -1 for null: so null is 0. */
typedef uint32_t externref__handle;

static inline __attribute__((unused, always_inline)) externref__handle externref__present(externref__handle handle) {
    if (!handle) __builtin_trap();
    return handle;
}

#ifndef EXTERNREF__RESOURCE

#define EXTERNREF__RESOURCE(R) typedef struct R { externref__handle externref_handle; } R
#define EXTERNREF__MAKE(type, handle) ((type){(externref__handle)(handle)})
#define EXTERNREF__BORROWED(R) R
#define EXTERNREF__OWNED(R) R
#define EXTERNREF__HANDLE(value) ((value).externref_handle)
#define EXTERNREF__RELEASE(value) ((value).externref_handle)
#define EXTERNREF__HOLDER(type) type
#define EXTERNREF__LEND(value) (value)
#define EXTERNREF__MOVE(value) (value)
#define EXTERNREF__END(value) externref_drop(value);
#define EXTERNREF__SCOPE

/* Whether a resource is null. */
#define externref_is_null(resource) ((resource).externref_handle == 0)

/* Ends a reference: the host is told, if it asks to be, and the object is free to go. Null is left alone. */
#define externref_drop(resource) externref__drop((int32_t)(resource).externref_handle - 1)

/* A second reference to the object of the first. */
#define externref_clone(resource) \
    EXTERNREF__MAKE(__typeof__(resource), externref__insert(externref__get((int32_t)(resource).externref_handle - 1)) + 1)

/* Moves a reference out of a variable, which is null from then on: `return externref_take(&state.bytes);`. */
#define externref_take(pointer) \
    __extension__({ \
        __typeof__(*(pointer)) externref__taken = *(pointer); \
        (pointer)->externref_handle = 0; \
        externref__taken; \
    })

#endif

/* Declares a kind of host object. */
#define EXTERNREF_RESOURCE(R) EXTERNREF__RESOURCE(R)

/* ---- Types of values: what passes how, its type in C, its type in the interface as it stands in a line of JSON ---- */

#define EXTERNREF__Q "\\\""
#define EXTERNREF__JSON_REF(key, R, null) "{" EXTERNREF__Q key EXTERNREF__Q ":" EXTERNREF__Q R EXTERNREF__Q null "}"
#define EXTERNREF__JSON_NULL "," EXTERNREF__Q "null" EXTERNREF__Q ":true"
#define EXTERNREF__JSON_NAME(name) EXTERNREF__Q name EXTERNREF__Q

#define EXTERNREF__T_ref(R) BORROWED, EXTERNREF__BORROWED(R), EXTERNREF__JSON_REF("ref", #R, ), externref__present
#define EXTERNREF__T_own(R) OWNED, EXTERNREF__OWNED(R), EXTERNREF__JSON_REF("own", #R, ), externref__present
#define EXTERNREF__T_optref(R) BORROWED, EXTERNREF__BORROWED(R), EXTERNREF__JSON_REF("ref", #R, EXTERNREF__JSON_NULL),
#define EXTERNREF__T_optown(R) OWNED, EXTERNREF__OWNED(R), EXTERNREF__JSON_REF("own", #R, EXTERNREF__JSON_NULL),
#define EXTERNREF__T_bool NUMBER, bool, EXTERNREF__JSON_NAME("bool"),
#define EXTERNREF__T__Bool EXTERNREF__T_bool
#define EXTERNREF__T_s8 NUMBER, int8_t, EXTERNREF__JSON_NAME("s8"),
#define EXTERNREF__T_u8 NUMBER, uint8_t, EXTERNREF__JSON_NAME("u8"),
#define EXTERNREF__T_s16 NUMBER, int16_t, EXTERNREF__JSON_NAME("s16"),
#define EXTERNREF__T_u16 NUMBER, uint16_t, EXTERNREF__JSON_NAME("u16"),
#define EXTERNREF__T_s32 NUMBER, int32_t, EXTERNREF__JSON_NAME("s32"),
#define EXTERNREF__T_u32 NUMBER, uint32_t, EXTERNREF__JSON_NAME("u32"),
#define EXTERNREF__T_s64 NUMBER, int64_t, EXTERNREF__JSON_NAME("s64"),
#define EXTERNREF__T_u64 NUMBER, uint64_t, EXTERNREF__JSON_NAME("u64"),
#define EXTERNREF__T_f32 NUMBER, float, EXTERNREF__JSON_NAME("f32"),
#define EXTERNREF__T_f64 NUMBER, double, EXTERNREF__JSON_NAME("f64"),
#define EXTERNREF__T_usize NUMBER, size_t, EXTERNREF__JSON_NAME("usize"),
#define EXTERNREF__T_char32 NUMBER, uint32_t, EXTERNREF__JSON_NAME("char"),
#define EXTERNREF__T_str SLICE, externref_str, EXTERNREF__JSON_NAME("str"), const char
#define EXTERNREF__T_bytes SLICE, externref_bytes, EXTERNREF__JSON_NAME("bytes"), const uint8_t
#define EXTERNREF__T_void VOID, void, "",

/* Each of the macros below is applied to parameters, as (type, name). */

#define EXTERNREF__APPLY(macro, ...) macro(__VA_ARGS__)
#define EXTERNREF__BEGIN(macro, ...) macro(__VA_ARGS__)
#define EXTERNREF__PASTE(prefix, how) prefix##how

/* As the function shows it. */
#define EXTERNREF__SHOWN(T, n) EXTERNREF__APPLY(EXTERNREF__SHOWN_, EXTERNREF__T_##T, n)
#define EXTERNREF__SHOWN_(how, type, json, extra, n) type n

/* As it crosses the border. */
#define EXTERNREF__CORE(T, n) EXTERNREF__APPLY(EXTERNREF__CORE_, EXTERNREF__T_##T, n)
#define EXTERNREF__CORE_(how, type, json, extra, n) EXTERNREF__CORE_##how(type, extra, n)
#define EXTERNREF__CORE_BORROWED(type, extra, n) int32_t n
#define EXTERNREF__CORE_OWNED(type, extra, n) int32_t n
#define EXTERNREF__CORE_NUMBER(type, extra, n) type n
#define EXTERNREF__CORE_SLICE(type, element, n) element *n##_data, size_t n##_length

/* Given to the host. */
#define EXTERNREF__GIVE(T, n) EXTERNREF__APPLY(EXTERNREF__GIVE_, EXTERNREF__T_##T, n)
#define EXTERNREF__GIVE_(how, type, json, extra, n) EXTERNREF__GIVE_##how(extra, n)
#define EXTERNREF__GIVE_BORROWED(check, n) externref__get((int32_t)check(EXTERNREF__HANDLE(n)) - 1)
#define EXTERNREF__GIVE_OWNED(check, n) externref__take((int32_t)check(EXTERNREF__RELEASE(n)) - 1)
#define EXTERNREF__GIVE_NUMBER(extra, n) n
#define EXTERNREF__GIVE_SLICE(extra, n) (n).data, (n).length

/* Held by the export's frame while the function runs, lent or moved to it, and ended. */
#define EXTERNREF__HOLD(T, n) EXTERNREF__APPLY(EXTERNREF__HOLD_, EXTERNREF__T_##T, n)
#define EXTERNREF__HOLD_(how, type, json, extra, n) EXTERNREF__HOLD_##how(type, extra, n)
#define EXTERNREF__HOLD_BORROWED(type, check, n) \
    EXTERNREF__HOLDER(type) externref__##n = EXTERNREF__MAKE(EXTERNREF__HOLDER(type), check((externref__handle)externref__insert(n) + 1));
#define EXTERNREF__HOLD_OWNED(type, check, n) \
    type externref__##n = EXTERNREF__MAKE(type, check((externref__handle)externref__insert(n) + 1));
#define EXTERNREF__HOLD_NUMBER(type, extra, n)
#define EXTERNREF__HOLD_SLICE(type, extra, n) type externref__##n = {n##_data, n##_length};

#define EXTERNREF__PASS(T, n) EXTERNREF__APPLY(EXTERNREF__PASS_, EXTERNREF__T_##T, n)
#define EXTERNREF__PASS_(how, type, json, extra, n) EXTERNREF__PASS_##how(n)
#define EXTERNREF__PASS_BORROWED(n) EXTERNREF__LEND(externref__##n)
#define EXTERNREF__PASS_OWNED(n) EXTERNREF__MOVE(externref__##n)
#define EXTERNREF__PASS_NUMBER(n) n
#define EXTERNREF__PASS_SLICE(n) externref__##n

#define EXTERNREF__ENDED(T, n) EXTERNREF__APPLY(EXTERNREF__ENDED_, EXTERNREF__T_##T, n)
#define EXTERNREF__ENDED_(how, type, json, extra, n) EXTERNREF__ENDED_##how(n)
#define EXTERNREF__ENDED_BORROWED(n) EXTERNREF__END(externref__##n)
#define EXTERNREF__ENDED_OWNED(n)
#define EXTERNREF__ENDED_NUMBER(n)
#define EXTERNREF__ENDED_SLICE(n) externref__free((void *)(uintptr_t)n##_data, n##_length);

/* ---- Results ---- */

#define EXTERNREF__RESULT_SHOWN(T) EXTERNREF__APPLY(EXTERNREF__RESULT_SHOWN_, EXTERNREF__T_##T)
#define EXTERNREF__RESULT_SHOWN_(how, type, json, extra) type
#define EXTERNREF__RESULT_CORE(T) EXTERNREF__APPLY(EXTERNREF__RESULT_CORE_, EXTERNREF__T_##T)
#define EXTERNREF__RESULT_CORE_(how, type, json, extra) EXTERNREF__RESULT_CORE_##how(type)
#define EXTERNREF__RESULT_CORE_BORROWED(type) int32_t
#define EXTERNREF__RESULT_CORE_OWNED(type) int32_t
#define EXTERNREF__RESULT_CORE_NUMBER(type) type
#define EXTERNREF__RESULT_CORE_VOID(type) type

/* What an import returns, in the hands of its caller. */
#define EXTERNREF__RECEIVE(T, call) EXTERNREF__APPLY(EXTERNREF__RECEIVE_, EXTERNREF__T_##T, call)
#define EXTERNREF__RECEIVE_(how, type, json, extra, call) EXTERNREF__RECEIVE_##how(type, extra, call)
#define EXTERNREF__RECEIVE_OWNED(type, check, call) \
    return EXTERNREF__MAKE(type, check((externref__handle)externref__insert(call) + 1));
#define EXTERNREF__RECEIVE_NUMBER(type, extra, call) return call;
#define EXTERNREF__RECEIVE_VOID(type, extra, call) call;

/* What an export returns, after its parameters have ended. */
#define EXTERNREF__RETURN(T, call, ends) EXTERNREF__APPLY(EXTERNREF__RETURN_, EXTERNREF__T_##T, call, ends)
#define EXTERNREF__RETURN_(how, type, json, extra, call, ends) EXTERNREF__RETURN_##how(type, extra, call, ends)
#define EXTERNREF__RETURN_BORROWED(type, check, call, ends) \
    type externref__result = call; \
    ends return EXTERNREF__GIVE_BORROWED(check, externref__result);
#define EXTERNREF__RETURN_OWNED(type, check, call, ends) \
    type externref__result = call; \
    ends return EXTERNREF__GIVE_OWNED(check, externref__result);
#define EXTERNREF__RETURN_NUMBER(type, extra, call, ends) \
    type externref__result = call; \
    ends return externref__result;
#define EXTERNREF__RETURN_VOID(type, extra, call, ends) call; ends

/* ---- Records, by top-level assembly: data with a section attribute would become a data segment ---- */

/* The number of values, and the mask of those that are references, lowest bit first. */
#define EXTERNREF__WIDTH(T, n) EXTERNREF__APPLY(EXTERNREF__WIDTH_, EXTERNREF__T_##T)
#define EXTERNREF__WIDTH_(how, type, json, extra) EXTERNREF__WIDTH_##how
#define EXTERNREF__WIDTH_BORROWED "+1"
#define EXTERNREF__WIDTH_OWNED "+1"
#define EXTERNREF__WIDTH_NUMBER "+1"
#define EXTERNREF__WIDTH_SLICE "+2"
#define EXTERNREF__WIDTH_VOID
#define EXTERNREF__MASK(T, n) EXTERNREF__APPLY(EXTERNREF__MASK_, EXTERNREF__T_##T)
#define EXTERNREF__MASK_(how, type, json, extra) EXTERNREF__MASK_##how
#define EXTERNREF__MASK_BORROWED "(1+2*"
#define EXTERNREF__MASK_OWNED "(1+2*"
#define EXTERNREF__MASK_NUMBER "(0+2*"
#define EXTERNREF__MASK_SLICE "(0+4*"
#define EXTERNREF__MASK_VOID "("
#define EXTERNREF__CLOSE(T, n) ")"

#define EXTERNREF__COUNTED(string) ".int32 2f-1f\n1: .ascii " string "\n2:\n"
#define EXTERNREF__MASK_BYTE(at, width, mask) ".if (0" width ")>" #at "\n.int8 ((" mask ")>>" #at ")&255\n.endif\n"

#define EXTERNREF__RECORD(kind, name, width, mask) \
    ".section .custom_section.__externrefs,\"\",@\n" \
    ".if " mask "\n" \
    kind EXTERNREF__COUNTED(name) \
    ".int32 0" width "\n" \
    EXTERNREF__MASK_BYTE(0, width, mask) EXTERNREF__MASK_BYTE(8, width, mask) \
    EXTERNREF__MASK_BYTE(16, width, mask) EXTERNREF__MASK_BYTE(24, width, mask) \
    EXTERNREF__MASK_BYTE(32, width, mask) \
    ".endif\n"

#define EXTERNREF__TYPE_JSON(T, n) EXTERNREF__APPLY(EXTERNREF__TYPE_JSON_, EXTERNREF__T_##T)
#define EXTERNREF__TYPE_JSON_(how, type, json, extra) json
#define EXTERNREF__PARAM_JSON(T, n) "[" EXTERNREF__Q #n EXTERNREF__Q "," EXTERNREF__TYPE_JSON(T, n) "]"

#define EXTERNREF__ASCII(text) ".ascii \"" text "\"\n"
#define EXTERNREF__KEY(key) EXTERNREF__Q key EXTERNREF__Q ":"

#define EXTERNREF__INTERFACE(kind, module, name, params, result) \
    ".section .custom_section.__externrefs_interface,\"\",@\n" \
    EXTERNREF__ASCII("{" EXTERNREF__KEY("v") "1," EXTERNREF__KEY("sdk") EXTERNREF__Q "c " EXTERNREF_SDK EXTERNREF__Q) \
    EXTERNREF__ASCII("," EXTERNREF__KEY("kind") EXTERNREF__Q kind EXTERNREF__Q) module \
    EXTERNREF__ASCII("," EXTERNREF__KEY("name") EXTERNREF__Q) ".ascii " name "\n" \
    EXTERNREF__ASCII(EXTERNREF__Q "," EXTERNREF__KEY("params") "[" params "]," EXTERNREF__KEY("results") "[" result "]}\\n") \
    ".text\n"

/* ---- Imports and exports ---- */

#define EXTERNREF__IMPORT(module, name, result, count, function, ...) \
    __asm__( \
        EXTERNREF__RECORD( \
            EXTERNREF__COUNTED(#module), #name, \
            EXTERNREF__EACH_##count(EXTERNREF__WIDTH, __VA_ARGS__) EXTERNREF__WIDTH(result, ), \
            EXTERNREF__EACH_##count(EXTERNREF__MASK, __VA_ARGS__) EXTERNREF__MASK(result, ) "0" \
            EXTERNREF__EACH_##count(EXTERNREF__CLOSE, __VA_ARGS__) ")") \
        EXTERNREF__INTERFACE( \
            "import", EXTERNREF__ASCII("," EXTERNREF__KEY("module") EXTERNREF__Q) ".ascii " #module "\n" EXTERNREF__ASCII(EXTERNREF__Q), \
            #name, EXTERNREF__JOIN_##count(EXTERNREF__PARAM_JSON, __VA_ARGS__), EXTERNREF__TYPE_JSON(result, ))); \
    EXTERNREF__EXTERN_C __attribute__((import_module(module), import_name(name))) \
    EXTERNREF__RESULT_CORE(result) externref__import_##function(EXTERNREF__LIST_##count(EXTERNREF__CORE, void, __VA_ARGS__)) \
        __asm__("externref.import." module "." name); \
    static inline __attribute__((unused)) EXTERNREF__RESULT_SHOWN(result) \
    function(EXTERNREF__LIST_##count(EXTERNREF__SHOWN, void, __VA_ARGS__)) { \
        EXTERNREF__RECEIVE(result, externref__import_##function(EXTERNREF__LIST_##count(EXTERNREF__GIVE, , __VA_ARGS__))) \
    } \
    EXTERNREF__EXTERN_C int32_t externref__insert(int32_t)

#define EXTERNREF__EXPORT(name, result, count, function, ...) \
    __asm__( \
        EXTERNREF__RECORD( \
            ".int32 0xffffffff\n", #name, \
            EXTERNREF__EACH_##count(EXTERNREF__WIDTH, __VA_ARGS__) EXTERNREF__WIDTH(result, ), \
            EXTERNREF__EACH_##count(EXTERNREF__MASK, __VA_ARGS__) EXTERNREF__MASK(result, ) "0" \
            EXTERNREF__EACH_##count(EXTERNREF__CLOSE, __VA_ARGS__) ")") \
        EXTERNREF__INTERFACE( \
            "export", , #name, EXTERNREF__JOIN_##count(EXTERNREF__PARAM_JSON, __VA_ARGS__), EXTERNREF__TYPE_JSON(result, ))); \
    static EXTERNREF__RESULT_SHOWN(result) function(EXTERNREF__LIST_##count(EXTERNREF__SHOWN, void, __VA_ARGS__)); \
    EXTERNREF__EXTERN_C __attribute__((export_name(name))) EXTERNREF__RESULT_CORE(result) \
    externref__export_##function(EXTERNREF__LIST_##count(EXTERNREF__CORE, void, __VA_ARGS__)) __asm__("externref.export." name); \
    EXTERNREF__RESULT_CORE(result) externref__export_##function(EXTERNREF__LIST_##count(EXTERNREF__CORE, void, __VA_ARGS__)) { \
        EXTERNREF__SCOPE EXTERNREF__EACH_##count(EXTERNREF__HOLD, __VA_ARGS__) \
        EXTERNREF__RETURN(result, function(EXTERNREF__LIST_##count(EXTERNREF__PASS, , __VA_ARGS__)), \
                          EXTERNREF__EACH_##count(EXTERNREF__ENDED, __VA_ARGS__)) \
    } \
    static EXTERNREF__RESULT_SHOWN(result) function(EXTERNREF__LIST_##count(EXTERNREF__SHOWN, void, __VA_ARGS__))

/* Declares an import: module, name, type of the result, name in C, then (type, name) of each parameter. */
#define EXTERNREF_IMPORT(module, name, result, ...) \
    EXTERNREF__BEGIN(EXTERNREF__IMPORT, module, name, result, EXTERNREF__COUNT(__VA_ARGS__), __VA_ARGS__, ~)

/* Begins the definition of an export: name, type of the result, name in C, then (type, name) of each parameter. */
#define EXTERNREF_EXPORT(name, result, ...) \
    EXTERNREF__BEGIN(EXTERNREF__EXPORT, name, result, EXTERNREF__COUNT(__VA_ARGS__), __VA_ARGS__, ~)

/* ---- Repetition, over up to 16 parameters ---- */

#define EXTERNREF__COUNT(...) EXTERNREF__COUNT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, ~)
#define EXTERNREF__COUNT_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, n, ...) n
#define EXTERNREF__EACH_0(F, ...)
#define EXTERNREF__EACH_1(F, x, ...) F x EXTERNREF__EACH_0(F, __VA_ARGS__)
#define EXTERNREF__EACH_2(F, x, ...) F x EXTERNREF__EACH_1(F, __VA_ARGS__)
#define EXTERNREF__EACH_3(F, x, ...) F x EXTERNREF__EACH_2(F, __VA_ARGS__)
#define EXTERNREF__EACH_4(F, x, ...) F x EXTERNREF__EACH_3(F, __VA_ARGS__)
#define EXTERNREF__EACH_5(F, x, ...) F x EXTERNREF__EACH_4(F, __VA_ARGS__)
#define EXTERNREF__EACH_6(F, x, ...) F x EXTERNREF__EACH_5(F, __VA_ARGS__)
#define EXTERNREF__EACH_7(F, x, ...) F x EXTERNREF__EACH_6(F, __VA_ARGS__)
#define EXTERNREF__EACH_8(F, x, ...) F x EXTERNREF__EACH_7(F, __VA_ARGS__)
#define EXTERNREF__EACH_9(F, x, ...) F x EXTERNREF__EACH_8(F, __VA_ARGS__)
#define EXTERNREF__EACH_10(F, x, ...) F x EXTERNREF__EACH_9(F, __VA_ARGS__)
#define EXTERNREF__EACH_11(F, x, ...) F x EXTERNREF__EACH_10(F, __VA_ARGS__)
#define EXTERNREF__EACH_12(F, x, ...) F x EXTERNREF__EACH_11(F, __VA_ARGS__)
#define EXTERNREF__EACH_13(F, x, ...) F x EXTERNREF__EACH_12(F, __VA_ARGS__)
#define EXTERNREF__EACH_14(F, x, ...) F x EXTERNREF__EACH_13(F, __VA_ARGS__)
#define EXTERNREF__EACH_15(F, x, ...) F x EXTERNREF__EACH_14(F, __VA_ARGS__)
#define EXTERNREF__EACH_16(F, x, ...) F x EXTERNREF__EACH_15(F, __VA_ARGS__)
#define EXTERNREF__JOIN_0(F, ...) ""
#define EXTERNREF__JOIN_1(F, x, ...) F x
#define EXTERNREF__JOIN_2(F, x, ...) F x "," EXTERNREF__JOIN_1(F, __VA_ARGS__)
#define EXTERNREF__JOIN_3(F, x, ...) F x "," EXTERNREF__JOIN_2(F, __VA_ARGS__)
#define EXTERNREF__JOIN_4(F, x, ...) F x "," EXTERNREF__JOIN_3(F, __VA_ARGS__)
#define EXTERNREF__JOIN_5(F, x, ...) F x "," EXTERNREF__JOIN_4(F, __VA_ARGS__)
#define EXTERNREF__JOIN_6(F, x, ...) F x "," EXTERNREF__JOIN_5(F, __VA_ARGS__)
#define EXTERNREF__JOIN_7(F, x, ...) F x "," EXTERNREF__JOIN_6(F, __VA_ARGS__)
#define EXTERNREF__JOIN_8(F, x, ...) F x "," EXTERNREF__JOIN_7(F, __VA_ARGS__)
#define EXTERNREF__JOIN_9(F, x, ...) F x "," EXTERNREF__JOIN_8(F, __VA_ARGS__)
#define EXTERNREF__JOIN_10(F, x, ...) F x "," EXTERNREF__JOIN_9(F, __VA_ARGS__)
#define EXTERNREF__JOIN_11(F, x, ...) F x "," EXTERNREF__JOIN_10(F, __VA_ARGS__)
#define EXTERNREF__JOIN_12(F, x, ...) F x "," EXTERNREF__JOIN_11(F, __VA_ARGS__)
#define EXTERNREF__JOIN_13(F, x, ...) F x "," EXTERNREF__JOIN_12(F, __VA_ARGS__)
#define EXTERNREF__JOIN_14(F, x, ...) F x "," EXTERNREF__JOIN_13(F, __VA_ARGS__)
#define EXTERNREF__JOIN_15(F, x, ...) F x "," EXTERNREF__JOIN_14(F, __VA_ARGS__)
#define EXTERNREF__JOIN_16(F, x, ...) F x "," EXTERNREF__JOIN_15(F, __VA_ARGS__)
#define EXTERNREF__LIST_0(F, none, ...) none
#define EXTERNREF__LIST_1(F, none, x, ...) F x
#define EXTERNREF__LIST_2(F, none, x, ...) F x, EXTERNREF__LIST_1(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_3(F, none, x, ...) F x, EXTERNREF__LIST_2(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_4(F, none, x, ...) F x, EXTERNREF__LIST_3(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_5(F, none, x, ...) F x, EXTERNREF__LIST_4(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_6(F, none, x, ...) F x, EXTERNREF__LIST_5(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_7(F, none, x, ...) F x, EXTERNREF__LIST_6(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_8(F, none, x, ...) F x, EXTERNREF__LIST_7(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_9(F, none, x, ...) F x, EXTERNREF__LIST_8(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_10(F, none, x, ...) F x, EXTERNREF__LIST_9(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_11(F, none, x, ...) F x, EXTERNREF__LIST_10(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_12(F, none, x, ...) F x, EXTERNREF__LIST_11(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_13(F, none, x, ...) F x, EXTERNREF__LIST_12(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_14(F, none, x, ...) F x, EXTERNREF__LIST_13(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_15(F, none, x, ...) F x, EXTERNREF__LIST_14(F, none, __VA_ARGS__)
#define EXTERNREF__LIST_16(F, none, x, ...) F x, EXTERNREF__LIST_15(F, none, __VA_ARGS__)

#endif
