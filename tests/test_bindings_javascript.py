"""Hosts in JavaScript and TypeScript: what they do under Node, what they accept, and what npm makes of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bound_guests import assemble, exported, imported
from javascript_guests import echo_guest
from javascript_hosts import SCRIPTS, node, run, type_errors, write_bindings
from registry import npm_program

from externref_build.bindings.javascript import generate
from externref_build.bindings.model import read_model
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
]


def test_a_module_comes_from_wherever_the_host_says(tmp_path: Path) -> None:
    module = assemble('(module (func (export "answer") (result i32) (i32.const 42)))', exported("answer", [], ["s32"]))
    write_bindings(tmp_path, module, "plain")
    sources = ", ".join(f"await answer({source})" for source, _ in SOURCES)
    found = node(tmp_path, f"{SERVER}\nout([{sources}]);\nserver.close();")
    assert found == [expected for _, expected in SOURCES]


def test_a_module_that_is_none_is_the_engine_s_to_refuse(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble('(module (func (export "answer") (result i32) (i32.const 42)))'), "plain")
    found = node(tmp_path, f"{SERVER}\nout([await answer(at('/page')), await answer(42)]);\nserver.close();")
    assert found[0].startswith("CompileError: ")
    assert found[1].startswith("TypeError: ")


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
    "const text: string | null = plugin.option_str(null);",
    "const wide: bigint = plugin.u64(1n);",
    "using other = await load({ host, plain, client }, 'https://example.org/plug.wasm');",
    "const count: number = other.liveReferences;",
    "const { str } = plugin; str('x'); plugin.close();",
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


def test_hostile_names_are_types_like_any_other(tsc: Callable[[Path, str], list[str]], tmp_path: Path) -> None:
    write_bindings(tmp_path, hostile_guest())
    assert (
        tsc(tmp_path, 'import { load, type Plugin } from "./plug.js"; declare const p: Plugin; p.then_; p["a b"];')
        == []
    )
    assert tsc(tmp_path, 'import { pwned } from "./plug.js";') == ["use.ts:1:TS2305"]


def test_comments_are_carried_over(echo: Path) -> None:
    text = (echo / "plug.d.ts").read_text(encoding="utf-8")
    assert "  /**\n   * Passes a thing *\\/ to the host.\n   *\n   * And back.\n   */\n  readonly pass: (" in text
    assert "  /** Runs what the host likes. */\n  readonly run: () => void;" in text


# WASI

WASI = """(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $started (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $started (i32.add (global.get $started) (i32.const 1))))
  (func (export "started") (result i32) (global.get $started))
  (func (export "random") (result i32) (call $random (i32.const 0) (i32.const 8)))
  (func (export "environ") (result i32) (call $environ (i32.const 0) (i32.const 4))))"""


def test_wasi_grants_what_the_host_gives_and_no_more(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble(WASI))
    script = """
      import { WASI } from "node:wasi";
      import { load } from "./plug.js";
      const asked = (plugin) => [plugin.started(), plugin.random(), plugin.environ()];
      const given = { random_get: () => 0 };
      const wasi = new WASI({ version: "preview1" });
      out([
        asked(await load()),
        asked(await load({ wasi_snapshot_preview1: given })),
        asked(await load({ wasi_snapshot_preview1: wasi })),
      ]);
    """
    assert node(tmp_path, script) == [[1, 76, 0], [1, 0, 0], [1, 0, 0]]


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
