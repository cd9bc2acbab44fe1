;; References that flow through structured control: results and parameters of blocks, loops and ifs, values carried by
;; branches, and selects. Every block through which one flows gets another type.
(module
  (import "externref" "insert" (func $insert (param i32) (result i32)))
  (import "externref" "get" (func $get (param i32) (result i32)))
  (import "externref" "drop" (func $drop (param i32)))
  ;; declare import host.echo: r -> r
  (import "host" "echo" (func $echo (param i32) (result i32)))
  ;; declare import host.use: r
  (import "host" "use" (func $use (param i32)))
  (import "host" "tell" (func $tell (param i32)))

  ;; declare export if: r r i -> r
  (func (export "if") (param i32 i32 i32) (result i32)
    (if (result i32) (local.get 2) (then (local.get 0)) (else (local.get 1))))

  ;; declare export if_params: r r i -> r
  (func (export "if_params") (param i32 i32 i32) (result i32)
    local.get 0
    local.get 1
    local.get 2
    if (param i32 i32) (result i32)
      call $use
    else
      local.set 0
      drop
      local.get 0
    end
    ;; an if without else passes its parameters on
    local.get 2
    if (param i32) (result i32)
      call $echo
    end)

  ;; declare export block: r r i -> r
  (func (export "block") (param i32 i32 i32) (result i32)
    (local i32)
    (block $found (result i32)
      (drop (br_if $found (local.get 0) (local.get 2)))
      (local.get 1))
    local.set 3
    block $twice (param) (result i32 i32)
      local.get 3
      i32.const 7
      br $twice
    end
    call $tell)

  ;; declare export select: r r i -> r
  (func (export "select") (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)))

  ;; declare export select_typed: r r i -> r
  (func (export "select_typed") (param i32 i32 i32) (result i32)
    (select (result i32) (local.get 0) (local.get 1) (local.get 2)))

  ;; declare export br_table: r r i -> r
  (func (export "br_table") (param i32 i32 i32) (result i32)
    (local i32)
    (block $one (result i32)
      (block $zero (result i32)
        (br_table $zero $one $one (select (local.get 0) (local.get 1) (local.get 2)) (local.get 2)))
      (local.set 3)
      (local.get 3))
    (call $echo))

  ;; a block with references and numbers among its parameters and results
  ;; declare export many: r r i -> r
  (func (export "many") (param i32 i32 i32) (result i32)
    (local $n i32) (local $r i32)
    i64.const 1
    local.get 0
    local.get 2
    local.get 1
    block (param i64 i32 i32 i32) (result i32 i64 i32)
      local.set $r
      local.set $n
      local.set 0
      drop
      local.get 0
      i64.const 2
      local.get $r
    end
    local.set 1
    drop
    local.set 0
    (if (result i32) (local.get $n) (then local.get 0) (else local.get 1)))

  ;; the reference is a parameter of the loop
  ;; declare export loop: r i -> r
  (func (export "loop") (param i32 i32) (result i32)
    local.get 0
    loop (param i32) (result i32)
      call $echo
      (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))
      br_if 0
    end)

  ;; the reference is in a local that the loop changes between number and reference
  ;; declare export countdown: r i -> r
  (func (export "countdown") (param i32 i32) (result i32)
    (local $x i32) (local $slot i32)
    (local.set $slot (call $insert (local.get 0)))
    (loop $next
      (local.set $x (local.get 1))
      (call $tell (local.get $x))
      (local.set $x (call $get (local.get $slot)))
      (call $use (local.get $x))
      (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.set $x (call $get (local.get $slot)))
    (call $drop (local.get $slot))
    (local.get $x))
)
