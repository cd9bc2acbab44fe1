;; Functions with references, called through tables and typed function references: what a pointer leads to keeps its
;; integers, whichever functions stand in the table. An element segment names surrogates, declared imports, declared
;; exports and an inner function; one table is filled by expressions, and a global holds a declared import.
(module
  (type $unary (func (param i32) (result i32)))
  (type $consumer (func (param i32)))
  (import "externref" "insert" (func $insert (type $unary)))
  (import "host" "tell" (func $tell (type $consumer)))
  (import "externref" "get" (func $get (type $unary)))
  ;; declare import host.echo: r -> r
  (import "host" "echo" (func $echo (type $unary)))
  (import "externref" "drop" (func $drop (type $consumer)))
  ;; declare import host.use: r
  (import "host" "use" (func $use (type $consumer)))
  (import "externref" "take" (func $take (type $unary)))
  (import "externref" "guard" (func $guard))

  (table $functions funcref
    (elem $insert $get $echo $drop $use $tell $exported $inner $take $guard))
  (table $typed 1 (ref null $unary) (ref.func $echo))
  (global $pointer (ref $unary) (ref.func $exported))
  (elem declare func $by_value)

  ;; declare export exported: r -> r
  (func $exported (export "exported") (type $unary) (call $echo (local.get 0)))
  (func $inner (type $unary) (call $insert (local.get 0)))

  ;; declare export run: r -> r
  (func (export "run") (param $r i32) (result i32)
    (local $slot i32)
    (local.set $slot (call_indirect $functions (type $unary) (local.get $r) (i32.const 0)))
    (call_indirect $functions (type $consumer) (local.get $slot) (i32.const 5))
    (call_indirect $functions (type $consumer)
      (call_indirect $functions (type $unary)
        (call_indirect $functions (type $unary) (local.get $slot) (i32.const 1))
        (i32.const 2))
      (i32.const 4))
    (call_indirect $functions (type $consumer) (i32.const 5) (i32.const 5))
    (call_indirect $functions (i32.const 9))
    (local.set $r (call_indirect $functions (type $unary) (local.get $slot) (i32.const 8)))
    (call_indirect $functions (type $consumer) (local.get $slot) (i32.const 3))
    (local.get $r))

  ;; declare export by_pointer: r i -> r
  (func (export "by_pointer") (param $r i32) (param $which i32) (result i32)
    (call_indirect $functions (type $unary) (local.get $r) (local.get $which)))

  (func $by_value (type $unary) (call $echo (local.get 0)))
  ;; declare export by_reference: r -> r
  (func (export "by_reference") (param $r i32) (result i32)
    (call_ref $unary
      (call_ref $unary (local.get $r) (ref.func $by_value))
      (ref.as_non_null (table.get $typed (i32.const 0)))))

  ;; declare export tail: r -> r
  (func (export "tail") (param $r i32) (result i32)
    (return_call_indirect $functions (type $unary) (local.get $r) (i32.const 6)))

  ;; declare export from_global: r -> r
  (func (export "from_global") (param $r i32) (result i32)
    (return_call_ref $unary (local.get $r) (global.get $pointer)))
)
