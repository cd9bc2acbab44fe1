"""Guests in C and C++: compiled by real compilers, processed, and run under wasmtime with objects of the host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from c_projects import COMPILERS, FREESTANDING, STRICT, WASI, build, cells, mtimes, project
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from plugins import custom_contents

from externref_build._version import __version__
from externref_build.build.engine import build_module
from externref_build.build.in_place import build_in_place, require_current_modules
from externref_build.build.progress import Progress
from externref_build.build.sbom import sbom
from externref_build.config import load_config
from externref_build.errors import (
    ConfigError,
    ExternrefBuildError,
    GuestBuildError,
    SeveralErrors,
    StaleModuleError,
    ToolchainError,
)
from externref_build.guests.c_sources import source_files
from externref_build.guests.clang import C_SDK
from externref_build.metadata import decode_records
from externref_build.wheels.archive import Wheel
from externref_build.wheels.bill import check_bills

pytestmark = pytest.mark.once

GUESTS = Path(__file__).parent / "guests" / "c"


class Thing:
    def __init__(self, number: int) -> None:
        self.number = number


class Host:
    """Loads a guest, plays its imports, and writes down what was dropped."""

    def __init__(self, path: Path) -> None:
        self.store = wasmtime.Store()
        self.dropped: list[Any] = []
        self.given: list[Any] = []
        self.seen: list[Any] = []
        module = wasmtime.Module.from_file(self.store.engine, str(path))
        linker = wasmtime.Linker(self.store.engine)
        linker.define_wasi()
        self.store.set_wasi(wasmtime.WasiConfig())
        functions: Mapping[str, Callable[..., Any]] = {
            "make": Thing,
            "maybe": lambda yes: Thing(7) if yes else None,
            "look": lambda thing: thing.number,
            "look-null": lambda thing: thing is None,
            "give": self.given.append,
            "mixed": self.mixed,
            "dropped": self.dropped.append,
        }
        for used in module.imports:
            if used.module == "host":
                assert isinstance(used.type, wasmtime.FuncType)
                linker.define_func("host", str(used.name), used.type, functions[str(used.name)])
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        if "_initialize" in self.exports:
            self("_initialize")

    def __call__(self, name: str, *arguments: Any) -> Any:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments)

    def mixed(self, a: float, b: Thing, c: int, d: int, d_size: int, e: int, e_size: int, f: Thing | None) -> float:
        self.seen.append((a, b, c, self.read(d, d_size), self.read(e, e_size), f))
        return a + c

    def read(self, pointer: int, size: int) -> bytes:
        memory = self.exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        return bytes(memory.read(self.store, pointer, pointer + size))

    def passed(self, content: bytes) -> tuple[int, int]:
        """Put bytes where the guest owns them; return the two arguments that pass them."""
        pointer = self("cabi_realloc", 0, 0, 1, len(content))
        memory = self.exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        memory.write(self.store, content, pointer)
        return pointer, len(content)


def guest(name: str) -> dict[str, bytes]:
    """The sources of one of the guests, and all headers."""
    return {f"guest/{path.name}": path.read_bytes() for path in (GUESTS / name, *GUESTS.glob("*.h"))}


def keeper(folder: Path, compiler: str, target: str, level: str, **keys: Any) -> Path:
    flags = [*level.split(), *STRICT]
    return build(
        project(
            folder, guest("keeper.c"), compiler=compiler, target=target, cflags=flags, drop_hook="host::dropped", **keys
        )
    )


CELLS = cells(telling=[("zig", FREESTANDING, "-O0"), ("zig", WASI, "-O2"), ("zig", FREESTANDING, "-O2 -flto")])


@pytest.mark.parametrize(("compiler", "target", "level"), CELLS)
def test_c_keeps_references_wherever_it_keeps_values(compiler: str, target: str, level: str, tmp_path: Path) -> None:
    host = Host(keeper(tmp_path, compiler, target, level, std="c11"))
    one, two, three = Thing(1), Thing(20), Thing(300)

    assert host("kept") is None
    host("keep", one)
    assert host("kept") is one
    host("keep", two)
    assert host.dropped == [one]
    assert host("let-go") is two
    assert host("let-go") is None
    assert host.dropped == [one], "what is handed to the host is not dropped"
    assert host("copy", three) is three

    host.dropped.clear()
    assert host("push", one, two) == 1
    assert host("push", three, None) == 2
    assert host.dropped == [one, two, three], "what was borrowed ends with the call"
    assert host("sum") == 321
    host("clear")
    assert host.dropped == [one, two, three, one, two, three]
    assert host("sum") == 0

    host.dropped.clear()
    assert host("on-heap", 1000) == sum(range(1000))
    assert [thing.number for thing in host.given] == list(range(1000))
    assert host.dropped == []
    assert host("present", 1) == 1
    assert host("present", 0) == 0
    assert [thing.number for thing in host.dropped] == [7]


def test_values_pass_beside_references(tmp_path: Path) -> None:
    host = Host(keeper(tmp_path, "zig", FREESTANDING, "-O1"))
    thing = Thing(1)
    text, data = "häß".encode(), bytes(range(256))
    assert host("all", 0.5, thing, -(2**40), *host.passed(text), *host.passed(data), None) == 0.5 - 2**40
    assert host.seen == [(0.5, thing, -(2**40), text, data, None)]
    assert host("plain", 200, -1, 60_000, -1, 2**31, -1, 1, 0x1F600) == 200 + 60_000 + 2**31 + 0x1F600 + 1 - 3


def test_what_a_host_makes_nothing_of_is_free_again(tmp_path: Path) -> None:
    host = Host(keeper(tmp_path, "zig", FREESTANDING, "-O1"))
    memory = host.exports["memory"]
    assert isinstance(memory, wasmtime.Memory)
    sizes = set()
    for _ in range(200):
        assert host("cabi_realloc", host("cabi_realloc", 0, 0, 1, 60_000), 60_000, 1, 0) == 1
        sizes.add(memory.size(host.store))
    assert len(sizes) == 1


def test_null_where_none_is_declared_is_a_trap(tmp_path: Path) -> None:
    host = Host(keeper(tmp_path, "zig", FREESTANDING, "-O1"))
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        host("copy", None)


@pytest.mark.parametrize("level", ["-O0", "-O2", "-Oz", "-O2 -flto"])
@pytest.mark.matrix
def test_cxx_keeps_references_in_containers(level: str, tmp_path: Path) -> None:
    flags = [*level.split(), "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    host = Host(
        build(
            project(
                tmp_path,
                guest("containers.cpp"),
                target=WASI,
                cflags=flags,
                std="c++17",
                drop_hook="host::dropped",
            )
        )
    )
    things = [Thing(10**n) for n in range(5)]
    host("push", things[0])
    host("push", things[1])
    host("name", *host.passed(b"two"), things[2])
    host("set", things[3])
    host("call-later", things[4])
    host.dropped.clear()
    assert host("sum") == 11111
    assert host("find", *host.passed(b"two")) is things[2]
    assert host("find", *host.passed(b"none")) is None
    host("reverse")
    assert host("pop") is things[0]
    host("set", None)
    assert host.dropped == [things[3]]
    host("clear")
    assert sorted(thing.number for thing in host.dropped) == [10, 100, 1000, 10000]
    assert host("pop") is None


CLASSES = """
#include "externref.hpp"
using externref::borrowed;
using externref::ref;
EXTERNREF_RESOURCE(Thing);
EXTERNREF_IMPORT("host", "look", u32, look, (ref(Thing), thing));
struct Holder {
    ref<Thing> thing;
    Holder *next;
};
static Holder *first;
struct AtStart { unsigned value; AtStart() : value(42) {} };
static AtStart at_start;
EXTERNREF_EXPORT("value", u32, value) { return at_start.value; }
EXTERNREF_EXPORT("push", void, push, (own(Thing), thing)) {
    first = new Holder{static_cast<ref<Thing> &&>(thing), first};
}
EXTERNREF_EXPORT("sum", u32, sum) {
    unsigned sum = 0;
    for (Holder *holder = first; holder; holder = holder->next) sum += look(holder->thing);
    return sum;
}
EXTERNREF_EXPORT("clear", void, clear) {
    while (Holder *holder = first) {
        first = holder->next;
        delete holder;
    }
}
EXTERNREF_EXPORT("same", optown(Thing), same, (optref(Thing), thing)) { return thing ? thing.clone() : nullptr; }
"""


@pytest.mark.parametrize("level", ["-O0", "-Oz"])
def test_cxx_without_a_library(level: str, tmp_path: Path) -> None:
    flags = [level, *STRICT]
    keys = {"cflags": flags, "std": "c++17", "drop_hook": "host::dropped"}
    host = Host(build(project(tmp_path, {"guest/plug.cpp": CLASSES}, **keys)))
    assert host("value") == 42, "globals are initialised"
    things = [Thing(1), Thing(10)]
    for thing in things:
        host("push", thing)
    assert host("sum") == 11
    assert host.dropped == []
    host("clear")
    assert host.dropped == [*reversed(things)]
    assert host("same", things[0]) is things[0]
    assert host("same", None) is None


TWO_FILES = {
    "guest/a.c": """
        #include "shared.h"
        EXTERNREF_EXPORT("a", u32, run, (ref(Thing), thing)) { return look(thing); }
        """,
    "guest/b.cpp": """
        #include "shared.h"
        EXTERNREF_EXPORT("b", u32, run, (ref(Thing), thing)) { return look(thing) + EXTRA; }
        """,
    "guest/include/shared.h": """
        #include "externref.h"
        #define EXTRA 1
        EXTERNREF_RESOURCE(Thing);
        EXTERNREF_IMPORT("host", "look", u32, look, (ref(Thing), thing));
        """,
}


def test_only_what_changed_is_compiled_again(tmp_path: Path) -> None:
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"], sources=["guest/*.c", "guest/*.cpp"])
    path = build(tmp_path)
    host = Host(path)
    assert (host("a", Thing(5)), host("b", Thing(5))) == (5, 6)

    before = mtimes(tmp_path)
    build(tmp_path)
    assert mtimes(tmp_path) == before

    (tmp_path / "guest/b.cpp").write_text((tmp_path / "guest/b.cpp").read_text().replace("EXTRA", "EXTRA + 1"))
    build(tmp_path)
    moved = {name for name, mtime in mtimes(tmp_path).items() if before.get(name) != mtime and name.endswith(".o")}
    assert [name.rpartition("/")[2] for name in moved] == ["guest_b.cpp.o"]

    (tmp_path / "guest/include/shared.h").write_text(TWO_FILES["guest/include/shared.h"].replace("EXTRA 1", "EXTRA 10"))
    build(tmp_path)
    assert Host(path)("b", Thing(5)) == 16


def test_sources_with_names_alike_do_not_share_an_object(tmp_path: Path) -> None:
    names = ("a_/b", "a/_b", "a/%b", "a%/b")
    export = '#include "externref.h"\nEXTERNREF_EXPORT("f%d", u32, f%d) { return %d; }\n'
    project(tmp_path, {f"{name}.c": export % ((number,) * 3) for number, name in enumerate(names)}, sources=["a*/*.c"])
    host = Host(build(tmp_path))
    assert [host(f"f{number}") for number in range(len(names))] == [0, 1, 2, 3]


def test_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    results = []
    for name in ("one", "a longer name"):
        folder = project(tmp_path / name, TWO_FILES, include_dirs=["guest/include"], cflags=["-g"])
        path = build(folder)
        results.append(path.read_bytes())
    assert results[0] == results[1]
    assert os.fsencode(tmp_path) not in results[0]


def test_a_source_distribution_holds_what_the_compiler_reads_and_nothing_else(tmp_path: Path) -> None:
    """Sources at the root of a project, beside what tools and versioning systems leave there."""
    needed: dict[str, str | bytes] = {
        "a.c": '#include "deep/a.h"\n# include <bare>\n#include <stdint.h>\n#include "../outside.h"\n',
        "deep/a.h": '#include "../data/table.txt"\n',
        "data/table.txt": "",
        "include/bare": "",
        "lib/libx.a": b"!<arch>\n",
    }
    others = dict.fromkeys((".git/config", ".git/HEAD", ".tox/x.h", "env/pyvenv.cfg", "env/x.h", "LICENSE"), "")
    keys: dict[str, Any] = {"sources": ["*.c"], "include_dirs": ["include"]}
    folder = project(tmp_path / "project", {**needed, **others}, ldflags=["lib/libx.a", "-Wl,--gc-sections"], **keys)
    (tmp_path / "outside.h").touch()
    (module,) = load_config(folder, environ={}).modules
    assert {path.relative_to(folder).as_posix() for path in source_files(module)} == set(needed)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_bills_without_crates_pass_the_check(compiler: str, tmp_path: Path) -> None:
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"], compiler=compiler)
    (module,) = load_config(tmp_path, environ={}).modules
    result = build_module(module, progress=Progress(quiet=True), environ=os.environ)
    name = f"plug/{result.path.name}"
    files = {name: result.path.read_bytes(), "plug-1.dist-info/sboms/plug.cdx.json": sbom(result).encode()}
    (found,) = check_bills(Wheel("plug-1-py3-none-any.whl", (), files), [name])
    assert (found.state, found.detail) == ("ok", f"{name} is of C or C++, without crates")
    bill = sbom(result)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    [part] = json.loads(bill)["components"]
    assert (part["name"], part["version"]) == ("externref-build C SDK", __version__)


def test_editors_find_the_commands(tmp_path: Path) -> None:
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"])
    build(tmp_path)
    entries = json.loads((tmp_path / ".externref-build/compile_commands.json").read_text())
    assert [Path(entry["file"]).name for entry in entries] == ["a.c", "b.cpp"]
    assert all("-Iguest/include" in entry["arguments"] for entry in entries)
    assert (tmp_path / ".externref-build/.gitignore").read_text() == "*\n"


def test_records_of_one_import_in_two_files_are_one(tmp_path: Path) -> None:
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"], cflags=["-O2", "-flto"])
    build(tmp_path)
    linked = next((tmp_path / ".externref-build").rglob("module.wasm")).read_bytes()
    records = [record for content in custom_contents(linked, "__externrefs") for record in decode_records(content)]
    assert sorted((record.module or "", record.name) for record in records) == [
        ("", "a"),
        ("", "b"),
        ("host", "look"),
        ("host", "look"),
    ]


BAD_CONFIGURATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"sources": ["guest/*.cc"]}, 'sources = "guest/\\*.cc" matches no file, expected sources in C'),
    "a header": ({"sources": ["guest/include/*.h"]}, "holds shared.h, expected sources in C"),
    "outside": ({"sources": ["../other/*.c"]}, "expected a list of C and C\\+\\+ sources inside the project"),
    "cargo's key": ({"features": ["fast"]}, "features is for guests in Rust, and there is the key sources"),
    "a profile of cargo": ({"profile": "bench"}, 'profile = "bench" where the guest is C or C\\+\\+, expected release'),
    "no such compiler": ({"compiler": "no-such-clang"}, 'compiler = "no-such-clang" names a command that is not there'),
    "not a standard": ({"std": "rust"}, 'std is "rust", expected a standard of C or C\\+\\+'),
}


@pytest.mark.parametrize(("keys", "message"), BAD_CONFIGURATIONS.values(), ids=BAD_CONFIGURATIONS.keys())
def test_bad_configurations(keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"], **keys)
    with pytest.raises(ExternrefBuildError, match=message):
        build(tmp_path)


def test_several_patterns_without_files_are_all_named(tmp_path: Path) -> None:
    project(tmp_path, {}, sources=["a.c", "b.cpp"])
    with pytest.raises(SeveralErrors) as caught:
        build(tmp_path)
    assert "a.c" in str(caught.value)
    assert "b.cpp" in str(caught.value)


def test_keys_of_compilers_without_sources(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": '[tool.externref]\npackage = "plug"\nstd = "c11"\n'})
    with pytest.raises(ConfigError, match=r"std is for guests in C and C\+\+, and there is no key sources"):
        build(tmp_path)


MISUSES = {
    "an unknown type": 'EXTERNREF_IMPORT("host", "f", u32, f, (u33, a));',
    "a result that is lent": 'EXTERNREF_IMPORT("host", "f", ref(Thing), f);',
    "text as a result": 'EXTERNREF_IMPORT("host", "f", str, f);',
    "a kind that was not declared": 'EXTERNREF_IMPORT("host", "f", void, f, (ref(Nothing), a));',
    "another kind": 'EXTERNREF_RESOURCE(Other);\nEXTERNREF_EXPORT("f", own(Other), f, (own(Thing), a)) { return a; }',
    "no result where there is one": 'EXTERNREF_EXPORT("f", own(Thing), f) { }',
}


@pytest.mark.parametrize("text", MISUSES.values(), ids=MISUSES.keys())
def test_misuse_is_a_diagnostic_at_the_line(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = f'#include "externref.h"\nEXTERNREF_RESOURCE(Thing);\n{text}\n'
    project(tmp_path, {"guest/plug.c": lines}, cflags=["-Werror"])
    with pytest.raises(GuestBuildError, match=r"could not compile plug\.c"):
        build(tmp_path)
    at = 2 + len(text.splitlines())
    assert f"guest/plug.c:{at}:" in capfd.readouterr().err


OF_THE_LIBRARY = {
    "a header": ("#include <string_view>\n", "could not compile plug.cpp"),
    "a function": (
        'extern "C" int puts(const char *);\nEXTERNREF_EXPORT("f", void, f) { puts("."); }\n',
        "could not link",
    ),
}


@pytest.mark.parametrize(("text", "words"), OF_THE_LIBRARY.values(), ids=OF_THE_LIBRARY.keys())
def test_where_there_is_no_library_the_error_says_where_one_is(text: str, words: str, tmp_path: Path) -> None:
    project(tmp_path, {"guest/plug.cpp": f'#include "externref.h"\n{text}'}, std="c++17")
    with pytest.raises(GuestBuildError, match=words) as caught:
        build(tmp_path)
    assert 'come with target = "wasm32-wasip1"' in str(caught.value.remedy)


FAKE_CLANG = {
    "without the target": ('case "$*" in *--version) echo clang 99;; *) exit 1;; esac', "is built without the target"),
    "without a linker": (
        'case "$*" in *--version) echo clang 99;; *-\\#\\#\\#*) echo \'"/none/wasm-ld" "-m"\' >&2;; esac',
        "has no linker for WebAssembly: it looks for /none/wasm-ld",
    ),
}


@pytest.mark.parametrize(("script", "message"), FAKE_CLANG.values(), ids=FAKE_CLANG.keys())
def test_a_clang_that_cannot_make_webassembly(script: str, message: str, tmp_path: Path) -> None:
    clang = tmp_path / "clang"
    clang.write_text(f"#!/bin/sh\n{script}\n")
    clang.chmod(0o755)
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"], compiler=str(clang))
    with pytest.raises(ToolchainError, match=message):
        build(tmp_path)


def test_no_compiler_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"], compiler="zig")
    (tmp_path / "pyproject.toml").write_text('[tool.externref]\npackage = "plug"\nsources = ["guest/*.c"]\n')
    (module,) = load_config(tmp_path, environ={}).modules
    with pytest.raises(ToolchainError, match="there is no compiler for C and C") as caught:
        build_module(module, progress=Progress(quiet=True), environ={"PATH": str(tmp_path)})
    assert "pip install 'externref-build[c]'" in str(caught.value)
    assert "the Python package ziglang" in str(caught.value)


def test_a_module_is_kept_until_something_changes(tmp_path: Path) -> None:
    project(tmp_path, TWO_FILES, include_dirs=["guest/include"])
    config = load_config(tmp_path, environ={})
    assert [result.written for result in build_in_place(config, progress=Progress(quiet=True))] == [True]
    (kept,) = build_in_place(config, progress=Progress(quiet=True))
    assert kept.report is None, "nothing was processed"
    assert list(require_current_modules(config)) == [kept.path]

    (tmp_path / "guest/include/shared.h").write_text(TWO_FILES["guest/include/shared.h"].replace("EXTRA 1", "EXTRA 10"))
    with pytest.raises(StaleModuleError, match=r"guest/include/shared\.h has changed"):
        list(require_current_modules(config))
    (changed,) = build_in_place(config, progress=Progress(quiet=True))
    assert changed.written


ARCHIVED = """
    #include "externref.h"
    EXTERNREF_RESOURCE(Thing);
    EXTERNREF_IMPORT("host", "look", u32, look, (ref(Thing), thing));
    unsigned twice(Thing thing) { return 2 * look(thing); }
    """
USER = """
    #include "externref.h"
    EXTERNREF_RESOURCE(Thing);
    unsigned twice(Thing thing);
    EXTERNREF_EXPORT("run", u32, run, (ref(Thing), thing)) { return twice(thing); }
    """


def archive(folder: Path, header: str, *flags: str) -> Path:
    """Make an archive with an import in it, compiled with a version of the header."""
    write = {"archived.c": ARCHIVED, "include/externref.h": header}
    project(folder, write)
    zig = [sys.executable, "-m", "ziglang"]
    compile_it = [*zig, "cc", "--target=wasm32-freestanding", "-fno-sanitize=undefined", "-Iinclude", *flags]
    subprocess.run([*compile_it, "-c", "archived.c", "-o", "archived.o"], cwd=folder, check=True)
    subprocess.run([*zig, "ar", "rc", "libarchived.a", "archived.o"], cwd=folder, check=True)
    return folder / "libarchived.a"


@pytest.mark.parametrize("flags", [["-O2"], ["-O2", "-ffunction-sections", "-fdata-sections"], ["-O2", "-flto"]])
def test_metadata_of_an_archive_survives_the_linker(flags: list[str], tmp_path: Path) -> None:
    library = archive(tmp_path / "lib", (C_SDK / "externref.h").read_text(), *flags)
    project(tmp_path, {"guest/plug.c": USER}, cflags=flags, ldflags=["libarchived.a", "-Wl,--gc-sections"])
    shutil.copy(library, tmp_path)
    assert Host(build(tmp_path))("run", Thing(21)) == 42


@pytest.mark.parametrize("flags", [["-O2"], ["-O2", "-flto"]])
def test_objects_of_another_version_of_the_sdk(flags: list[str], tmp_path: Path) -> None:
    header = (C_SDK / "externref.h").read_text()
    library = archive(tmp_path / "lib", header.replace('EXTERNREF_SDK "1"', 'EXTERNREF_SDK "0.9"'), *flags)
    project(tmp_path, {"guest/plug.c": USER}, cflags=flags, ldflags=["libarchived.a"])
    shutil.copy(library, tmp_path)
    with pytest.raises(GuestBuildError, match=r"of other versions of the C SDK \(0\.9, 1\), expected 1") as caught:
        build(tmp_path)
    assert "compile libarchived.a again" in str(caught.value)
