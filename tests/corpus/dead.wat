;; Code that is never reached, with operands that would not fit once locals and blocks have other types.
(module
  ;; declare import host.echo: r -> r
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (import "externref" "insert" (func $insert (param i32) (result i32)))
  (import "externref" "get" (func $get (param i32) (result i32)))
  (import "externref" "drop" (func $drop (param i32)))
  (import "host" "tell" (func $tell (param i32)))

  ;; declare export after_return: r -> r
  (func (export "after_return") (param i32) (result i32)
    local.get 0
    call $echo
    return
    local.get 0
    i32.const 1
    i32.add
    call $insert)

  ;; declare export after_branch: r -> r
  (func (export "after_branch") (param i32) (result i32)
    (local i32)
    block (result i32)
      local.get 0
      br 0
      block
        loop
          local.get 0
          call $tell
          br 0
        end
      end
      local.get 1
      call $insert
    end)

  ;; declare export after_loop: r -> r
  (func (export "after_loop") (param i32) (result i32)
    (local i32)
    loop (result i32)
      local.get 0
      call $insert
      local.tee 1
      call $get
      local.get 1
      call $drop
      return
      br 0
    end
    i32.const 3
    i32.mul)

  ;; declare export in_branches: r -> r
  (func (export "in_branches") (param i32) (result i32)
    i32.const 0
    if (result i32)
      unreachable
      local.get 0
      i32.eqz
    else
      local.get 0
    end
    i32.const 1
    if (param i32) (result i32)
      return
    else
      unreachable
    end
    call $tell
    i32.const 5)

  ;; declare export after_blocks: r -> r
  (func (export "after_blocks") (param i32) (result i32)
    block (result i32)
      block (result i32)
        local.get 0
        br 1
      end
      i32.const 2
      i32.add
    end)

  ;; a block whose end is dead, although its type says that it gives a number
  ;; declare export typed: r -> r
  (func (export "typed") (param i32) (result i32)
    block $out (result i32)
      block (result i32)
        block
          local.get 0
          br $out
        end
        unreachable
      end
      call $insert
      i32.eqz
    end)
)
