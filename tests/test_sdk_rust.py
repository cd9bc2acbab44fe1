"""The Rust guest SDK: its own tests, the metadata it leaves in every profile, its words to a host that passes null."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasmtime import Engine, Func, FuncType, Linker, Module, Store, Trap, WasiConfig

from externref_build.guests.sdk import sdk_patch_arguments, sdk_path
from externref_build.metadata import GUEST_INTERFACE_SECTION, RECORDS_SECTION, Record, decode_records
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import FUNC

if TYPE_CHECKING:
    from conftest import CompileGuest

ROOT = Path(__file__).resolve().parent.parent
CRATE = ROOT / "externref_build" / "sdk" / "rust"
"""The crate in the checkout: its tests aren't installed."""
GUESTS = ROOT / "tests" / "guests"

pytestmark = pytest.mark.once


@pytest.mark.parametrize("features", ["", "alloc,std"])
def test_tests_of_the_crate_pass(features: str, toolchain: None, test_cache: Path) -> None:
    output = cargo_test(test_cache, "--manifest-path", str(CRATE / "Cargo.toml"), "--locked", "--features", features)
    for expected in (
        "misuse_is_a_compile_error ... ok",
        "imports_call_their_namesakes ... ok",
        "members_call_those_of_the_stand_in ... ok",
        "test src/lib.rs - externref (line",
    ):
        assert expected in output


def cargo_test(test_cache: Path, *arguments: str) -> str:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(test_cache / "sdk-target"), "CARGO_TERM_COLOR": "never"}
    done = subprocess.run(["cargo", "test", *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# No record is lost


MODULES = 10
"""How often each way of calling an import occurs: in more modules than a release build has codegen units, 16."""

MANIFEST = """\
[package]
name = "{name}"
version = "0.1.0"
edition = "2021"
{lib}
[dependencies]
externref-guest = "1"
{dependency}
"""

WAYS = ("called_in_place", "direct", "generic", "inlined")
"""Where imports of the provider are called: in another of its modules, or by the guest in three ways."""

IMPORTS = """\
mod {way}_imports{n} {{
    use externref_guest::{{externref, Resource}};
    #[externref]
    #[link(wasm_import_module = "provider")]
    extern "C" {{
        pub fn {way}{n}(any: &Resource, number: u32) -> Option<Resource>;
        pub fn {way}_without_reference{n}(number: u32) -> u32;
        pub fn {way}_unused{n}(any: &Resource);
    }}
}}
"""

FUNCTIONS = """\
pub mod functions{n} {{
    use externref_guest::{{externref, Resource}};
    pub use crate::direct_imports{n}::{{direct{n}, direct_without_reference{n}}};
    pub fn called_in_place(any: &Resource, number: u32) -> bool {{
        use crate::called_in_place_imports{n} as imports;
        let mut numbers = vec![number, 1, unsafe {{ imports::called_in_place_without_reference{n}(number) }}];
        numbers.sort();
        unsafe {{ imports::called_in_place{n}(any, numbers[0]) }}.is_some()
    }}
    pub fn generic<N: Into<u32>>(any: &Resource, number: N) -> bool {{
        use crate::generic_imports{n} as imports;
        unsafe {{ imports::generic{n}(any, imports::generic_without_reference{n}(number.into())) }}.is_some()
    }}
    #[inline(always)]
    pub fn inlined(any: &Resource, number: u32) -> bool {{
        use crate::inlined_imports{n} as imports;
        unsafe {{ imports::inlined{n}(any, imports::inlined_without_reference{n}(number)) }}.is_some()
    }}
    #[externref]
    #[no_mangle]
    pub extern "C" fn exported_by_provider{n}(any: Resource) -> Resource {{
        any
    }}
}}
"""

CALLS = """\
    {{
        use provider::functions{n}::*;
        let direct = unsafe {{ direct{n}(any, direct_without_reference{n}(number)) }}.is_some();
        let others = [called_in_place(any, number), generic(any, number as u8), inlined(any, number), direct];
        number += others.into_iter().map(u32::from).sum::<u32>();
    }}
"""


def provider_guest() -> dict[str, str]:
    """A guest that calls imports of a dependency in every way there is."""
    indices = range(MODULES)
    return {
        "Cargo.toml": MANIFEST.format(
            name="caller", lib='[lib]\ncrate-type = ["cdylib"]', dependency='provider = { path = "provider" }'
        ),
        "src/lib.rs": "use externref_guest::{externref, Resource};\n"
        '#[externref]\n#[no_mangle]\npub extern "C" fn run(any: &Resource, mut number: u32) -> u32 {\n'
        + "".join(CALLS.format(n=n) for n in indices)
        + "    number\n}\n",
        "provider/Cargo.toml": MANIFEST.format(name="provider", lib="", dependency=""),
        "provider/src/lib.rs": "".join(
            [FUNCTIONS.format(n=n) for n in indices] + [IMPORTS.format(way=way, n=n) for way in WAYS for n in indices]
        ),
    }


@pytest.mark.parametrize(
    ("profile", "settings"),
    [
        pytest.param("dev", ("codegen-units=256", 'lto="off"'), id="dev, a unit per module, no LTO at all"),
        pytest.param("release", ("codegen-units=256",), id="release, a unit per module"),
        pytest.param("release", (), id="release", marks=pytest.mark.matrix),
        pytest.param("release", ("codegen-units=1", 'opt-level="s"'), id="small", marks=pytest.mark.matrix),
        pytest.param("release", ('lto="thin"',), id="thin LTO", marks=pytest.mark.matrix),
        pytest.param("release", ("lto=true", 'opt-level="z"', "strip=true"), id="fat LTO, smallest"),
    ],
)
def test_no_record_of_a_used_function_is_lost(
    profile: str, settings: Sequence[str], compile_guest: CompileGuest
) -> None:
    arguments = [argument for setting in settings for argument in ("--config", f"profile.{profile}.{setting}")]
    module = compile_guest(provider_guest(), profile=profile, arguments=arguments).read_bytes()
    imports = [("provider", f"{way}{{}}{n}") for way in WAYS for n in range(MODULES)]
    unused = {(provider, name.format("_unused")) for provider, name in imports}
    without_reference = {(provider, name.format("_without_reference")) for provider, name in imports}
    used = {
        (None, "run"),
        *((None, f"exported_by_provider{n}") for n in range(MODULES)),
        *((provider, name.format("")) for provider, name in imports),
    }
    records = {(record.module, record.name) for record in records_of(module)}
    assert records - unused == used
    described = {(line.get("module"), line["name"]) for line in interface_of(module)}
    assert described - unused == used | without_reference


# What the metadata says


R, N = True, False

RECORDS = {
    ('values "quoted"', "copies", (R, R, R)),
    ('values "quoted"', "lifetimes", (R, N, R)),
    ('values "quoted"', "marked", (R, R, N, N, N, R)),
    ('values "quoted"', "nine", (R, N, N, N, N, N, N, N, R, R)),
    ('values "quoted"', 'näme with "quotes"\n', (R,)),
    ('values "quoted"', "paths", (R, R, R)),
    ("env", "in_env", (R,)),
    ("inner", "local", (R, N)),
    ("sinks", "one", (R,)),
    ("sinks", "two", (R,)),
    (None, "borrowed", (R, R, N, N, R)),
    (None, "get-nullable", (R, N, R)),
    (None, "get-owned", (R, N, R)),
    (None, "type", (R, R)),
    (None, "use_all", (R, R, N)),
}


def ref(resource: str, null: bool = False) -> dict[str, Any]:
    return {"ref": resource, "null": True} if null else {"ref": resource}


def own(resource: str, null: bool = False) -> dict[str, Any]:
    return {"own": resource, "null": True} if null else {"own": resource}


NUMBERS = ("bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64")

INTERFACE: dict[str, tuple[list[tuple[str, Any]], list[Any], str | None]] = {
    "numbers": (
        list(zip("abcdefghijk", NUMBERS, strict=True)),
        ["s64"],
        'Every number, by the component model\'s name.\n\nWith a "quoted" \\ line, and more than ASCII: ✓.',
    ),
    "others": (
        list(zip("lmnopqr", ("usize", "isize", "ptr", "ptr", "ptr", "opaque", "u8"), strict=True)),
        [],
        None,
    ),
    'näme with "quotes"\n': ([], [own("Bytes", null=True)], None),
    "lifetimes": ([("arena", ref("Arena")), ("arg1", "opaque")], [own("Type")], None),
    "copies": ([("a", ref("Bytes")), ("b", ref("Bytes", null=True))], [own("any", null=True)], None),
    "paths": ([("a", own("any")), ("b", ref("Bytes", null=True)), ("c", own("any", null=True))], [], None),
    "marked": (
        [("a", ref("Lent")), ("b", own("Lent", null=True)), ("c", "usize"), ("arg4", "u8"), ("arg4_", "u8")],
        [own("Lent")],
        None,
    ),
    "nine": ([("a", ref("any")), *((name, "s32") for name in "bcdefgh"), ("i", ref("any"))], [own("any")], None),
    "leave": ([], [], "Leaves.\n\nFor `good`:\n\n    for good"),
    "in_env": ([("any", ref("any"))], [], "In the module that C takes,\n  where nothing is said.\n\n* a list"),
    "local": ([("local", ref("Bytes"))], ["bool"], None),
    "one": ([("any", own("any"))], [], None),
    "two": ([("any", ref("Bytes", null=True))], [], None),
    "get-owned": ([("any", own("Bytes")), ("arg1", "u32")], [own("Bytes")], 'The Resource<Bytes>\tof "this".'),
    "get-nullable": (
        [("any", own("Bytes", null=True)), ("arg1", "u32")],
        [own("Bytes", null=True)],
        'The Option<Resource<Bytes>>\tof "this".',
    ),
    "get-number": ([("any", "s64"), ("arg1", "u32")], ["s64"], 'The i64\tof "this".'),
    "borrowed": (
        [("first", ref("Bytes")), ("second", ref("Bytes", null=True)), ("arg2_", "ptr"), ("arg2", "u8")],
        [ref("Bytes", null=True)],
        None,
    ),
    "type": ([("type", own("Bytes"))], [ref("Bytes")], None),
    "use_all": ([("arena", ref("Arena")), ("bytes", own("Bytes"))], ["usize"], "Calls every import."),
}


@pytest.fixture(scope="module")
def spellings(compile_guest: CompileGuest) -> bytes:
    """A guest that declares functions in all the ways that the attribute knows."""
    folder = GUESTS / "spellings"
    files = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }
    return compile_guest(files).read_bytes()


def test_records_mark_every_reference_and_nothing_else(spellings: bytes) -> None:
    assert {(record.module, record.name, record.references) for record in records_of(spellings)} == RECORDS


def test_interface_tells_names_types_and_documentation(spellings: bytes) -> None:
    lines = {line["name"]: line for line in interface_of(spellings)}
    told = {
        name: ([tuple(param) for param in line["params"]], line["results"], line.get("doc"))
        for name, line in lines.items()
    }
    assert told == INTERFACE
    modules = {(record.module, record.name) for record in records_of(spellings)}
    assert {(line.get("module"), name) for name, line in lines.items()} >= modules
    assert {(line["v"], line["kind"]) for line in lines.values()} == {(1, "import"), (1, "export")}
    assert all(("module" in line) == (line["kind"] == "import") for line in lines.values())


def records_of(module: bytes) -> list[Record]:
    return [
        record
        for section in decode_module(module).custom_sections(RECORDS_SECTION)
        for record in decode_records(module[section.content : section.end], section.content)
    ]


def interface_of(module: bytes) -> list[dict[str, Any]]:
    sections = decode_module(module).custom_sections(GUEST_INTERFACE_SECTION)
    text = b"".join(module[section.content : section.end] for section in sections).decode()
    assert text.endswith("}\n")
    return [json.loads(line) for line in text.splitlines()]


# Where the host breaks its word


STRICT = """\
use externref_guest::{externref, Resource};

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {
    fn find() -> Resource;
}

#[externref]
#[no_mangle]
pub extern "C" fn given(_number: u32, precious: &mut Resource) {
    let _ = precious;
}

#[externref]
#[no_mangle]
pub extern "C" fn found() {
    drop(unsafe { find() });
}
"""


@pytest.mark.parametrize("profile", ["dev", "release"])
@pytest.mark.parametrize(
    ("export", "arguments", "line", "message"),
    [
        pytest.param(
            "given",
            (5, -1),
            11,
            "host passed null as parameter `precious` of export `given` (declare it as `Option` to accept null)",
            id="parameter of an export",
        ),
        pytest.param(
            "found",
            (),
            6,
            "host returned null from import `find` of module `host` (declare the result as `Option` to accept null)",
            id="result of an import",
        ),
    ],
)
def test_null_where_none_is_declared_panics_with_its_place(
    profile: str,
    export: str,
    arguments: tuple[int, ...],
    line: int,
    message: str,
    compile_guest: CompileGuest,
    tmp_path: Path,
) -> None:
    files = {
        "Cargo.toml": MANIFEST.format(name="strict", lib='[lib]\ncrate-type = ["cdylib"]', dependency=""),
        "src/lib.rs": STRICT,
    }
    engine = Engine()
    module = Module.from_file(engine, str(compile_guest(files, target="wasm32-wasip1", profile=profile)))
    store = Store(engine)
    wasi = WasiConfig()
    wasi.stderr_file = str(tmp_path / "stderr")
    store.set_wasi(wasi)
    linker = Linker(engine)
    linker.define_wasi()
    for imported in module.imports:
        if imported.module in ("externref", "host"):
            assert isinstance(imported.type, FuncType)
            linker.define(store, imported.module, imported.name or "", Func(store, imported.type, null_everywhere))
    function = linker.instantiate(store, module).exports(store)[export]
    assert isinstance(function, Func)
    with pytest.raises(Trap):
        function(store, *arguments)
    stderr = (tmp_path / "stderr").read_text()
    assert message in stderr
    assert f"src/lib.rs:{line}:" in stderr


def null_everywhere(*_arguments: object) -> int:
    """Play the surrogates, and the host, for a guest that never sees anything but null."""
    return -1


def test_with_threads_resources_stay_on_theirs(toolchain: None, test_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text(MANIFEST.format(name="threads", lib="[workspace]", dependency=""))
    (tmp_path / "src" / "lib.rs").write_text(
        "fn send<T: Send>() {}\npub fn check() { send::<externref_guest::Resource>() }\n"
    )
    command = ["cargo", "check", "--target", "wasm32-unknown-unknown", *sdk_patch_arguments(sdk_path())]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(test_cache / "target"), "CARGO_TERM_COLOR": "never"}
    single = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert single.returncode == 0, single.stderr
    # Only compilers with unstable features tell crates that there are threads.
    environment |= {"RUSTFLAGS": "-Ctarget-feature=+atomics", "RUSTC_BOOTSTRAP": "1"}
    threaded = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert threaded.returncode != 0
    assert "cannot be sent between threads safely" in threaded.stderr


# Guests without the standard library


BARE = """\
#![no_std]
{allocator}
use externref_guest::{{externref, Resource}};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {{
    core::arch::wasm32::unreachable()
}}

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {{
    fn log(line: &str, numbers: &mut [f64], rest: Option<&[u8]>);
}}

#[externref]
#[no_mangle]
pub extern "C" fn run(any: Resource) -> Resource {{
    unsafe {{ log("x", &mut [1.0], None) }};
    any
}}

#[externref]
#[no_mangle]
pub extern "C" fn name() -> Option<&'static str> {{
    Some("bare")
}}
{more}
"""

ALLOCATOR = """\
extern crate alloc;
use alloc::{string::String, vec::Vec};

struct Never;
unsafe impl core::alloc::GlobalAlloc for Never {
    unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[global_allocator]
static NEVER: Never = Never;
"""

FALLIBLE = """\
#[externref]
#[no_mangle]
pub extern "C" fn words(text: &str, list: Vec<u16>) -> Result<String, String> {
    if list.is_empty() { Ok(text.into()) } else { Err(String::new()) }
}
"""


@pytest.mark.parametrize(
    ("features", "allocator", "more", "imports", "exports"),
    [
        pytest.param((), "", "", {"host.log"}, {"run", "name"}, id="nothing"),
        pytest.param(
            ("alloc",),
            ALLOCATOR,
            FALLIBLE,
            {"host.log", "externref.host.fail"},
            {"run", "name", "words", "cabi_realloc"},
            id="memory",
        ),
        pytest.param(("alloc",), ALLOCATOR, "", {"host.log"}, {"run", "name", "cabi_realloc"}, id="memory, unused"),
    ],
)
def test_a_guest_without_the_standard_library_has_what_it_uses(
    features: Sequence[str],
    allocator: str,
    more: str,
    imports: set[str],
    exports: set[str],
    compile_guest: CompileGuest,
) -> None:
    manifest = MANIFEST.format(name="bare", lib='[lib]\ncrate-type = ["cdylib"]', dependency="")
    dependency = f'externref-guest = {{ version = "1", features = {json.dumps(features)} }}'
    files = {
        "Cargo.toml": manifest.replace('externref-guest = "1"', dependency),
        "src/lib.rs": BARE.format(allocator=allocator, more=more),
    }
    settings = ["--config", 'profile.release.lto="fat"', "--config", 'profile.release.panic="abort"']
    module = decode_module(compile_guest(files, arguments=settings).read_bytes())
    found = {f"{entry.module}.{entry.name}" for entry in module.imports if entry.module != "externref"}
    assert found == imports
    assert {export.name for export in module.exports if export.kind == FUNC} == exports


# What the compiler finds out


UNMARKED = """\
use externref_guest::{externref, Resource};
type Entry = Resource<u8>;
#[repr(transparent)]
pub struct Plain<'a>(&'a u8);
mod objects {
    #[externref_guest::externref]
    extern "C" {
        pub type Vector3;
    }
}
use objects::Vector3;

#[externref]
extern "C" {
    fn allowed(a: Plain, b: Option<&Plain<'_>>, #[resource = false] c: u32, d: for<'a> extern "C" fn(&'a u8));
    fn marked(#[resource] a: Option<&Vector3>, #[resource] b: Entry);
    fn import(entry: &Entry);
}

#[externref]
#[no_mangle]
pub extern "C" fn export(point: Option<Vector3>) -> Entry {
    loop {}
}
"""


def test_an_alias_without_its_mark_is_a_compile_error(toolchain: None, test_cache: Path, tmp_path: Path) -> None:
    done = cargo_check(UNMARKED, test_cache, tmp_path)
    assert done.returncode != 0
    for line, name in ((17, "&Entry"), (22, "Option<Vector3>"), (22, "Entry")):
        assert f"`{name}` passes as a reference: mark it with `#[resource]`" in done.stderr
        assert f"src/lib.rs:{line}:" in done.stderr
    assert done.stderr.count("passes as a reference") == done.stderr.count("error[E0080]") == 3


NO_VALUE = """
use std::borrow::Cow;
use externref_guest::externref;
type Text = String;
pub enum Row {}
#[repr(transparent)]
pub struct Plain(u32);
pub struct Pair(f32, f32);

#[externref]
extern "C" {
    fn fine(a: Plain, b: Option<&Plain>, c: Option<extern "C" fn()>, d: *const Row, #[resource = false] e: &Row);
    fn import(row: &Row, texts: Cow<str>);
    fn small(pair: Pair) -> Box<str>;
}

#[externref]
#[no_mangle]
pub extern "C" fn export(row: Row, pair: Option<Option<f64>>) -> Text {
    loop {}
}
"""


def test_what_is_no_single_value_is_a_compile_error(toolchain: None, test_cache: Path, tmp_path: Path) -> None:
    done = cargo_check(NO_VALUE, test_cache, tmp_path)
    assert done.returncode != 0
    for line, words in (
        (13, "`&Row` points to nothing: an object of the host is a `Resource`"),
        (13, "`Cow<str>` is more than one value"),
        (14, "`Pair` is more than one value"),
        (14, "`Box<str>` is more than one value"),
        (19, "`Row` holds nothing: an object of the host is a `Resource`"),
        (19, "`Option<Option<f64>>` is more than one value"),
        (19, "`Text` is more than one value"),
    ):
        assert words in done.stderr
        assert f"src/lib.rs:{line}:" in done.stderr
    assert done.stderr.count("error[E0080]") == 7


@pytest.mark.parametrize(
    ("declaration", "message", "place"),
    [
        pytest.param("fn import(a: &Missing);", "cannot find type `Missing`", "src/lib.rs:8:19", id="unknown type"),
        pytest.param("fn import(a: u32) -> Result<u32>;", "mismatched types", "src/lib.rs:8:26", id="other error"),
        pytest.param("#[externref(method)] fn a(this: &Kind);", "`&Kind: ", "src/lib.rs:8:37", id="no object"),
    ],
)
def test_a_wrong_type_is_one_error_at_its_place(
    declaration: str, message: str, place: str, toolchain: None, test_cache: Path, tmp_path: Path
) -> None:
    source = f"""
use externref_guest::externref;
pub type Result<T> = std::result::Result<T, std::fmt::Error>;
pub enum Kind {{}}
#[externref]
#[link(wasm_import_module = "host")]
extern "C" {{
    {declaration}
}}
"""
    done = cargo_check(source, test_cache, tmp_path)
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("error") and "could not compile" not in line]
    assert len(errors) == 1
    assert message in errors[0]
    assert f"--> {place}" in done.stderr


def cargo_check(source: str, test_cache: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "src").mkdir()
    manifest = MANIFEST.format(name="checked", lib="[workspace]", dependency="")
    (folder / "Cargo.toml").write_text(manifest.replace('"1"', '{ version = "1", features = ["alloc"] }'))
    (folder / "src" / "lib.rs").write_text(source)
    return subprocess.run(
        ["cargo", "check", "--target", "wasm32-unknown-unknown", *sdk_patch_arguments(sdk_path())],
        cwd=folder,
        env={**os.environ, "CARGO_TARGET_DIR": str(test_cache / "target"), "CARGO_TERM_COLOR": "never"},
        capture_output=True,
        text=True,
    )
