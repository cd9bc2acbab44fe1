;; A module with references of its own, in every place where one can be, beside references that are integers yet.
(module
  (type $unary (func (param externref) (result externref)))
  (type $mixed (func (param externref i32) (result externref)))
  (import "host" "native_echo" (func $native_echo (type $unary)))
  (import "externref" "insert" (func $insert (param i32) (result i32)))
  ;; declare import host.echo: r -> r
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (import "host" "native_make" (func $native_make (result externref)))
  (import "externref" "get" (func $get (param i32) (result i32)))
  ;; declare import host.use: r
  (import "host" "use" (func $use (param i32)))
  (import "externref" "drop" (func $drop (param i32)))
  ;; declare import host.native_of: r -> n
  (import "host" "native_of" (func $native_of (param i32) (result externref)))

  (table $entries 2 10 externref)
  (table $functions funcref (elem $native_echo $echo $passed))
  (elem $nulls externref (ref.null extern) (ref.null extern))
  (elem declare func $native_echo)
  (global $remembered (mut externref) (ref.null extern))
  (global $none externref (ref.null extern))
  (global $function (ref null $unary) (ref.func $native_echo))
  (tag $thrown (param externref))

  ;; declare export keep: r -> i
  (func (export "keep") (param i32) (result i32) (call $insert (local.get 0)))
  ;; declare export fetch: i -> r
  (func (export "fetch") (param i32) (result i32) (call $get (local.get 0)))
  (func (export "forget") (param i32) (call $drop (local.get 0)))

  (func (export "put") (param $thing externref) (result i32)
    (table.grow $entries (local.get $thing) (i32.const 1)))
  (func (export "entry") (param i32) (result externref) (table.get $entries (local.get 0)))
  (func (export "copy_entries") (param $from i32) (param $to i32) (param $count i32) (result i32)
    (table.fill $entries (i32.const 0) (global.get $none) (i32.const 2))
    (table.init $entries $nulls (i32.const 0) (i32.const 0) (i32.const 2))
    (table.copy $entries $entries (local.get $to) (local.get $from) (local.get $count))
    (table.set $entries (i32.const 3) (ref.null extern))
    (ref.is_null (table.get $entries (i32.const 1))))

  ;; one function with a reference of its own and another that is declared
  ;; declare export both: n r i -> n
  (func (export "both") (param $own externref) (param $thing i32) (param $which i32) (result externref)
    (local $slot i32) (local $other externref)
    (local.set $slot (call $insert (local.get $thing)))
    (local.set $other (call $fetched (local.get $slot)))
    (call $use (call $get (local.get $slot)))
    (if (i32.ne (local.get $slot) (i32.const -1)) (then (call $drop (local.get $slot))))
    (select (result externref) (local.get $own) (local.get $other) (local.get $which)))
  ;; a declared reference becomes one of the module's own by way of the host
  (func $fetched (param $slot i32) (result externref) (call $native_of (call $get (local.get $slot))))

  ;; declare export swap: n r -> r n
  (func (export "swap") (param $own externref) (param $thing i32) (result i32 externref)
    (block $out (result i32 externref)
      (local.get $thing)
      (local.get $own)
      (br $out)))

  (func (export "or_made") (param $thing externref) (result externref)
    (block $found (result (ref extern))
      (br_on_non_null $found (local.get $thing))
      (global.set $remembered (call $native_make))
      (return (global.get $remembered))))
  (func (export "remembered") (result externref) (global.get $remembered))
  (func (export "is_there") (param $thing externref) (result i32)
    (block $none
      (drop (any.convert_extern (extern.convert_any (any.convert_extern (br_on_null $none (local.get $thing))))))
      (drop (ref.as_non_null (local.get $thing)))
      (return (i32.const 1)))
    (i32.const 0))

  (func (export "thrown") (param $thing externref) (result externref)
    (block $caught (result externref)
      (try_table (catch $thrown $caught) (throw $thrown (local.get $thing)))
      (unreachable)))

  ;; declare export by_pointer: n r -> n
  (func (export "by_pointer") (param $own externref) (param $thing i32) (result externref)
    (call $use (call $echo (local.get $thing)))
    (call_ref $unary
      (call_indirect $functions (type $unary) (local.get $own) (i32.const 0))
      (global.get $function)))
  (func $passed (type $mixed) (local.get 0))

  ;; declare export loop: n r i -> n
  (func (export "loop") (param $a externref) (param $thing i32) (param $count i32) (result externref)
    (local.get $a)
    (loop $again (param externref) (result externref)
      (drop)
      (local.set $thing (call $echo (local.get $thing)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (call $native_echo (local.get $a))
      (br_if $again (local.get $count)))
    (drop)
    (call $kept (local.get $thing)))
  (func $kept (param $thing i32) (result externref) (call $native_of (local.get $thing)))
)
