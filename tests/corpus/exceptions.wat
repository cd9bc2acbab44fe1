;; Exceptions of WebAssembly 3.0. A handler sees the locals as they were at any point of the body that may throw.
(module
  ;; declare import host.echo: r -> r
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (import "externref" "insert" (func $insert (param i32) (result i32)))
  (import "externref" "get" (func $get (param i32) (result i32)))
  (import "externref" "drop" (func $drop (param i32)))
  (tag $slot (param i32))
  (tag $empty)

  (func $fail (param $slot i32) (param $fails i32)
    (if (local.get $fails) (then (throw $slot (local.get $slot)))))

  ;; what the handler reads was set before the body
  ;; declare export caught: r r i -> r
  (func (export "caught") (param $a i32) (param $b i32) (param $fails i32) (result i32)
    (local $kept i32)
    (local.set $kept (local.get $b))
    (block $handler (result i32)
      (try_table (catch $slot $handler)
        (call $fail (i32.const 1) (local.get $fails))
        (return (local.get $a)))
      unreachable)
    drop
    (local.get $kept))

  ;; a slot travels in the exception
  ;; declare export payload: r i -> r
  (func (export "payload") (param $r i32) (param $fails i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $insert (local.get $r)))
    (block $handler (result i32)
      (try_table (result i32) (catch $slot $handler)
        (call $fail (local.get $slot) (local.get $fails))
        (local.get $slot)))
    local.set $slot
    (call $get (local.get $slot))
    (call $drop (local.get $slot)))

  ;; a local holds a number and then a reference inside of the body, and a number for the handler
  ;; declare export number_in_handler: r i -> i
  (func (export "number_in_handler") (param $r i32) (param $fails i32) (result i32)
    (local $x i32) (local $n i32)
    (local.set $n (i32.const 3))
    (block $handler
      (try_table (catch_all $handler)
        (local.set $x (call $echo (local.get $r)))
        (call $drop (call $insert (local.get $x)))
        (call $fail (i32.const 0) (local.get $fails))
        (local.set $n (i32.const 4))
        (local.set $x (local.get $n)))
      (return (local.get $x)))
    (local.get $n))

  ;; declare export all_kinds: r i -> r
  (func (export "all_kinds") (param $r i32) (param $fails i32) (result i32)
    (local $e exnref)
    (block $outer
      (block $all_ref (result exnref)
        (block $all
          (block $one_ref (result i32 exnref)
            (try_table (catch $empty $all) (catch_ref $slot $one_ref) (catch_all_ref $all_ref)
              (call $fail (i32.const 0) (local.get $fails)))
            (br $outer))
          (local.set $e)
          (drop)
          (br $outer))
        (br $outer))
      (local.set $e))
    (local.get $r))

  ;; the handler is the head of a loop, whose parameter is a number
  ;; declare export loop: r i -> r
  (func (export "loop") (param $r i32) (param $n i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $insert (local.get $r)))
    (local.get $n)
    (loop $again (param i32)
      (local.set $n)
      (drop (call $insert (call $echo (call $get (local.get $slot)))))
      (call $drop (i32.const 1))
      (if (i32.gt_s (local.get $n) (i32.const 1))
        (then
          (try_table (catch $slot $again)
            (throw $slot (i32.sub (local.get $n) (i32.const 1)))))))
    (call $get (local.get $slot))
    (call $drop (local.get $slot)))
)
