"""Hosts in JavaScript and TypeScript: what they do under Node, what they accept, and what npm makes of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bound_guests import assemble, callback_guest, exported, imported
from javascript_guests import echo_guest
from javascript_hosts import SCRIPTS, node, run, type_errors, write_bindings
from registry import npm_program

from externref_build.bindings.javascript import generate
from externref_build.bindings.reading import read_model
from externref_build.errors import BindingError
from externref_build.processor import Processor

if TYPE_CHECKING:
    from conftest import CompileGuest


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the bindings of the guest that passes everything."""
    folder = tmp_path_factory.mktemp("echo")
    write_bindings(folder, echo_guest())
    shutil.copy(SCRIPTS / "conformance.mjs", folder)
    return folder


RESULTS = """
import { readFile } from "node:fs/promises";
import * as bindings from "./plug.js";
import { results } from "./conformance.mjs";
out(await results(bindings, readFile(new URL("plug.wasm", import.meta.url))));
"""

pytestmark = pytest.mark.once


@pytest.fixture(scope="session")
def under_node(echo: Path) -> dict[str, str | None]:
    """What each test of the conformance script found under Node."""
    found: dict[str, str | None] = node(echo, RESULTS)
    return found


def test_bindings_do_what_they_should_under_node(under_node: dict[str, str | None]) -> None:
    assert len(under_node) > 100
    assert {name: problem for name, problem in under_node.items() if problem} == {}


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("program", "pattern", "arguments"),
    [("deno", "@deno/*/deno", ["run", "--allow-read"]), ("bun", "@oven/*/bin/bun", ["run"])],
)
def test_bindings_do_the_same_elsewhere(
    echo: Path, test_cache: Path, tmp_path: Path, program: str, pattern: str, arguments: list[str]
) -> None:
    shutil.copytree(echo, tmp_path, dirs_exist_ok=True)
    (tmp_path / "main.mjs").write_text(f"const out = (value) => console.log(JSON.stringify(value));\n{RESULTS}")
    executable = min(npm_program(test_cache, program).glob(pattern))
    printed = run([str(executable), *arguments, "main.mjs"], tmp_path)
    assert {name: problem for name, problem in json.loads(printed).items() if problem} == {}


@pytest.mark.matrix
def test_deno_checks_programs_by_the_declarations(echo: Path, test_cache: Path, tmp_path: Path) -> None:
    shutil.copytree(echo, tmp_path, dirs_exist_ok=True)
    (tmp_path / "package.json").unlink()
    (tmp_path / "use.ts").write_text('import { load } from "./plug.js";\nawait load({ host: 5 });\n')
    executable = min(npm_program(test_cache, "deno").glob("@deno/*/deno"))
    done = subprocess.run([executable, "check", "use.ts"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not assignable to type 'Host" in done.stderr


# Where the module comes from


SERVER = """
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { load } from "./plain.js";
const bytes = await readFile(new URL("plain.wasm", import.meta.url));
const server = createServer((request, response) => {
  const type = { "/right": "application/wasm", "/charset": "application/wasm; charset=utf-8", "/wrong": "text/html" };
  response.writeHead(request.url === "/missing" ? 404 : 200, { "Content-Type": type[request.url] ?? "text/plain" });
  response.end(request.url === "/page" ? "<html>" : bytes);
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.on("listening", resolve));
const at = (path) => `http://127.0.0.1:${server.address().port}${path}`;
const answer = async (source) => {
  try {
    return (await load(undefined, source)).answer();
  } catch (error) {
    return `${error.name}: ${error.message.replace(at(""), "")}`;
  }
};
"""
SOURCES = [
    ("undefined", 42),
    ("new URL('plain.wasm', import.meta.url)", 42),
    ("String(new URL('plain.wasm', import.meta.url))", 42),
    ("bytes", 42),
    ("bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)", 42),
    ("new WebAssembly.Module(bytes)", 42),
    ("WebAssembly.compile(bytes)", 42),
    ("at('/right')", 42),
    ("at('/charset')", 42),
    ("at('/wrong')", 42),
    ("fetch(at('/right'))", 42),
    ("await fetch(at('/wrong'))", 42),
    ("fetch(at('/missing'))", "Error: /missing cannot be loaded: 404 Not Found"),
    ("'none://plain.wasm'", "Error: none://plain.wasm cannot be loaded: fetch failed"),
]


def test_a_module_comes_from_wherever_the_host_says(tmp_path: Path) -> None:
    module = assemble('(module (func (export "answer") (result i32) (i32.const 42)))', exported("answer", [], ["s32"]))
    write_bindings(tmp_path, module, "plain")
    sources = ", ".join(f"await answer({source})" for source, _ in SOURCES)
    found = node(tmp_path, f"{SERVER}\nout([{sources}]);\nserver.close();")
    assert found == [expected for _, expected in SOURCES]


def test_a_module_that_is_none_is_the_engine_s_to_refuse(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble('(module (func (export "answer") (result i32) (i32.const 42)))'), "plain")
    (tmp_path / "page.wasm").write_text("<html>")
    sources = "at('/page'), fetch(at('/page')), new URL('page.wasm', import.meta.url), 42, './plain.wasm'"
    answers = f"await Promise.all([{sources}].map(answer))"
    page, fetched, file, number, path = node(tmp_path, f"{SERVER}\nout({answers});\nserver.close();")
    assert page.startswith("CompileError: /page, of type text/plain: WebAssembly.compile(): ")
    assert fetched == page
    assert re.match(r"CompileError: file://\S+/page\.wasm: WebAssembly\.compile\(\): ", file)
    assert number.startswith("TypeError: ")
    assert path == (
        'TypeError: the source is "./plain.wasm", which is no URL: '
        "expected one as of `new URL(...)`, or the module itself"
    )


def test_a_module_that_failed_to_load_is_tried_again(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble('(module (func (export "answer") (result i32) (i32.const 42)))'), "plain")
    script = """
      import { rename } from "node:fs/promises";
      import { load } from "./plain.js";
      await rename("plain.wasm", "away.wasm");
      const code = await load().then(() => "loaded", (error) => error.code);
      await rename("away.wasm", "plain.wasm");
      out([code, (await load()).answer()]);
    """
    assert node(tmp_path, script) == ["ENOENT", 42]


def test_bindings_know_their_own_module(tmp_path: Path) -> None:
    text = '(module (func (export "answer") (result i32) (i32.const 42)) (func (export "more")))'
    narrow, wide = exported("answer", [], ["u8"]), exported("answer", [], ["s32"])
    write_bindings(tmp_path, assemble(text, narrow), "plain")
    others = {
        "other": assemble(text, wide),
        "stripped": assemble(text),
        "lacking": assemble('(module (func (export "more")))'),
        "asking": assemble(text.replace("(module", '(module (import "host" "x" (func))')),
    }
    for name, module in others.items():
        (tmp_path / f"{name}.wasm").write_bytes(module)
    script = """
      import { load } from "./plain.js";
      const from = async (name) => {
        try {
          return (await load({}, new URL(`${name}.wasm`, import.meta.url))).answer();
        } catch (error) {
          return `${error.name}: ${error.message}`;
        }
      };
      const names = ["plain", "other", "stripped", "lacking", "asking"];
      out(await Promise.all(names.map(from)));
    """
    own, other, stripped, lacking, asking = node(tmp_path, script)
    made_for = "these bindings were made for: make them again from this module"
    assert (own, stripped) == (42, 42)
    assert other == f"TypeError: the module has another interface than the one that {made_for}"
    assert lacking == f"TypeError: the module lacks the export answer, which is in the one that {made_for}"
    assert asking.startswith(("LinkError: ", "TypeError: "))
    assert "host" in asking


# Names that guests choose

HOSTILE = [
    "*/ globalThis.pwned = 1; export const pwned = 1; /*",
    '"; globalThis.pwned = 1; "',
    "'+(globalThis.pwned=1)+'",
    "`${globalThis.pwned=1}`",
    "${globalThis.pwned=1}",
    "\n globalThis.pwned = 1;\n export const pwned = 1;\n",
    "\u2028globalThis.pwned = 1\u2029",
    "\r// globalThis.pwned",
    "</script><script>globalThis.pwned=1</script>",
    "\\",
    '\\"; globalThis.pwned = 1; //',
    "\\u0022; globalThis.pwned = 1; //",
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "then",
    "close",
    "class",
    "await",
    "arguments",
    "eval",
    "this",
    "new",
    "undefined",
    "NaN",
    "name",
    "host",
    "load",
    "wrong",
    "isText",
    "instance",
    "closed",
    "Plugin",
    "Imports",
    "Opaque",
    "Promise",
    "DataView",
    "accessor",
    "out",
    "override",
    "string",
    "näme",
    "na\u0308me",
    "\u202eesrever",
    "\U0001f4a5",
    "\0",
    "a b",
    "a.b",
    "1",
    "-1",
    "",
    "$x",
    "x$address",
    "result$",
]


def spelled(name: str) -> str:
    return '"' + "".join(f"\\{byte:02x}" for byte in name.encode()) + '"'


def hostile_guest() -> bytes:
    """Assemble a guest with all of these names in every place where a guest can have one."""
    imports = [
        imported(name, function, [(name, "str"), (name, {"ref": name}), (function, "u8")], [{"own": name}], doc=name)
        for name, function in zip(HOSTILE, [*HOSTILE[1:], HOSTILE[0]], strict=True)
    ]
    exports = [
        exported(name, [(name, "str"), (name, {"ref": name}), ("text", "str")], [{"own": name}], doc=name)
        for name in HOSTILE
    ]
    text = [
        f"(import {spelled(entry['module'])} {spelled(entry['name'])}"
        f" (func $f{index} (param i32 i32 externref i32) (result externref)))"
        for index, entry in enumerate(imports)
    ]
    text += [
        """(memory (export "memory") 1) (global $free (mut i32) (i32.const 64))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (global.get $free) (global.set $free (i32.add (global.get $free) (local.get 3))))"""
    ]
    text += [
        f"(func (export {spelled(entry['name'])}) (param i32 i32 externref i32 i32) (result externref)"
        f" (call $f{index} (local.get 0) (local.get 1) (local.get 2) (i32.const 7)))"
        for index, entry in enumerate(exports)
    ]
    return assemble(f"(module {' '.join(text)})", *imports, *exports)


def test_names_never_become_code(tmp_path: Path) -> None:
    write_bindings(tmp_path, hostile_guest())
    script = f"""
      import {{ load }} from "./plug.js";
      const names = {json.dumps(HOSTILE)};
      const imports = {{}};
      const calls = [];
      for (const [index, name] of names.entries()) {{
        const value = names[(index + 1) % names.length];
        const functions = Object.create(null, {{
          [value]: {{ value: (text, thing, seven) => (calls.push([name, value, text, seven]), thing) }},
        }});
        Object.defineProperty(imports, name, {{ value: functions }});
      }}
      const plugin = await load(imports);
      const property = (name) => (["then", "close", "closed"].includes(name) ? `${{name}}_` : name);
      const same = names.filter((name) => {{
        const thing = {{}};
        return plugin[property(name)](name, thing, "t") === thing;
      }});
      out([same, calls, globalThis.pwned ?? null]);
    """
    same, calls, pwned = node(tmp_path, script)
    assert same == HOSTILE
    assert calls == [[name, after, name, 7] for name, after in zip(HOSTILE, [*HOSTILE[1:], HOSTILE[0]], strict=True)]
    assert pwned is None


ALLOCATING = """(module
  (memory (export "memory") 1)
  (global $held (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.eqz (local.get 1)) (then (global.set $held (i32.add (global.get $held) (i32.const 1)))))
    (if (i32.eqz (local.get 3)) (then (global.set $held (i32.sub (global.get $held) (i32.const 1)))))
    (i32.const %s))
  (func (export "take") (param i32 i32 i32 i32) %s)
  (func (export "list") (param i32 i32) unreachable)
  (func (export "held") (result i32) (global.get $held)))"""
TAKE = exported("take", [("first", "str"), ("second", "str")])


def test_text_that_is_refused_leaves_no_memory_behind(tmp_path: Path) -> None:
    module = assemble(ALLOCATING % (1024, ""), TAKE, exported("held", [], ["s32"]))
    write_bindings(tmp_path, module)
    script = """
import { load } from "./plug.js";
const plugin = await load();
const messages = [];
for (const bad of ["\\ud800", "five \\udc00", "\\u00e9 \\ud800", `${"long ".repeat(50)}\\ud800`]) {
  for (const given of [[bad, "fine"], ["fine", bad], [bad, bad]]) {
    try {
      plugin.take(...given);
    } catch (error) {
      messages.push(`${error.name}: ${error.message.replace(/ is .*,/, " is ...,")}`);
    }
  }
}
out([plugin.held(), plugin.closed, messages.length, [...new Set(messages)]]);
"""
    refused = 'TypeError: take(): argument "{}" is ..., expected a string without lone surrogates'
    held, closed, count, messages = node(tmp_path, script)
    assert (held, closed, count) == (0, False, 12)
    assert sorted(messages) == [refused.format("first"), refused.format("second")]


def test_an_allocator_that_returns_no_memory_closes_the_plugin(tmp_path: Path) -> None:
    rows = [TAKE, exported("list", [("list", {"list": "f64"})]), exported("held", [], ["s32"])]
    write_bindings(tmp_path, assemble(ALLOCATING % (65534, "unreachable"), *rows))
    script = """
import { load } from "./plug.js";
const found = [];
const calls = [["take", "four", ""], ["take", "x".repeat(100), ""], ["list", Float64Array.of(1)]];
for (const [name, ...given] of calls) {
  const plugin = await load();
  try {
    plugin[name](...given);
  } catch (error) {
    found.push([error.name, error.message, plugin.closed]);
  }
}
out(found);
"""
    message = "the plugin passed {} bytes at address 65534, which is not inside of its memory"
    assert node(tmp_path, script) == [["GuestFault", message.format(length), True] for length in (4, 100, 8)]


def test_an_allocator_that_does_not_align_closes_the_plugin(tmp_path: Path) -> None:
    rows = [TAKE, exported("list", [("list", {"list": "f64"})]), exported("held", [], ["s32"])]
    write_bindings(tmp_path, assemble(ALLOCATING % (1028, "unreachable"), *rows))
    script = """
import { load } from "./plug.js";
const plugin = await load();
try {
  plugin.list(Float64Array.of(1));
} catch (error) {
  out([error.name, error.message, plugin.closed]);
}
"""
    message = "the plugin passed a list at address 1028, which is not aligned to 8 bytes"
    assert node(tmp_path, script) == ["GuestFault", message, True]


HOLDING = """(module
  (import "host" "call" (func $call (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "externrefs") 4 externref)
  (table $functions (export "__indirect_function_table") 2 funcref)
  (elem (table $functions) (i32.const 1) func $answer)
  (func $answer (result i32) (i32.const 42))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "take") (param i32 i32 i32 i32) (result i32) (call $call (i32.const 1))))"""


def test_a_closed_plugin_lets_go_of_the_guest(tmp_path: Path) -> None:
    rows = [
        imported("host", "call", [("what", {"fn": [[], ["s32"]]})], ["s32"]),
        exported("take", [("text", "str"), ("list", {"list": "f64"})], ["s32"]),
    ]
    write_bindings(tmp_path, assemble(HOLDING, *rows))
    (tmp_path / "main.mjs").write_text("""
import { load } from "./plug.js";
const { instantiate } = WebAssembly;
let memory;
WebAssembly.instantiate = async (...given) => {
  const instance = await instantiate(...given);
  memory = new WeakRef(instance.exports.memory);
  return instance;
};
const plugin = await load({ host: { call: (what) => what() } });
const isCollected = async () => {
  await new Promise((resolve) => setTimeout(resolve, 0));
  gc();
  return memory.deref() === undefined;
};
console.log(plugin.take("text", Float64Array.of(1)), await isCollected());
plugin.close();
console.log(plugin.closed, await isCollected());
""")
    assert run(["node", "--expose-gc", "main.mjs"], tmp_path) == "42 false\ntrue true\n"


LENDING = """(module
  (import "host" "lend" (func $lend (param i32 i32)))
  (import "host" "sum" (func $sum (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\\01\\02\\03")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
  (func (export "run") (call $lend (i32.const 8) (i32.const 3)))
  (func (export "pass") (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $sum (local.get 2) (local.get 3) (local.get 4) (local.get 5))))"""


def test_lists_that_were_lent_pass_behind_others_though_the_memory_grows(tmp_path: Path) -> None:
    rows = [
        imported("host", "lend", [("lent", "bytes")]),
        imported("host", "sum", [("first", "bytes"), ("second", {"option": "bytes"})], ["u32"]),
        exported("run", []),
        exported("pass", [("name", "str"), ("first", "bytes"), ("second", {"option": "bytes"})], ["u32"]),
    ]
    write_bindings(tmp_path, assemble(LENDING, *rows))
    script = """
import { load } from "./plug.js";
const found = [];
const sum = (first, second) => [...first, ...(second ?? [10])].reduce((total, value) => total + value);
const lend = (lent) => found.push(plugin.pass("a name", lent.subarray(1), null));
const lendAgain = (lent) => found.push(plugin.pass("a name", lent, lent));
let plugin = await load({ host: { lend, sum } });
plugin.run();
plugin = await load({ host: { lend: lendAgain, sum } });
plugin.run();
out(found);
"""
    assert node(tmp_path, script) == [15, 12]


def test_a_function_that_every_object_has_is_not_the_host_s(tmp_path: Path) -> None:
    names = ["constructor", "toString", "__proto__", "valueOf"]
    text = " ".join(f'(import "host" "{name}" (func))' for name in names)
    write_bindings(tmp_path, assemble(f"(module {text})"))
    script = """
      import { load } from "./plug.js";
      class Host {
        toString() {}
      }
      const told = (host) => load({ host }).then(() => [], (error) => error.message.split("\\n"));
      out([await told({}), await told(new Host())]);
    """
    lines = [f"host.{name} is missing, expected a function ()" for name in sorted(names)]
    assert node(tmp_path, script) == [lines, [line for line in lines if "toString" not in line]]


def test_static_members_are_the_class_s_own(tmp_path: Path) -> None:
    names = [f"[static]Maker.{name}" for name in ("apply", "bind", "call", "toString")]
    functions = "".join(f'(import "client" "{name}" (func (param externref) (result externref)))' for name in names)
    thing = {"ref": "Thing"}
    rows = [imported("client", name, [("given", thing)], [thing]) for name in names]
    write_bindings(tmp_path, assemble(f"(module {functions})", *rows))
    script = """
import { load } from "./plug.js";
function Maker(x) { this.x = x; }
class Owner { static apply() {} static bind() {} static call() {} static toString() {} }
const problems = await load({ client: { Maker } }).catch((error) => error.message);
out([problems, (await load({ client: { Maker: Owner } })).closed]);
"""
    problems, closed = node(tmp_path, script)
    assert problems.count("is a function, expected a function of its own") == 4
    assert "client.Maker.call is a function" in problems
    assert closed is False


@pytest.mark.parametrize(
    "name",
    ["[get]Vector.constructor", "[method]Vector.constructor", "[static]Vector.prototype", "[set]Vector.prototype"],
)
def test_no_member_leads_to_the_class_of_all_functions(name: str) -> None:
    core = "(param externref) (result externref)"
    module = assemble(
        f'(module (import "client" "{name}" (func {core if "set" not in name else "(param externref externref)"})))',
        imported(
            "client",
            name,
            [("this", {"ref": "Vector"})] + ([("value", {"ref": "Vector"})] if "set" in name else []),
            [] if "set" in name else [{"own": "Vector"}],
        ),
    )
    with pytest.raises(BindingError) as error:
        generate(read_model(module), name="plug", interface=b"")
    assert "leads from an object to its class and on to `Function`" in str(error.value)
    assert name in str(error.value)


# TypeScript


@pytest.fixture(scope="session")
def tsc(test_cache: Path) -> Callable[[Path, str], list[str]]:
    """Function that checks a program beside bindings, strictly; see `type_errors`."""
    return lambda folder, program: type_errors(test_cache, folder, program)


HOST = """
import { load, GuestError, GuestFault, GuestPanic, PluginClosedError, PluginError } from "./plug.js";
import type { Host, Imports, Plugin, Opaque } from "./plug.js";

class Thing { readonly #thing = 1; get it() { return this.#thing; } }
class Vector {
  constructor(public x: number) {}
  add(other: Vector | number): Vector { return new Vector(this.x + (typeof other === "number" ? other : other.x)); }
  static zero(): Vector { return new Vector(0); }
}
const same = <T>(value: T): T => value;
const host = {
  bool: same<boolean>, char: same<string>, s8: same<number>, u8: same<number>, s16: same<number>, u16: same<number>,
  s32: same<number>, u32: same<number>, isize: same<number>, usize: same<number>, ptr: same<number>,
  s64: same<bigint>, u64: same<bigint>, f32: same<number>, f64: same<number>, str: same<string>,
  bytes: same<Uint8Array>,
  list_s8: same<Int8Array>, list_u8: same<Uint8Array>, list_s16: same<Int16Array>, list_u16: same<Uint16Array>,
  list_s32: same<Int32Array>, list_u32: same<Uint32Array>, list_s64: same<BigInt64Array>,
  list_u64: same<BigUint64Array>,
  list_f32: same<Float32Array>, list_f64: same<Float64Array>,
  option_str: same<string | null>, option_bytes: same<Uint8Array | null>,
  option_list_f64: (list: Float64Array | null): Float64Array | undefined => list ?? undefined,
  pass: (thing: Thing): Thing => thing, pass_null: (thing: Thing | null) => thing, dropped: (thing: Thing) => {},
  attempt: (text: string) => text, run: () => {}, tell: (text: string) => {}, tell_list: (list: Float64Array) => {},
  tell_char: (char: string) => {}, fill: (list: Int32Array) => { list[0] = 1; },
  fold: (start: number, step: (first: number, second: number) => number) => step(start, 1),
  translate: (how: (text: string) => string) => { how("text"); },
};
const plain = { number: (first: number, second: bigint, third: number) => second };
const client = { Vector, origin: new Vector(1) };
const plugin = await load({ host, plain, client });
"""
ACCEPTED = [
    "const thing: Thing = plugin.pass(new Thing());",
    "const nothing: Thing | null = plugin.pass_null(null);",
    "const length: number = plugin.vector(1).add(plugin.sum(new Vector(1), new Vector(2))).x;",
    "const [first, second]: [number, bigint] = plugin.two();",
    "const bytes: Uint8Array = plugin.bytes(new Uint8Array(2));",
    "const unshared: ArrayBuffer = plugin.bytes(new Uint8Array(new SharedArrayBuffer(2))).buffer;",
    "let lent: ArrayBuffer; load({ host: { ...host, tell_list(list) { lent = list.buffer; } }, plain, client });",
    "const text: string | null = plugin.option_str(null);",
    "const wide: bigint = plugin.u64(1n);",
    "using other = await load({ host, plain, client }, 'https://example.org/plug.wasm');",
    "const count: number = other.liveReferences;",
    "const { str } = plugin; str('x'); plugin.close();",
    "plugin.pass_null(); plugin.option_bytes();",
    "declare const error: unknown; if (error instanceof GuestPanic) { const line: number = error.line + 1; }",
    "const typed: Host<Thing> = host; const every: Imports<Thing, Vector> = { host, plain, client };",
]
REJECTED = [
    "plugin.pass(null);",
    "plugin.pass(new Vector(1));",
    "plugin.pass();",
    "plugin.u8('1');",
    "plugin.u64(1);",
    "plugin.u8(1n);",
    "plugin.str(null);",
    "plugin.bool(1);",
    "plugin.bytes('abc');",
    "plugin.list_f64([1, 2]);",
    "plugin.list_f64(new Float32Array(2));",
    "plugin.sum(new Thing(), new Vector(1));",
    "plugin.nothing();",
    "plugin.str = () => 'x';",
    "const thing: Thing = plugin.pass_null(new Thing());",
    "const text: string = plugin.option_str('x');",
    "const number: number = plugin.s64(1n);",
    "await load();",
    "await load({ host, plain });",
    "await load({ host: { ...host, str: undefined }, plain, client });",
    "await load({ host: { ...host, str: (value: number) => 'x' }, plain, client });",
    "await load({ host: { ...host, str: () => 5 }, plain, client });",
    "await load({ host: { ...host, str: async (value: string) => value }, plain, client });",
    "await load({ host: { ...host, str: (value: string, more: number) => value }, plain, client });",
    "await load({ host: { ...host, pass: (thing: Thing) => null }, plain, client });",
    "await load({ host: { ...host, fold: (start: number, step: (text: string) => number) => 1 }, plain, client });",
    "await load({ host, plain, client: { Vector: class { constructor(text: string) {} }, origin: new Vector(1) } });",
    "await load({ host, plain, client: { Vector: Thing, origin: new Vector(1) } });",
    "await load({ host, plain, client }, 5);",
    "const opaque: Opaque<'Thing'> = new Thing();",
    "const mixed: GuestFault = new GuestError('x');",
]


def test_typescript_accepts_right_use(echo: Path, tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    shutil.copytree(echo, tmp_path, dirs_exist_ok=True)
    assert tsc(tmp_path, HOST + "\n".join(ACCEPTED)) == []


def test_typescript_rejects_wrong_use(echo: Path, tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    shutil.copytree(echo, tmp_path, dirs_exist_ok=True)
    first = HOST.count("\n") + 1
    found = {
        int(error.split(":")[1]) for error in tsc(tmp_path, HOST + "\n".join(f"{{ {line} }}" for line in REJECTED))
    }
    accepted = [line for number, line in enumerate(REJECTED, first) if number not in found]
    assert accepted == []
    assert min(found) == first


def test_types_of_the_user_stand_for_resources(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    write_bindings(tmp_path, echo_guest(), types={"Thing": "./mine.js:Thing", "Vector": "./mine.js:default"})
    mine = "export interface Thing { readonly name: string }"
    default = "export default interface V { x: number; add(v: V | number): V }"
    (tmp_path / "mine.d.ts").write_text(f"{mine}\n{default}", encoding="utf-8")
    program = """
      import type { Plugin } from "./plug.js";
      declare const plugin: Plugin;
      const name: string = plugin.pass({ name: "x" }).name;
      const x: number = plugin.vector(1).x;
      plugin.pass({});
    """
    [error] = tsc(tmp_path, program)
    assert error.startswith("use.ts:6:")


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ({"Other": "./mine.js:Thing"}, "typescript-types names a resource type Other that the module does not have"),
        ({"Other": "./mine.js:Thing"}, "resource types of the module: Thing, Vector"),
        ({"Thing": "Thing"}, 'typescript-types has "Thing" for Thing, expected "./module.js:Type"'),
        ({"Thing": "./mine.js:a } from 'x'; //"}, 'expected "./module.js:Type"'),
    ],
)
def test_types_of_the_user_that_are_none(types: dict[str, str], words: str) -> None:
    with pytest.raises(BindingError) as error:
        generate(read_model(echo_guest()), name="plug", interface=b"", types=types)
    assert words in str(error.value)


def test_functions_of_the_guest_take_references(tmp_path: Path) -> None:
    write_bindings(tmp_path, callback_guest())
    script = """
      import { load } from "./plug.js";
      class Target {
        listeners = [];
        on(listener) { this.listeners.push(listener); }
        off(listener) { this.listeners.push(listener); }
      }
      const plugin = await load({ client: { Target } });
      const target = new Target();
      plugin.listen(target);
      const [on, off, none] = target.listeners;
      const refused = (call) => { try { call(); } catch (error) { return `${error.name}: ${error.message}`; } };
      out([
        on === off, none, on(2, {}), on(0, {}), plugin.liveReferences, "call_on" in plugin,
        refused(() => on("2", {})), refused(() => on(2, null)), (plugin.close(), refused(() => on(2, {}))),
      ]);
    """
    assert node(tmp_path, script) == [
        True,
        None,
        True,
        False,
        1,
        False,
        'TypeError: callback: argument 1 is "2", expected a number',
        "TypeError: callback: argument 2 is null, expected a reference to Event",
        "PluginClosedError: the plugin is closed",
    ]


def test_typescript_knows_functions_of_the_guest(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    write_bindings(tmp_path, callback_guest())
    lines = [
        'import { load } from "./plug.js";',
        "class Event { constructor(readonly code: number) {} }",
        "type Listener = (time: number, event: Event) => boolean;",
        "class Target { on(listener: Listener) { listener(1, new Event(2)); } off(listener: Listener | null) {} }",
        "class Wrong { on(listener: (time: string) => boolean) {} off(listener: Listener | null) {} }",
        "const plugin = await load({ client: { Target } });",
        "plugin.listen(new Target());",
        "plugin.call_on(1, 2, {});",
        "plugin.listen(new Wrong());",
    ]
    assert [int(error.split(":")[1]) for error in tsc(tmp_path, "\n".join(lines))] == [8, 9]


# Classes as those of browsers: methods take what other classes derive from, and properties take less than they have.
PAGE = """
class Node { readonly isNode = true; }
class Element extends Node {
  #text = "";
  constructor(readonly tag: string) { super(); }
  get text(): string | null { return this.#text; }
  set text(value: string | null) { this.#text = value ?? ""; }
  append(...nodes: (Node | string)[]) {}
  insert<N extends Node>(node: N, before: Node | null): N { return node; }
  on(type: string, listener: ((event: Event) => void) | { handleEvent(event: Event): void }) {}
}
class Event { constructor(readonly target: Element) {} }
class Page extends Node { make(tag: string): Element { return new Element(tag); } root: Element | null = null; }
"""


def page_guest() -> bytes:
    """Assemble a guest that uses a page, and returns objects of its classes."""
    page, element, event = {"ref": "Page"}, {"ref": "Element"}, {"ref": "Event"}
    own, none = {"own": "Element"}, {"own": "Element", "null": True}
    listener = {"fn": [[event], []], "via": "[callback]event"}
    declared: list[tuple[str, str, list[tuple[str, Any]], list[Any]]] = [
        ("[get]Page.root", "externref) (result externref", [("this", page)], [none]),
        ("[method]Page.make", "externref i32 i32) (result externref", [("this", page), ("tag", "str")], [own]),
        ("[method]Element.append", "externref externref", [("this", element), ("child", element)], []),
        ("[method]Element.append#str", "externref i32 i32", [("this", element), ("child", "str")], []),
        (
            "[method]Element.insert",
            "externref externref externref) (result externref",
            [("this", element), ("node", element), ("before", {"ref": "Element", "null": True})],
            [own],
        ),
        ("[method]Element.on", "externref i32 i32 i32", [("this", element), ("type", "str"), ("how", listener)], []),
        ("[set]Element.text", "externref i32 i32", [("this", element), ("text", "str")], []),
        ("[get]Event.target", "externref) (result externref", [("this", event)], [own]),
        ("[global]page", ") (result externref", [], [{"own": "Page"}]),
    ]
    functions = " ".join(f'(import "client" "{name}" (func (param {core})))' for name, core, _, _ in declared)
    exports = """(memory (export "memory") 1)
      (func (export "[callback]event") (param i32 externref))
      (func (export "render") (param externref) (result externref) (local.get 0))"""
    interface = [imported("client", name, params, results) for name, _, params, results in declared]
    return assemble(f"(module {functions} {exports})", *interface, exported("render", [("into", element)], [own]))


def test_typescript_accepts_classes_as_they_are(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    write_bindings(tmp_path, page_guest())
    lines = [
        'import { load } from "./plug.js";',
        *PAGE.strip().split("\n"),
        "const page = new Page();",
        "const plugin = await load({ client: { Page, Element, Event, page } });",
        "const made: Element = plugin.render(new Element('p'));",
        "const isElement = { [Symbol.hasInstance]: (value: unknown) => value instanceof Element };",
        "(await load({ client: { Page, Element: isElement, Event, page } })).render(new Element('p'));",
    ]
    wrong = [
        "plugin.render(page);",
        "plugin.render(new Node());",
        "await load({ client: { Page, Element: class extends Element { on = 5 }, Event, page } });",
        "await load({ client: { Page, Element: Deaf, Event, page: new Pages() } });",
    ]
    deaf = [
        "class Deaf { append(...texts: string[]) {} insert(node: Deaf, before: Deaf | null) { return node; }",
        "  text = ''; on(type: string, listener: (event: Event) => void) {} }",
        "class Pages extends Node { make(tag: string): Deaf { return new Deaf(); } root = null; }",
    ]
    errors = {int(error.split(":")[1]) for error in tsc(tmp_path, "\n".join([*lines, *deaf, *wrong]))}
    right = len(lines) + len(deaf)
    assert errors == {*range(right + 1, right + 1 + len(wrong))}


@pytest.mark.parametrize("count", [20, 60])
def test_typescript_takes_in_many_classes_of_each_other(
    tsc: Callable[[Path, str], list[str]], tmp_path: Path, count: int
) -> None:
    names = [f"C{number}" for number in range(count)]
    members, core = [], []
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        params = [("this", {"ref": name}), ("other", {"ref": other})]
        members.append(imported("client", f"[method]{name}.meet", params, [{"own": other}]))
        core.append(f'(import "client" "[method]{name}.meet" (func (param externref externref) (result externref)))')
    export = exported("first", [("of", {"ref": "C0"})], [{"own": "C0"}])
    function = '(func (export "first") (param externref) (result externref) (local.get 0))'
    write_bindings(tmp_path, assemble(f"(module {' '.join(core)} {function})", *members, export))
    classes = [
        f"class {name} {{ #{name} = 1; meet(other: {other}): {other} {{ return other; }} }}"
        for name, other in zip(names, [*names[1:], names[0]], strict=True)
    ]
    lines = [
        'import { load } from "./plug.js";',
        *classes,
        f"const plugin = await load({{ client: {{ {', '.join(names)} }} }});",
        "const first: C0 = plugin.first(new C0());",
        "plugin.first(new C1());",
    ]
    assert tsc(tmp_path, "\n".join(lines)) == [f"use.ts:{len(lines)}:TS2741"]


def test_an_object_of_which_nothing_is_known_is_any(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    ref, perhaps = {"ref": "any"}, {"ref": "any", "null": True}
    module = assemble(
        """(module (import "host" "first" (func (result externref))) (import "host" "second" (func (result externref)))
          (import "host" "take" (func (param externref)))
          (func (export "keep") (param externref))
          (func (export "keep_or_not") (param externref) (result externref) (local.get 0)))""",
        imported("host", "first", [], [{"own": "any"}]),
        imported("host", "second", [], [{"own": "any", "null": True}]),
        imported("host", "take", [("thing", ref)]),
        exported("keep", [("thing", ref)]),
        exported("keep_or_not", [("thing", perhaps)], [perhaps]),
    )
    write_bindings(tmp_path, module)
    program = """import { load } from "./plug.js";
const host = { first: () => new Date(), second: () => "text", take: (thing: unknown) => {} };
const plugin = await load({ host });
plugin.keep(5); plugin.keep("text"); plugin.keep({}); plugin.keep_or_not(); plugin.keep_or_not(null);
const kept: unknown = plugin.keep_or_not(host);
plugin.keep(null);
plugin.keep_or_not("text").length;
await load({ host: { ...host, take: (thing: Date) => {} } });
await load({ host: { ...host, first: () => null } });
"""
    assert {int(error.split(":")[1]) for error in tsc(tmp_path, program)} == {6, 7, 8, 9}
    script = """import { load } from "./plug.js";
const plugin = await load({ host: { first: () => 1, second: () => 2, take() {} } });
try { plugin.keep(null); } catch (error) { out([error.message, plugin.keep_or_not(undefined)]); }"""
    assert node(tmp_path, script) == ['keep(): argument "thing" is null, expected a reference', None]


def test_what_may_be_nothing_can_be_left_out_at_the_end(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    nothing, note = {"option": "str"}, {"ref": "Note", "null": True}
    params = [("type", nothing), ("symbol", "u32"), ("from", nothing), ("in", note)]
    functions = """
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
      (func (export "call") (param i32 i32 i32 i32 i32 externref))"""
    module = assemble(f'(module (memory (export "memory") 1) {functions})', exported("call", params))
    write_bindings(tmp_path, module)
    program = """
import { load } from "./plug.js";
const plugin = await load();
plugin.call("a", 1);
plugin.call(undefined, 1, "b");
plugin.call(null, 1, undefined, null);
plugin.call("a");
plugin.call("a", 1, 2);
"""
    assert tsc(tmp_path, program) == ["use.ts:7:TS2554", "use.ts:8:TS2345"]
    declared = (tmp_path / "plug.d.ts").read_text()
    assert (
        "call: (type: string | null | undefined, symbol: number, from?: string | null, in_?: Note | null)" in declared
    )


def test_hostile_names_are_types_like_any_other(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    write_bindings(tmp_path, hostile_guest())
    assert (
        tsc(tmp_path, 'import { load, type Plugin } from "./plug.js"; declare const p: Plugin; p.then_; p["a b"];')
        == []
    )
    assert tsc(tmp_path, 'import { pwned } from "./plug.js";') == ["use.ts:1:TS2305"]


def test_names_of_typescript_give_way(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    core = "(param i32 i32)"
    modules = ["record", "return_type"]
    module = assemble(
        f"""(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
          {" ".join(f'(import "{name}" "take" (func {core}))' for name in modules)} (memory (export "memory") 1))""",
        *(imported(name, "take", [("list", {"list": "f64"})]) for name in modules),
    )
    write_bindings(tmp_path, module)
    program = """import { load } from "./plug.js";
const take = (list: Float64Array) => {};
await load({ record: { take }, return_type: { take }, wasi_snapshot_preview1: { proc_exit: (code: number) => {} } });
"""
    assert tsc(tmp_path, program) == []


def test_comments_are_carried_over(echo: Path) -> None:
    text = (echo / "plug.d.ts").read_text(encoding="utf-8")
    assert "  /**\n   * Passes a thing *\\/ to the host.\n   *\n   * And back.\n   */\n  readonly pass: (" in text
    assert "  /** Runs what the host likes. */\n  readonly run: () => void;" in text


def test_functions_that_can_fail_say_so(tmp_path: Path) -> None:
    core = '(import "host" "read" (func (param i32)))'
    module = assemble(
        f'(module {core} (import "externref.host" "fail" (func (param i32 i32))) (memory (export "memory") 1)'
        '(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable) (func (export "run")))',
        imported("host", "read", [], error="str"),
        exported("run", [], error="str", doc="Runs."),
    )
    write_bindings(tmp_path, module)
    text = (tmp_path / "plug.d.ts").read_text(encoding="utf-8")
    assert (
        "  /** What it throws reaches the plugin as an error with its message. */\n  readonly read: () => void;" in text
    )
    assert "  /**\n   * Runs.\n   *\n   * @throws GuestError\n   */\n  readonly run: () => void;" in text


# Strings of the engine

STRING_FUNCTIONS: dict[str, tuple[str, str, list[list[Any]]]] = {
    "cast": ("externref", "externref", [["text"], [""], [None], [5]]),
    "test": ("externref", "i32", [["text"], [None], [5], [{}]]),
    "fromCharCode": ("i32", "externref", [[65], [0xD800], [0x10041], [-1]]),
    "fromCodePoint": ("i32", "externref", [[65], [0x1F600], [0x10FFFF], [0x110000], [-1]]),
    "charCodeAt": ("externref i32", "i32", [["ab", 1], ["ab", 2], ["ab", -1], [None, 0], [5, 0]]),
    "codePointAt": ("externref i32", "i32", [["\U0001f600b", 0], ["\U0001f600b", 1], ["b", 1], [None, 0]]),
    "length": ("externref", "i32", [["\U0001f600"], [""], [None], [[1, 2]]]),
    "concat": ("externref externref", "externref", [["a", "b"], ["", ""], ["a", None], [5, "b"]]),
    "substring": (
        "externref i32 i32",
        "externref",
        [["abcd", 1, 3], ["abcd", 3, 1], ["abcd", 2, -1], ["abcd", 5, 9], ["abcd", -2, -1], [None, 0, 1]],
    ),
    "equals": ("externref externref", "i32", [["a", "a"], ["a", "b"], [None, None], ["a", None], [5, 5], ["a", 5]]),
    "compare": ("externref externref", "i32", [["a", "a"], ["a", "b"], ["b", "a"], [None, "a"], ["a", 5]]),
}


OFFERED = sorted(name for name, (_, result, _) in STRING_FUNCTIONS.items() if result == "i32")


@pytest.mark.parametrize("names", [OFFERED, sorted(STRING_FUNCTIONS)], ids=["the engine's", "the bindings'"])
def test_functions_for_strings_do_the_same_whoever_has_them(tmp_path: Path, names: list[str]) -> None:
    imports, exports = [], []
    for name in names:
        params, result, _ = STRING_FUNCTIONS[name]
        core = f"(param {params}) (result {result})"
        arguments = " ".join(f"(local.get {index})" for index in range(len(params.split())))
        imports.append(f'(import "wasm:js-string" "{name}" (func ${name} {core}))')
        exports.append(f'(func (export "{name}") {core} (call ${name} {arguments}))')
    length = imported("wasm:js-string", "length", [("text", {"ref": "Text"})], ["u32"])
    write_bindings(tmp_path, assemble(f"(module {' '.join(imports + exports)})", length))
    script = f"""
      import {{ readFile }} from "node:fs/promises";
      import {{ load }} from "./plug.js";
      const bytes = await readFile("plug.wasm");
      const asked = async (cases, source) => {{
        const found = [];
        for (const [name, given] of cases) {{
          const plugin = await load(undefined, source);
          try {{
            found.push(plugin[name](...given));
          }} catch (error) {{
            found.push(error.name);
          }}
        }}
        return found;
      }};
      const cases = {json.dumps([[name, given] for name in names for given in STRING_FUNCTIONS[name][2]])};
      out([await asked(cases), await asked(cases, new WebAssembly.Module(bytes))]);
    """
    found, without = node(tmp_path, script)
    assert found == without
    expected: dict[str, list[Any]] = {
        "cast": ["text", "", *["RuntimeError"] * 2],
        "charCodeAt": [98, *["RuntimeError"] * 4],
    }
    assert found[: len(expected[names[0]])] == expected[names[0]]
    uses_engine = 'builtins: ["js-string"]' in (tmp_path / "plug.js").read_text(encoding="utf-8")
    assert uses_engine == (names == OFFERED)
    assert "js-string" not in (tmp_path / "plug.d.ts").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "core", "words"),
    [
        ("size", "(param externref) (result i32)", "expected one of cast, test, "),
        ("length", "(param externref) (result i64)", "[externref] -> [i64] is no function that engines have"),
    ],
)
def test_functions_for_strings_that_there_are_not(name: str, core: str, words: str) -> None:
    module = assemble(f'(module (import "wasm:js-string" "{name}" (func {core})))')
    with pytest.raises(BindingError) as error:
        generate(read_model(module), name="plug", interface=b"")
    assert words in str(error.value)


# WASI

WASI = """(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (global $started (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $started (i32.add (global.get $started) (i32.const 1))))
  (func (export "started") (result i32) (global.get $started))
  (func (export "leave") (call $exit (i32.const 3)))
  (func (export "random") (result i32) (call $random (i32.const 0) (i32.const 8)))
  (func (export "environ") (result i32) (call $environ (i32.const 0) (i32.const 4))))"""


def test_wasi_denies_what_is_not_granted(tmp_path: Path) -> None:
    """Every function has an answer: no arguments, no environment, no descriptors, and otherwise no permission."""
    functions = {
        "args_get": "(param i32 i32) (result i32)",
        "args_sizes_get": "(param i32 i32) (result i32)",
        "environ_get": "(param i32 i32) (result i32)",
        "environ_sizes_get": "(param i32 i32) (result i32)",
        "clock_time_get": "(param i32 i64 i32) (result i32)",
        "fd_write": "(param i32 i32 i32 i32) (result i32)",
        "fd_prestat_get": "(param i32 i32) (result i32)",
        "path_open": "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
        "random_get": "(param i32 i32) (result i32)",
        "proc_exit": "(param i32)",
    }
    imports = [f'(import "wasi_snapshot_preview1" "{name}" (func ${name} {core}))' for name, core in functions.items()]
    exports = []
    for name, core in functions.items():
        types = re.findall(r"i(?:32|64)", core.partition("(result")[0])
        arguments = " ".join(f"({type_}.const 3)" for type_ in types)
        result = "(result i32)" * ("result" in core)
        exports.append(f'(func (export "{name}") {result} (call ${name} {arguments}))')
    write_bindings(tmp_path, assemble(f'(module {" ".join(imports)} (memory (export "memory") 1) {" ".join(exports)})'))
    script = f"""
      import {{ load }} from "./plug.js";
      const found = {{}};
      const plugin = await load();
      for (const name of {json.dumps(list(functions))}) {{
        try {{
          found[name] = plugin[name]();
        }} catch (error) {{
          found[name] = [error.name, error.message, plugin.closed];
        }}
      }}
      const granted = await load({{ wasi_snapshot_preview1: {{ clock_time_get: () => 0 }} }});
      out([found, granted.clock_time_get(), granted.random_get()]);
    """
    found, clock, random = node(tmp_path, script)
    no_descriptor, no_permission = 8, 76
    assert found == {
        "args_get": 0,
        "args_sizes_get": 0,
        "environ_get": 0,
        "environ_sizes_get": 0,
        "clock_time_get": no_permission,
        "fd_write": no_descriptor,
        "fd_prestat_get": no_descriptor,
        "path_open": no_permission,
        "random_get": no_permission,
        "proc_exit": ["PluginError", "the plugin exited with code 3", True],
    }
    assert (clock, random) == (0, no_permission)


def test_wasi_grants_what_the_host_gives_and_no_more(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble(WASI))
    script = """
      import { WASI } from "node:wasi";
      import { load } from "./plug.js";
      const asked = (plugin) => [plugin.started(), plugin.random(), plugin.environ()];
      const given = { random_get: () => 0 };
      const system = () => ({ wasi_snapshot_preview1: new WASI({ version: "preview1" }) });
      const leaving = await load(system());
      let exit;
      try {
        leaving.leave();
      } catch (error) {
        exit = error.message;
      }
      out([
        exit,
        asked(await load()),
        asked(await load({ wasi_snapshot_preview1: given })),
        asked(await load(system())),
      ]);
    """
    assert node(tmp_path, script) == ["the plugin exited with code 3", [1, 76, 0], [1, 0, 0], [1, 0, 0]]


# Guests in Rust


@pytest.mark.parametrize(
    ("target", "profile", "calls"),
    [("wasm32-unknown-unknown", "release", 1_000_000), ("wasm32-wasip1", "dev", 20_000)],
    ids=["unknown, release", "wasip1, dev"],
)
def test_a_guest_in_rust_and_its_host(
    compile_guest: CompileGuest, tmp_path: Path, target: str, profile: str, calls: int
) -> None:
    guest = Path(__file__).parent / "guests" / "typed"
    files = {path.relative_to(guest).as_posix(): path.read_text("utf-8") for path in guest.rglob("*") if path.is_file()}
    module = Processor().process(compile_guest(files, target=target, profile=profile).read_bytes())
    write_bindings(tmp_path, module, "typed")
    for script in ("assert.mjs", "typed.mjs"):
        shutil.copy(SCRIPTS / script, tmp_path)
    script = f'import {{ check }} from "./typed.mjs"; out(await check({calls}));'
    assert node(tmp_path, script) is None
