"""What a plugin of a generated Python host can reach: objects that its host allows, and what is granted of WASI."""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from bound_guests import assemble, bind, callback_guest, exported, imported, write_package

import externref_build
from externref_build.bindings.reading import read_model
from externref_build.errors import BindingError

VECTOR = {"ref": "Vector3"}


class Vector3:
    """A class of the application."""

    secret = "none of the plugin's business"

    def __init__(self, x: float) -> None:
        self.x = x
        self._hidden = 5

    def scaled(self, factor: float) -> Vector3:
        return type(self)(self.x * factor)

    @property
    def length(self) -> float:
        return abs(self.x)

    @staticmethod
    def zero() -> Vector3:
        return Vector3(0)

    def shift(self, by: float) -> Vector3:
        self.x += by
        return self

    @staticmethod
    def count(value: float) -> int:
        counted.append(value)
        return len(counted)


counted: list[float] = []


class Target:
    """A class whose objects keep functions of the plugin."""

    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def on(self, listener: Any) -> None:
        self.listeners.append(listener)

    def off(self, listener: Any) -> None:
        self.listeners.append(listener)


CLIENT = """(module
    (import "client" "[constructor]Vector3" (func $new (param f64) (result externref)))
    (import "client" "[method]Vector3.scaled#f64" (func $scaled (param externref f64) (result externref)))
    (import "client" "[get]Vector3.length" (func $length (param externref) (result f64)))
    (import "client" "[get]Vector3.x" (func $x (param externref) (result f64)))
    (import "client" "[set]Vector3.x" (func $set (param externref f64)))
    (import "client" "[static]Vector3.zero" (func $zero (result externref)))
    (import "client" "[method]Vector3.shift" (func $shift (param externref f64)))
    (import "client" "[static]Vector3.count" (func $count (param f64)))
    (import "client" "[global]origin" (func $origin (result externref)))
    (import "client" "log" (func $log (param f64)))
    (func (export "half") (param externref) (result externref) (call $scaled (local.get 0) (f64.const 0.5)))
    (func (export "length_of") (param externref) (result f64) (call $length (local.get 0)))
    (func (export "move") (param externref f64) (call $set (local.get 0) (local.get 1)) (call $log (local.get 1)))
    (func (export "made") (param f64) (result externref) (call $new (local.get 0)))
    (func (export "nothing") (result externref) (call $zero))
    (func (export "first") (result externref) (call $origin))
    (func (export "shift") (param externref f64) (call $shift (local.get 0) (local.get 1)) (call $count (local.get 1)))
    (func (export "x_of") (param externref) (result f64) (call $x (local.get 0)))
)"""
CLIENT_INTERFACE = (
    imported("client", "[constructor]Vector3", [("x", "f64")], [{"own": "Vector3"}]),
    imported("client", "[method]Vector3.scaled#f64", [("this", VECTOR), ("factor", "f64")], [{"own": "Vector3"}]),
    imported("client", "[get]Vector3.length", [("this", VECTOR)], ["f64"]),
    imported("client", "[get]Vector3.x", [("this", VECTOR)], ["f64"]),
    imported("client", "[set]Vector3.x", [("this", VECTOR), ("x", "f64")]),
    imported("client", "[static]Vector3.zero", [], [{"own": "Vector3"}]),
    imported("client", "[method]Vector3.shift", [("this", VECTOR), ("by", "f64")]),
    imported("client", "[static]Vector3.count", [("value", "f64")]),
    imported("client", "[global]origin", [], [{"own": "Vector3"}]),
    imported("client", "log", [("value", "f64")]),
    exported("half", [("vector", VECTOR)], [{"own": "Vector3"}]),
    exported("length_of", [("vector", VECTOR)], ["f64"]),
    exported("move", [("vector", VECTOR), ("x", "f64")]),
    exported("shift", [("vector", VECTOR), ("by", "f64")]),
    exported("made", [("x", "f64")], [{"own": "Vector3"}]),
    exported("nothing", [], [{"own": "Vector3"}]),
    exported("first", [], [{"own": "Vector3"}]),
    exported("x_of", [("vector", {"ref": "Anything"})], ["f64"]),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return bind(tmp_path_factory.mktemp("client"), assemble(CLIENT, *CLIENT_INTERFACE), name="space")


@pytest.fixture(params=["unchecked", "public"])
def space(request: pytest.FixtureRequest, client: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generated host, on one of its ways into wasmtime."""
    if request.param == "public":
        monkeypatch.setattr(client, "_C", None)
    return client


def allowed(**more: Any) -> dict[str, Any]:
    return {"Vector3": Vector3, "origin": Vector3(7), "log": lambda _: None, **more}


def test_members_of_objects_that_the_host_allows(space: ModuleType) -> None:
    logged: list[float] = []
    with space.Space.load(allowed(log=logged.append)) as plugin:
        vector = Vector3(-8)
        assert plugin.half(vector).x == -4
        assert plugin.length_of(vector) == 8
        plugin.move(vector, 3)
        assert (vector.x, logged) == (3, [3])
        assert plugin.made(2.5).x == 2.5
        assert plugin.nothing().x == 0
        assert plugin.first().x == 7


def test_a_member_may_return_what_the_plugin_does_not_ask_for(space: ModuleType) -> None:
    vector = Vector3(1)
    with space.Space.load(allowed()) as plugin:
        plugin.shift(vector, 2)
    assert (vector.x, counted[-1]) == (3, 2)


def test_a_subclass_is_one_of_the_class(space: ModuleType) -> None:
    class Special(Vector3): ...

    with space.Space.load(allowed()) as plugin:
        assert type(plugin.half(Special(2))) is Special


@pytest.mark.parametrize("other", [object(), "text", 5, Vector3, vars, {"x": 1}])
def test_members_of_other_objects_are_out_of_reach(space: ModuleType, other: object) -> None:
    """The plugin declares a member of `Vector3`, and uses it on whatever it was handed under another type."""
    with pytest.raises(TypeError, match=r"length_of: vector is .*expected a Vector3"):
        space.Space.load(allowed()).length_of(other)
    with pytest.raises(space.GuestFault, match=r"called client\.\[get\]Vector3\.x: this is .*expected a Vector3"):
        space.Space.load(allowed()).x_of(other)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"origin": Vector3(1), "log": print}, "`client` lacks Vector3, which the plugin uses"),
        ({"Vector3": Vector3}, "`client` lacks origin, log"),
        (allowed(Vector3=Vector3(1)), "expected a class"),
        (allowed(Vector3=object), "has no (zero|count), which the plugin calls"),
        (allowed(log=3), "`client` does not fit: log is 3, expected a function"),
        (allowed(log=lambda: None), r"`client` does not fit: log\(\) does not take 1 argument"),
        (None, "`client` is None, expected a dictionary with Vector3, origin, log"),
    ],
)
def test_what_is_not_allowed_is_missing(space: ModuleType, wrong: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        space.Space.load(wrong)


def test_results_of_members_are_checked(space: ModuleType) -> None:
    plugin = space.Space.load(allowed(origin="a text"))
    with pytest.raises(TypeError, match=r"client\.\[global\]origin of the host returned 'a text', expected a Vector3"):
        plugin.first()


@pytest.mark.parametrize(
    "name",
    [
        "[get]Vector3._hidden",
        "[method]Vector3.__init__",
        "[get]Vector3.__class__",
        "[static]Vector3.__subclasses__",
        "[constructor]_Vector3",
        "[get]_Vector3.x",
        "[global]__builtins__",
        "[get]Vector3.x.__class__",
        "[get]Vector3.",
        "[get]Vector3",
        "[method].x",
        "[constructor]Vector3.x",
        "[get]Vector3.x\n",
    ],
)
def test_names_that_break_out_have_no_bindings(name: str) -> None:
    """Neither with an interface that allows them, nor as a bare import."""
    quoted = name.replace("\n", "\\n")
    text = f'(module (import "client" "{quoted}" (func (param externref) (result externref))))'
    for interface in ((), (imported("client", name, [("this", VECTOR)], [VECTOR]),)):
        with pytest.raises(BindingError):
            read_model(assemble(text, *interface))


def test_members_of_the_class_of_classes_are_out_of_reach(tmp_path: Path) -> None:
    text = '(module (import "client" "[static]Vector3.mro" (func (result externref))))'
    host = bind(tmp_path, assemble(text, imported("client", "[static]Vector3.mro", [], [{"ref": "Any"}])))
    with pytest.raises(TypeError, match="has no mro"):
        host.Plug.load({"Vector3": Vector3})


def test_free_functions_do_not_reach_members_that_begin_with_an_underscore(tmp_path: Path) -> None:
    text = """(module (import "host" "__class__" (func $f (result externref)))
        (func (export "f") (result externref) call $f))"""
    host = bind(tmp_path, assemble(text))

    class Host:
        def class__(self) -> str:
            return "an ordinary method"

    with host.Plug.load(Host()) as plugin:
        assert plugin.f() == "an ordinary method"


# Classes behind resource types


SHAPES = "class Row:\n    pass\n\n\nclass Other:\n    pass\n"
ROWS = assemble(
    """(module (import "db" "next" (func $next (param externref) (result externref)))
    (func (export "next") (param externref) (result externref) (call $next (local.get 0)))
    (func (export "cast") (param externref) (result externref) (local.get 0)))""",
    imported("db", "next", [("row", {"ref": "Row"})], [{"own": "Row", "null": True}]),
    exported("next", [("row", {"ref": "Row"})], [{"own": "Row", "null": True}]),
    exported("cast", [("other", {"ref": "Other"})], [{"own": "Row"}]),
)


@pytest.mark.parametrize("public", [False, True])
def test_references_to_mapped_types_are_of_their_class(tmp_path: Path, public: bool) -> None:
    host = bind(tmp_path, ROWS, types={"Row": "shapes:Row"}, shapes=SHAPES)
    host._C = None if public else host._C  # type: ignore[attr-defined]

    class Db:
        answer: object = None

        def next(self, row: object) -> object:
            return self.answer

    db, row = Db(), host.Row()
    with host.Plug.load(db) as plugin:
        assert plugin.next(row) is None
        db.answer = row
        assert plugin.next(row) is row
        with pytest.raises(TypeError, match=r"next: row is .*object.*, expected a Row"):
            plugin.next(object())
        with pytest.raises(host.GuestFault, match=r"cast returned .*expected a Row"):
            plugin.cast(object())
        db.answer = "no row"
        with pytest.raises(TypeError, match=r"db\.next of the host returned 'no row', expected a Row or None"):
            plugin.next(row)


def test_a_class_of_another_name_than_the_type_is_named(tmp_path: Path) -> None:
    host = bind(tmp_path, ROWS, types={"Row": "shapes:Other"}, shapes=SHAPES)
    with (
        host.Plug.load(SimpleNamespace(next=lambda row: row)) as plugin,
        pytest.raises(TypeError, match=r"next: row is 5, expected a Row \(\w+\.shapes\.Other\)"),
    ):
        plugin.next(5)


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ({"Rows": "shapes:Row"}, "a resource type Rows that the module does not have"),
        ({"Row": "shapes.Row"}, 'expected "package.module:Class"'),
        ({"Row": "shapes:Row; import os"}, 'expected "package.module:Class"'),
    ],
)
def test_mappings_that_cannot_be_meant(tmp_path: Path, types: dict[str, str], words: str) -> None:
    with pytest.raises(BindingError) as caught:
        write_package(tmp_path, ROWS, types=types)
    assert words in str(caught.value)


# WASI


def wasi(name: str, params: str) -> str:
    return f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))'


WASI = f"""(module
    {wasi("fd_write", "i32 i32 i32 i32")} {wasi("clock_time_get", "i32 i64 i32")} {wasi("random_get", "i32 i32")}
    {wasi("environ_sizes_get", "i32 i32")} {wasi("args_sizes_get", "i32 i32")}
    {wasi("fd_read", "i32 i32 i32 i32")}
    {wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")}
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (global $started (mut i32) (i32.const 0))
    (data (i32.const 0) "\\20\\00\\00\\00\\03\\00\\00\\00") (data (i32.const 32) "hi\\n") (data (i32.const 48) "a.txt")
    (func (export "_initialize") (global.set $started (i32.const 1)))
    (func (export "started") (result i32) (global.get $started))
    (func (export "prints") (param i32) (result i32)
        (call $fd_write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (func (export "reads") (result i32) (local $error i32)
        (local.set $error (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
        (if (result i32) (local.get $error) (then (i32.sub (i32.const 0) (local.get $error)))
            (else (i32.load (i32.const 16)))))
    (func (export "time") (result i32) (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 64)))
    (func (export "random") (result i32) (call $random_get (i32.const 64) (i32.const 8)))
    (func (export "variables") (result i32)
        (drop (call $environ_sizes_get (i32.const 64) (i32.const 68))) (i32.load (i32.const 64)))
    (func (export "arguments") (result i32)
        (drop (call $args_sizes_get (i32.const 64) (i32.const 68))) (i32.load (i32.const 64)))
    (func (export "opens") (param i32 i64) (result i32) (call $path_open (i32.const 3) (i32.const 0) (i32.const 48)
        (i32.const 5) (local.get 0) (local.get 1) (i64.const 0) (i32.const 0) (i32.const 64)))
    (func (export "exits") (call $proc_exit (i32.const 3)))
)"""
READ, WRITE, CREATE = 2, 64, 1


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return bind(tmp_path_factory.mktemp("wasi"), assemble(WASI), name="reach")


def test_wasi_is_off_unless_granted(reach: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    with reach.Reach.load() as plugin:
        assert plugin.started() == 1
        plugin.prints(1)
        assert plugin.reads() <= 0
        assert plugin.time() == plugin.random() == 76
        assert (plugin.variables(), plugin.arguments()) == (0, 0)
        assert plugin.opens(0, READ) != 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("grant", "use"),
    [
        ({"args": ["plugin", "-v"]}, lambda plugin: plugin.arguments() == 2),
        ({"env": {"A": "1"}}, lambda plugin: plugin.variables() == 1),
        ({"clock": True}, lambda plugin: plugin.time() == 0),
        ({"random": True}, lambda plugin: plugin.random() == 0),
    ],
)
def test_each_grant_is_one_of_its_own(reach: ModuleType, grant: dict[str, Any], use: Callable[[Any], bool]) -> None:
    checks: list[Callable[[Any], bool]] = [
        lambda plugin: plugin.arguments() > 0,
        lambda plugin: plugin.variables() > 0,
        lambda plugin: plugin.time() == 0,
        lambda plugin: plugin.random() == 0,
        lambda plugin: plugin.opens(0, READ) == 0,
    ]
    with reach.Reach.load(wasi=reach.Wasi(**grant)) as plugin:
        assert use(plugin)
        assert sum(check(plugin) for check in checks) == 1


def test_output_goes_where_the_host_wants_it(reach: ModuleType, capfd: Any) -> None:
    out, err = io.BytesIO(), io.BytesIO()
    with reach.Reach.load(wasi=reach.Wasi(stdout=out.write, stderr=err.write)) as plugin:
        assert (plugin.prints(1), plugin.prints(1), plugin.prints(2)) == (0, 0, 0)
    assert (out.getvalue(), err.getvalue()) == (b"hi\nhi\n", b"hi\n")
    assert capfd.readouterr() == ("", "")


def test_a_host_that_cannot_take_the_output_tells_the_plugin(reach: ModuleType, capfd: Any) -> None:
    def write(_: bytes) -> None:
        raise error

    error: BaseException = OSError("the disk is full")
    plugin = reach.Reach.load(wasi=reach.Wasi(stdout=write))
    assert plugin.prints(1) != 0
    with pytest.raises(reach.GuestTrap) as caught:
        plugin.exits()
    assert caught.value.__cause__ is error
    error = KeyboardInterrupt()
    plugin = reach.Reach.load(wasi=reach.Wasi(stdout=write))
    assert plugin.prints(1) != 0
    with pytest.raises(KeyboardInterrupt):
        plugin.exits()
    assert capfd.readouterr() == ("", "")


def test_what_takes_the_output_does_not_close_the_plugin(reach: ModuleType) -> None:
    plugin: Any = reach.Reach.load(wasi=reach.Wasi(stdout=lambda _: plugin.close()))
    assert plugin.prints(1) != 0
    assert plugin.started() == 1


def test_input_is_a_file(reach: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("ab")
    with reach.Reach.load(wasi=reach.Wasi(stdin=tmp_path / "in.txt")) as plugin:
        assert plugin.reads() == 2


def test_folders_are_read_or_written(reach: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with reach.Reach.load(wasi=reach.Wasi(directories={"/data": tmp_path})) as plugin:
        assert plugin.opens(0, READ) == 0
        assert plugin.opens(0, WRITE) != 0
    with reach.Reach.load(wasi=reach.Wasi(writable={"/data": tmp_path})) as plugin:
        assert plugin.opens(0, WRITE) == 0


@pytest.mark.parametrize(
    ("grant", "error", "words"),
    [
        (
            {"directories": {"/data": "no such folder"}},
            NotADirectoryError,
            "directories of wasi has 'no such folder' for",
        ),
        ({"writable": {"/data": __file__}}, NotADirectoryError, "writable of wasi has"),
        ({"stdin": "no such file"}, FileNotFoundError, "stdin of wasi is 'no such file'"),
        ({"stdout": 3}, TypeError, "stdout of wasi is 3, expected a function that takes bytes"),
        ({"args": "one text"}, TypeError, "args of wasi is 'one text', expected a sequence"),
        ({"args": [b"bytes"]}, TypeError, "args of wasi has b'bytes', expected a str"),
        ({"args": ["a\0b"]}, ValueError, "null character"),
        ({"env": {"NUMBER": 1}}, TypeError, "env of wasi has 1, expected a str"),
        ({"env": {"A=B": "1"}}, ValueError, "env of wasi has 'A=B', which cannot be the name of a variable"),
        ({"env": {"A": "\udc80"}}, ValueError, "a lone surrogate"),
        ({"env": [("A", "1")]}, TypeError, "env of wasi is <list>, expected a mapping of texts"),
        ({"stdin": b"in.txt"}, TypeError, "stdin of wasi is b'in.txt', expected a path or None"),
        ({"directories": "/data"}, TypeError, "directories of wasi is '/data', expected a mapping"),
        ({"writable": {"/data": 3}}, TypeError, "writable of wasi has 3 for /data, expected a path"),
        ({"directories": {3: "."}}, TypeError, "directories of wasi has 3, expected a str"),
        ({"clock": "no"}, TypeError, "clock of wasi is 'no', expected True or False"),
        ({"random": 0}, TypeError, "random of wasi is 0, expected True or False"),
    ],
)
def test_what_cannot_be_granted_is_named(
    reach: ModuleType, grant: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        reach.Reach.load(wasi=reach.Wasi(**grant))


def test_grants_are_those_of_wasi(reach: ModuleType) -> None:
    with pytest.raises(TypeError, match="wasi is True, expected a Wasi or None"):
        reach.Reach.load(wasi=True)


OLD = """
import io
from {host} import _C, LimitExceeded, Reach, Wasi
from {keep} import GuestTrap, Keep

out = io.BytesIO()
with Reach.load(wasi=Wasi(stdout=out.write, directories={{"/data": "."}})) as plugin:
    print(_C is not None, plugin.prints(1), out.getvalue(), plugin.opens(0, {read}), plugin.opens(0, {write}) != 0)
with Reach.load(wasi=Wasi(writable={{"/data": "."}})) as plugin:
    print(plugin.opens(0, {write}))
try:
    Reach.load(fuel=0)
except LimitExceeded as error:
    print(error)
with Keep.load() as plugin:
    kept = [(plugin.put(index % 100, out), plugin.take(index % 100), plugin.live_references) for index in range(1500)]
    print([live for _, _, live in kept] == {counts})
    try:
        plugin.fail()
    except GuestTrap as error:
        print(error, *error.__notes__[0].splitlines()[2:])
try:
    Keep.load().recurse()
except GuestTrap as error:
    lines = error.__notes__[0].splitlines()
    print(error, len(lines), lines[-1].startswith("    and "))
"""
KEEP = """(module
    (table $kept 100 externref)
    (func (export "fail") unreachable)
    (func $recurse (export "recurse") (call $recurse))
    (func (export "put") (param i32 externref) (table.set $kept (local.get 0) (local.get 1)))
    (func (export "take") (param i32) (result externref) (table.get $kept (local.get 0))))"""


@pytest.mark.once
def test_hosts_run_with_the_oldest_wasmtime_that_new_projects_name(
    reach: ModuleType, make_venv: Callable[[], Path], tmp_path: Path
) -> None:
    template = Path(externref_build.__file__).parent / "templates" / "common" / "pyproject.toml.in"
    [oldest] = re.findall(r"wasmtime>=(\d+)", template.read_text(encoding="utf-8"))
    python = make_venv()
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"wasmtime=={oldest}.0.0"], check=True)
    (tmp_path / "a.txt").write_text("x")
    put = exported("put", [("index", "u32"), ("thing", {"own": "Thing"})])
    take = exported("take", [("index", "u32")], [{"own": "Thing"}])
    keep = bind(tmp_path, assemble(KEEP, put, take), name="keep")
    folders = (str(Path(module.__file__ or "").parent.parent) for module in (reach, keep))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "RUST_BACKTRACE": "1"}  # is not the engine's
    counts = "[*range(1, 101), *[100] * 1400]"
    program = OLD.format(host=reach.__name__, keep=keep.__name__, counts=counts, read=READ, write=WRITE)
    done = subprocess.run([python, "-c", program], cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8")
    assert done.stdout.splitlines() == [
        "True 0 b'hi\\n' 0 True",
        "0",
        "the plugin used up its fuel of 0 for one call",
        "True",
        "wasm `unreachable` instruction executed",
        "call stack exhausted 22 True",
    ], done.stderr


def test_an_exit_ends_the_plugin_not_the_host(reach: ModuleType) -> None:
    plugin = reach.Reach.load()
    with pytest.raises(reach.GuestTrap, match="exited with code 3"):
        plugin.exits()
    with pytest.raises(reach.PluginClosedError):
        plugin.started()


def test_a_function_of_the_plugin_is_one_callable_whoever_takes_it(tmp_path: Path) -> None:
    host = bind(tmp_path, callback_guest())
    target = Target()
    with host.Plug.load(client={"Target": Target}) as plugin:
        plugin.listen(target)
        on, off, none = target.listeners
        assert on is off
        assert none is None
        assert [on(2.0, object()), on(0.0, object())] == [True, False]
        with pytest.raises(TypeError, match="Event"):
            on(2.0, None)
    with pytest.raises(host.PluginClosedError):
        on(2.0, object())
