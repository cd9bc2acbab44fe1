;; Functions that do next to nothing, and loops of calls to the host: what is measured is what a call costs the host.
(module
  (import "host" "numbers" (func $numbers (param i32 i32) (result i32)))
  (import "host" "reference" (func $reference (param externref i32) (result i32)))
  (import "host" "text" (func $text (param i32 i32) (result i32)))
  (import "host" "item" (func $item (result externref)))
  (import "host" "answer" (func $answer (result i64)))
  (memory (export "memory") 2)
  (global $kept (mut externref) (ref.null extern))
  (data (i32.const 64) "Forty characters of text, some are blank")
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $alignment i32) (param $wanted i32) (result i32)
    ;; The next few pieces of memory stay apart. Functions that do nothing at all would not be called: engines make them
    ;; a part of a host's code, if there is no `try` around the call.
    (if (i32.ge_u (i32.add (global.get $free) (local.get $wanted)) (i32.const 120000))
      (then (global.set $free (i32.const 65536))))
    (if (i32.eqz (local.get $old))
      (then
        (local.set $old (global.get $free))
        (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get $wanted)) (i32.const 7)) (i32.const -8)))))
    (local.get $old))
  (func (export "take_numbers") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "take_reference") (param externref i32) (result i32) (i32.add (local.get 1) (i32.const 1)))
  (func (export "take_text") (param i32 i32) (result i32) (i32.add (local.get 1) (i32.const 1)))
  (func (export "take_list") (param i32 i32) (result i32) (i32.add (local.get 1) (i32.const 1)))
  (func (export "keep") (param externref) (global.set $kept (local.get 0)))
  (func (export "take_item") (result externref) (global.get $kept))
  (func (export "take_answer") (result i64) (i64.const 0x28_0000_0040))
  (func (export "repeat_numbers") (param externref i32)
    (loop $again
      (drop (call $numbers (i32.const 3) (i32.const 4)))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "repeat_reference") (param externref i32)
    (loop $again
      (drop (call $reference (local.get 0) (i32.const 4)))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "repeat_text") (param externref i32)
    (loop $again
      (drop (call $text (i32.const 64) (i32.const 40)))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "repeat_item") (param externref i32)
    (loop $again
      (drop (call $item))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "repeat_answer") (param externref i32)
    (loop $again
      (drop (call $answer))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))
