"""The command line as a user meets it: a process with arguments, pipes, an exit code, and one block of errors."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from plugins import custom_section
from projects import CARGO, PROJECTS, write
from wasmtime import Engine, Module
from wasmtime import wat2wasm as assemble

from externref_build import __version__
from externref_build.cli.names import demangle
from externref_build.metadata import Record, encode_record

INTERFACE = json.dumps(
    {
        "v": 1,
        "kind": "import",
        "module": "arena",
        "name": "alloc",
        "params": [["arena", {"ref": "Arena"}], ["size", "u32"]],
        "results": [{"own": "Bytes", "null": True}],
        "doc": "Allocates.\n\nMore about it.",
    }
)


def wat2wasm(text: str) -> bytes:
    """Assemble a module."""
    return bytes(assemble(text))


def escaped(data: bytes) -> str:
    """Return bytes as a string of the text format."""
    return '"' + "".join(f"\\{byte:02x}" for byte in data) + '"'


def guest(*records: Record, body: str = "(call $alloc (local.get $arena) (i32.const 8))") -> bytes:
    """Return a module with an import and an export that the records may declare."""
    metadata = b"".join(map(encode_record, records))
    return wat2wasm(f"""
        (module
          (import "externref" "insert" (func $insert (param i32) (result i32)))
          (import "externref" "get" (func $get (param i32) (result i32)))
          (import "arena" "alloc" (func $alloc (param i32 i32) (result i32)))
          (import "host" "log" (func $log (param i32)))
          (memory 1)
          (func (export "run") (param $arena i32) (result i32) {body})
          (@custom "__externrefs" {escaped(metadata)})
          (@custom "__externrefs_interface" {escaped(INTERFACE.encode())}))""")


ALLOC = Record("arena", "alloc", (True, False, True))
RUN = Record(None, "run", (True, True))
THROUGH_MEMORY = "(i32.store (i32.const 0) (local.get $arena)) (call $alloc (i32.load (i32.const 0)) (i32.const 8))"


@pytest.fixture
def command_line(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Function that runs ``externref-build`` in an empty folder."""

    def run(
        *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        own = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        return subprocess.run(
            [sys.executable, "-m", "externref_build", *arguments],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**own, **(environ or {})},
        )

    return run


Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module that declares references, in the folder where commands run."""
    path = tmp_path / "guest.wasm"
    path.write_bytes(guest(ALLOC, RUN))
    return path


# process


def test_process_writes_a_module_with_references(command_line: Run, module: Path) -> None:
    done = command_line("process", module.name, "-o", "out.wasm")
    assert done.returncode == 0
    assert done.stdout == b""
    binary = module.with_name("out.wasm").read_bytes()
    loaded = Module(Engine(), binary)
    assert [entry.module for entry in loaded.imports] == ["arena", "host"]
    assert {entry.name for entry in loaded.exports} == {"run", "externrefs"}
    assert b"1 import and 1 export with references" in done.stderr


def test_dash_is_a_pipe_on_both_sides(command_line: Run, module: Path) -> None:
    command_line("process", module.name, "-o", "out.wasm")
    for arguments in (["process", "-", "-o", "-"], ["process", "-"], ["process", module.name]):
        piped = command_line(*arguments, stdin=module.read_bytes())
        assert piped.returncode == 0
        assert piped.stdout == module.with_name("out.wasm").read_bytes()


def test_a_large_module_takes_its_own_place(command_line: Run, tmp_path: Path) -> None:
    """It is mapped into memory, not read; and so is what is written."""
    large = guest(ALLOC, RUN) + custom_section("padding", bytes(1 << 20))
    piped = command_line("process", "-", stdin=large)
    (tmp_path / "large.wasm").write_bytes(large)
    done = command_line("process", "large.wasm", "-o", "large.wasm")
    assert done.returncode == 0
    assert (tmp_path / "large.wasm").read_bytes() == piped.stdout != large


@pytest.mark.parametrize(
    ("arguments", "present", "absent"),
    [
        ([], {"externrefs"}, {"dropped"}),
        (["--table", "kept"], {"kept"}, {"externrefs"}),
        (["--no-table"], set(), {"externrefs"}),
    ],
)
def test_the_table_is_exported_as_asked(
    command_line: Run, module: Path, arguments: list[str], present: set[str], absent: set[str]
) -> None:
    done = command_line("process", *arguments, module.name)
    names = {str(entry.name) for entry in Module(Engine(), done.stdout).exports}
    assert present <= names
    assert not absent & names


def test_the_drop_function_is_imported_where_the_guest_drops(command_line: Run) -> None:
    text = (
        '(module (import "externref" "drop" (func $drop (param i32)))'
        ' (import "externref" "insert" (func $insert (param i32) (result i32)))'
        ' (func (export "run") (param i32) (call $drop (call $insert (local.get 0))))'
        f' (@custom "__externrefs" {escaped(encode_record(Record(None, "run", (True,))))}))'
    )
    done = command_line("process", "-", "--drop-fn", "host::let::go", stdin=wat2wasm(text))
    [hook] = Module(Engine(), done.stdout).imports
    assert (hook.module, hook.name) == ("host", "let::go")


def test_a_processed_module_comes_back_as_it_is(command_line: Run, module: Path) -> None:
    once = command_line("process", module.name)
    twice = command_line("process", "-", stdin=once.stdout)
    assert twice.stdout == once.stdout
    assert b"unchanged" in twice.stderr


def test_a_module_can_be_processed_in_place(command_line: Run, module: Path) -> None:
    expected = command_line("process", module.name).stdout
    assert command_line("process", module.name, "-o", module.name).returncode == 0
    assert module.read_bytes() == expected
    assert [path.name for path in module.parent.iterdir()] == [module.name]


def test_verbose_tells_steps_with_counts_and_times(command_line: Run, module: Path) -> None:
    for arguments in (["-v", "process", module.name], ["process", module.name, "--verbose"]):
        told = command_line(*arguments).stderr.decode()
        assert re.search(r"declarations read +2 +\d+\.\d ms", told)
        assert re.search(r"direct +4 +run", told)


def test_quiet_tells_nothing(command_line: Run, module: Path) -> None:
    for arguments in (["-q", "process", module.name], ["process", module.name, "-q"]):
        assert command_line(*arguments).stderr == b""


def test_require_direct_names_function_and_reason(command_line: Run, tmp_path: Path) -> None:
    (tmp_path / "guest.wasm").write_bytes(guest(ALLOC, RUN, body=THROUGH_MEMORY))
    done = command_line("process", "guest.wasm", "-o", "out.wasm", "--require-direct")
    assert done.returncode == 1
    assert b"error: function `run` needs an adapter: arena.alloc gets a number as parameter 1" in done.stderr
    assert not (tmp_path / "out.wasm").exists()
    assert command_line("process", "guest.wasm", "-o", "out.wasm").returncode == 0


# What is refused

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "error: an empty file where a WebAssembly module is expected\n  --> guest.wasm"),
    "text": (b"(module)", "error: WebAssembly text where a WebAssembly module is expected"),
    "component": (b"\0asm\x0d\0\1\0", "error: a component where a core module is expected"),
    "cut off": (guest(ALLOC, RUN)[:60], "--> guest.wasm: offset 0x"),
    "no such export": (guest(Record(None, "walk", (True,))), "walk"),
    "other arity": (guest(Record(None, "run", (True, True, True))), "run"),
    "metadata cut off": (
        wat2wasm(f'(module (@custom "__externrefs" {escaped(encode_record(RUN)[:-1])}))'),
        "error: the mask of references takes 1 bytes where 0 are left",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_in_one_block_and_leaves_no_file(command_line: Run, tmp_path: Path, case: str) -> None:
    binary, expected = REFUSED[case]
    (tmp_path / "guest.wasm").write_bytes(binary)
    for arguments in (["process", "guest.wasm", "-o", "out.wasm"], ["inspect", "guest.wasm"]):
        done = command_line(*arguments)
        told = done.stderr.decode()
        assert done.returncode == 1
        assert done.stdout == b""
        assert told.startswith("error: ")
        assert expected in told
        assert "guest.wasm" in told
        assert "Traceback" not in told
    assert not (tmp_path / "out.wasm").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["process", "absent.wasm", "-o", "out"], "error: there is no such file\n  --> absent.wasm\n"),
        (["process", "absent.wasm", "-o", "out"], "modules that are there: guest.wasm"),
        (["process", ".", "-o", "out"], "error: the input is a folder, expected a WebAssembly module\n  --> ."),
        (["process", "huge", "-o", "out"], "error: the input has more than 4294967295 bytes"),
        (["process", "guest.wasm", "-o", "no/where"], "error: the folder of the output does not exist\n  --> no/where"),
        (["process", "guest.wasm", "-o", "."], "error: the output is a folder"),
        (["inspect", "absent.wasm"], "error: there is no such file"),
        (["build"], "error: there is no "),
        (["build", "--project", "absent"], "error: "),
    ],
)
def test_files_that_fail_are_named(command_line: Run, module: Path, arguments: list[str], expected: str) -> None:
    with module.with_name("huge").open("wb") as file:
        file.truncate(2**32)
    done = command_line(*arguments)
    assert done.returncode == 1
    assert expected in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_failed_run_leaves_the_previous_output(command_line: Run, module: Path) -> None:
    before = module.with_name("out.wasm")
    before.write_bytes(b"what was there")
    module.write_bytes(module.read_bytes()[:50])
    assert command_line("process", module.name, "-o", before.name).returncode == 1
    assert before.read_bytes() == b"what was there"


def test_a_symbolic_link_stays_one(command_line: Run, module: Path) -> None:
    link = module.with_name("link.wasm")
    link.symlink_to("out.wasm")
    assert command_line("process", module.name, "-o", link.name).returncode == 0
    assert link.is_symlink()
    assert module.with_name("out.wasm").is_file()


def test_a_named_pipe_stays_one(command_line: Run, module: Path) -> None:
    pipe = module.with_name("pipe")
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        try:
            done = command_line("process", module.name, "-o", pipe.name)
            assert (done.returncode, pipe.is_fifo()) == (0, True)
            assert reader.communicate(timeout=30)[0] == command_line("process", module.name).stdout
        finally:
            reader.kill()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["proces"], "invalid choice: 'proces'"),
        (["process"], "the following arguments are required: IN"),
        (["process", "x", "--drop-fn", "dropped"], "'dropped' is not of the form MODULE::NAME"),
        (["process", "x", "--drop-fn", "host::\udcff"], r"'host::\udcff' is not UTF-8, as names in a module are"),
        (["process", "x", "--table", "\udcff"], r"'\udcff' is not UTF-8, as names in a module are"),
        (["process", "x", "--table", "a", "--no-table"], "not allowed with argument --table"),
        (["process", "x", "--debug-info", "some"], "invalid choice: 'some'"),
        (["build", "-C", "profile"], "'profile' is not of the form KEY=VALUE"),
        (["-q", "-v", "doctor"], "not allowed with argument"),
    ],
)
def test_wrong_usage_exits_with_2(command_line: Run, arguments: list[str], expected: str) -> None:
    done = command_line(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr.decode()


def test_a_reader_that_stops_is_no_fault_to_talk_about(module: Path) -> None:
    command = [sys.executable, "-m", "externref_build", "-q", "process", str(module)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("inspect", b"error: No space left on device\n  --> stdout\n"),
        ("process", b"error: the output cannot be written: No space left on device\n  --> stdout\n"),
    ],
)
def test_a_full_disk_is_told_once(module: Path, command: str, expected: bytes) -> None:
    arguments = [sys.executable, "-m", "externref_build", command, str(module)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, expected)


@pytest.mark.parametrize(
    ("redirection", "arguments", "code", "expected"),
    [
        ("<&-", "process - -o out.wasm", 1, "error: the input cannot be read: Bad file descriptor\n  --> stdin\n"),
        (">&-", "inspect guest.wasm", 1, "error: Bad file descriptor\n  --> stdout\n"),
        (">&-", "process guest.wasm", 1, "error: the output cannot be written: Bad file descriptor\n  --> stdout\n"),
        ("<&- >&- 2>&-", "process guest.wasm -o out.wasm", 0, ""),
        ("2>&-", "process missing.wasm", 1, ""),
    ],
)
def test_streams_can_be_closed(module: Path, redirection: str, arguments: str, code: int, expected: str) -> None:
    script = f'exec "$0" -m externref_build {arguments} {redirection}'
    done = subprocess.run(["sh", "-c", script, sys.executable], cwd=module.parent, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, expected)
    assert (module.parent / "out.wasm").exists() == (code == 0)


def test_ctrl_c_ends_without_traceback(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow")
    # Whoever runs the tests in the background may have made us ignore the signal, and children inherit that.
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from externref_build.cli import main; sys.exit(main(['process', 'slow']))"
    )
    command = [sys.executable, "-c", script]
    with (
        subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process,
        (tmp_path / "slow").open("wb"),  # waits until the other end is open
    ):
        told = None
        while told is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):  # Python missed a signal just before it began to read
                _, told = process.communicate(timeout=10)
    assert (process.returncode, told) == (130, b"interrupted\n")


# inspect


def test_inspect_shows_declarations_signatures_and_lowerings(command_line: Run, module: Path) -> None:
    shown = command_line("inspect", module.name).stdout.decode()
    assert "guest.wasm: not processed yet" in shown
    assert "  arena.alloc  [externref i32] -> [externref]\n" in shown
    assert "      alloc(arena: ref Arena, size: u32) -> option<own Bytes>\n      Allocates.\n" in shown
    assert "More about it" not in shown
    assert "  run  [externref] -> [externref]\n" in shown
    assert "other imports\n  host.log\n" in shown
    assert re.search(r"direct +4  run\n", shown)


def test_inspect_tells_why_a_function_needs_an_adapter(command_line: Run, module: Path) -> None:
    module.write_bytes(guest(ALLOC, RUN, body=THROUGH_MEMORY))
    shown = command_line("inspect", module.name).stdout.decode()
    assert re.search(r"adapter +4  run: arena\.alloc gets a number as parameter 1.* \(offset 0x[0-9a-f]+\)\n", shown)


def test_inspect_shows_what_a_processed_module_holds(command_line: Run, module: Path) -> None:
    processed = command_line("process", module.name, "--table", "kept").stdout
    described = json.loads(command_line("inspect", "-", "--json", stdin=processed).stdout)
    assert described["state"] == "processed"
    assert described["tables"] == ["kept"]
    assert described["functions"] == []
    assert described["imports"] == [
        {
            "kind": "import",
            "module": "arena",
            "name": "alloc",
            "params": ["externref", "i32"],
            "results": ["externref"],
            "signature": "alloc(arena: ref Arena, size: u32) -> option<own Bytes>",
            "doc": "Allocates.\n\nMore about it.",
        }
    ]
    [export] = described["exports"]
    assert (export["name"], export["params"], export["results"]) == ("run", ["externref"], ["externref"])


def test_inspect_as_json_has_positions_and_reasons(command_line: Run, module: Path) -> None:
    module.write_bytes(guest(ALLOC, RUN, body=THROUGH_MEMORY))
    described = json.loads(command_line("inspect", module.name, "--json").stdout)
    assert described["state"] == "unprocessed"
    assert {use["name"]: use["calls"] for use in described["surrogates"]} == {"insert": 0, "get": 0}
    assert described["other_imports"] == ["host.log"]
    [function] = described["functions"]
    assert function["lowering"] == "adapter"
    assert "arena.alloc gets a number as parameter 1" in function["reason"]
    assert module.read_bytes()[function["offset"]] == 0x10, "the offset is that of the call"


def test_inspect_shows_functions_without_references_as_their_source_declares_them(command_line: Run) -> None:
    line = {"v": 1, "params": [["text", "str"]], "results": ["bool"], "doc": "Looks."}
    lines = [
        json.dumps(line | {"kind": "import", "module": "host", "name": "ask"}),
        json.dumps(line | {"kind": "export", "name": "look"}),
    ]
    text = f"""(module (import "host" "ask" (func (param i32 i32) (result i32)))
        (func (export "look") (param i32 i32) (result i32) local.get 0) (func (export "_initialize"))
        (@custom "__externrefs_interface" {escaped(chr(10).join([*lines, ""]).encode())}))"""
    shown = command_line("inspect", "-", stdin=wat2wasm(text)).stdout.decode()
    assert "imports\n  host.ask  [i32 i32] -> [i32]\n      ask(text: str) -> bool\n      Looks.\n" in shown
    assert "exports\n  look  [i32 i32] -> [i32]\n      look(text: str) -> bool\n      Looks.\n" in shown
    assert "other exports\n  _initialize\n" in shown
    assert "other imports" not in shown


def test_inspect_tells_surrogates_from_what_else_their_module_provides(command_line: Run) -> None:
    text = '(module (import "externref" "get" (func (param i32) (result i32))) (import "externref" "log" (func)))'
    described = json.loads(command_line("inspect", "-", "--json", stdin=wat2wasm(text)).stdout)
    assert [use["name"] for use in described["surrogates"]] == ["get"]
    assert described["other_imports"] == ["externref.log"]


def test_inspect_takes_a_module_whose_table_needs_another_name(command_line: Run) -> None:
    text = (
        '(module (func (export "externrefs") (param i32))'
        f' (@custom "__externrefs" {escaped(encode_record(Record(None, "externrefs", (True,))))}))'
    )
    assert command_line("process", "-", stdin=wat2wasm(text)).returncode == 1
    described = json.loads(command_line("inspect", "-", "--json", stdin=wat2wasm(text)).stdout)
    assert [export["params"] for export in described["exports"]] == [["externref"]]


def test_names_in_a_module_cannot_steer_the_terminal(command_line: Run) -> None:
    text = '(module (import "a\\1b[2Jb" "c\\0ad" (func (param externref))))'
    shown = command_line("inspect", "-", stdin=wat2wasm(text)).stdout.decode()
    assert "  a\\x1b[2Jb.c\\nd  [externref] -> []\n" in shown
    refused = command_line("process", "-", stdin=guest(Record(None, "a\x1b[2Jb", (True,))))
    assert b"a\\x1b[2Jb" in refused.stderr


def test_names_can_be_shown_in_any_encoding(command_line: Run) -> None:
    module = wat2wasm('(module (import "größe" "x" (func (param externref))))')
    shown = command_line("inspect", "-", stdin=module, environ={"PYTHONIOENCODING": "ascii"})
    assert shown.returncode == 0
    assert b"gr\\xf6\\xdfe.x" in shown.stdout


def test_inspect_of_a_plain_module(command_line: Run) -> None:
    shown = command_line("inspect", "-", stdin=wat2wasm("(module)")).stdout.decode()
    assert shown == "stdin: declares no references and holds none\n"


# Names


@pytest.mark.parametrize(
    ("symbol", "path"),
    [
        ("_ZN6plugin5notes4text17h9e8c34fb3f261169E", "plugin::notes::text"),
        (
            "_ZN6plugin10candidates28_$u7b$$u7b$closure$u7d$$u7d$17h0382df823abe8608E",
            "plugin::candidates::{{closure}}",
        ),
        (
            "_ZN46_$LT$$RF$str$u20$as$u20$core..fmt..Display$GT$3fmt17h0382df823abe8608E.llvm.12",
            "<&str as core::fmt::Display>::fmt",
        ),
        ("search", "search"),
        ("_ZN6plugin4textE", "_ZN6plugin4textE"),
        ("_ZN99plugin17h0382df823abe8608E", "_ZN99plugin17h0382df823abe8608E"),
        ("_ZN", "_ZN"),
    ],
)
def test_rust_names_are_shown_as_their_source_has_them(symbol: str, path: str) -> None:
    assert demangle(symbol) == path


# The rest


NEEDED_LATER = {
    *("ast", "dataclasses", "fastjsonschema", "inspect", "json", "pathlib", "shutil", "subprocess", "tempfile"),
    *("tomllib", "urllib.parse"),
}
"""Modules that take long to import, and that most commands need, but not those that are to start fast."""


def imported(arguments: list[str], folder: Path) -> set[str]:
    """Return the modules that a command imports, but for those that no parser of arguments can do without."""
    script = (
        "import argparse, functools, re, sys, typing\n"
        "formatter = functools.partial(argparse.HelpFormatter, width=80)\n"
        "argparse.ArgumentParser(formatter_class=formatter).add_argument('--option')\n"
        "before = set(sys.modules)\n"
        "from externref_build.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules.keys() - before), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_start_imports_nothing_that_version_does_not_need(command_line: Run, tmp_path: Path) -> None:
    assert command_line("--version").stdout.decode().splitlines() == [f"externref-build {__version__}"]
    modules = imported(["--version"], tmp_path)
    ours = {name.split(".")[1] for name in modules if name.startswith("externref_build.")}
    assert ours == {"_version", "cli", "colour", "errors", "wording"}
    assert not modules & NEEDED_LATER


def test_processing_imports_nothing_that_it_does_not_need(module: Path) -> None:
    modules = imported(["process", module.name, "-o", "out.wasm"], module.parent)
    assert "externref_build.processor" in modules
    assert not [name for name in modules if name.startswith("externref_build.processor.dwarf")]
    assert modules & NEEDED_LATER == {"json"}, "a guest's interface is in JSON"


def test_processing_compiles_no_annotations(module: Path) -> None:
    """As named tuples do where annotations are strings, which takes longer than all else that defines them."""
    script = (
        "import sys\n"
        "def hook(event, arguments):\n"
        "    if event == 'compile' and arguments[1] == '<string>': print(arguments[0])\n"
        "sys.addaudithook(hook)\n"
        "from externref_build.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", script, "process", module.name, "-o", "out.wasm"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=module.parent, check=True)
    assert [line for line in done.stdout.splitlines() if "lambda _cls" not in line] == []


def test_the_console_script_and_the_module_are_the_same(command_line: Run) -> None:
    script = Path(sys.executable).with_name("externref-build")
    assert subprocess.run([script, "--help"], capture_output=True).stdout == command_line("--help").stdout


@pytest.mark.parametrize(
    ("environ", "on_terminal", "coloured"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals_and_can_be_chosen(
    tmp_path: Path, environ: Mapping[str, str], on_terminal: bool, coloured: bool
) -> None:
    own = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "externref_build", "process", "absent"]
    reading, writing = pty.openpty() if on_terminal else os.pipe()
    subprocess.run(command, stderr=writing, cwd=tmp_path, env={**own, "TERM": "xterm", **environ})
    os.close(writing)
    told = os.read(reading, 4096)
    os.close(reading)
    assert told.startswith(b"\x1b[1;31merror:\x1b[0m" if coloured else b"error:")


def test_a_module_is_not_written_to_a_terminal(module: Path) -> None:
    reading, writing = pty.openpty()
    command = [sys.executable, "-m", "externref_build", "process", str(module)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    os.close(reading)
    assert done.returncode == 1
    assert b"error: the output is a terminal, and a module is binary\n  name a file: -o OUT.wasm\n" in done.stderr


def test_sdk_path_is_the_folder_of_the_guest_crate(command_line: Run) -> None:
    folder = Path(command_line("sdk-path").stdout.decode().rstrip("\n"))
    assert 'name = "externref-guest"' in (folder / "Cargo.toml").read_text(encoding="utf-8")


def test_cargo_gets_every_argument_behind_its_name(command_line: Run, toolchain: None) -> None:
    assert command_line("cargo", "--version").stdout.startswith(b"cargo ")
    assert b"Usage: cargo build" in command_line("cargo", "build", "-h").stdout
    refused = command_line("cargo", "build")
    assert refused.returncode == 101
    assert b"could not find `Cargo.toml`" in refused.stderr


@pytest.mark.parametrize("place", ["", "src/plugin", "guest", "guest/src"])
def test_cargo_finds_the_guest_of_the_project(tmp_path: Path, toolchain: None, place: str) -> None:
    write(tmp_path, PROJECTS["setuptools"])
    told = cargo_in(tmp_path / place, "locate-project", "--message-format", "plain")
    assert (told.returncode, told.stdout.strip()) == (0, str(tmp_path / "guest" / "Cargo.toml"))


def test_cargo_in_a_project_of_several_guests(tmp_path: Path, toolchain: None) -> None:
    """In their workspace; if they have none in common, the user has to choose."""
    tables = "".join(
        f'[[tool.externref.modules]]\npackage = "plugin"\nmanifest-path = "{name}/Cargo.toml"\n' for name in "ab"
    )
    crates = {f"{name}/Cargo.toml": CARGO.replace('"plugin"', f'"{name}"') for name in "ab"}
    write(tmp_path, {"pyproject.toml": tables, **crates, "a/src/lib.rs": "", "b/src/lib.rs": ""})
    refused = cargo_in(tmp_path, "check")
    assert refused.returncode == 1
    assert "error: the project has 2 workspaces of cargo, expected one to run cargo in" in refused.stderr
    assert f"--manifest-path {Path('b', 'Cargo.toml')}" in refused.stderr
    chosen = cargo_in(tmp_path, "locate-project", "--message-format", "plain", "--manifest-path", "b/Cargo.toml")
    assert chosen.stdout.strip() == str(tmp_path / "b" / "Cargo.toml")
    tables = tables.replace('"a/', '"all/a/').replace('"b/', '"all/b/')
    crates = {f"all/{name}": text for name, text in crates.items()}
    root = {"all/Cargo.toml": '[workspace]\nmembers = ["a", "b"]\nresolver = "2"\n'}
    write(tmp_path, {"pyproject.toml": tables, **crates, **root, "all/a/src/lib.rs": "", "all/b/src/lib.rs": ""})
    told = cargo_in(tmp_path, "locate-project", "--message-format", "plain")
    assert told.stdout.strip() == str(tmp_path / "all" / "Cargo.toml")


def test_cargo_starts_packages_where_the_user_is(tmp_path: Path, toolchain: None) -> None:
    write(tmp_path, PROJECTS["setuptools"])
    assert cargo_in(tmp_path, "new", "--vcs", "none", "more").returncode == 0
    assert (tmp_path / "more" / "Cargo.toml").is_file()


def cargo_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "externref_build", "cargo", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
