"""What passes between guests written with the Rust SDK and their hosts: each type, wherever it may stand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasmtime import Trap
from wire_host import CallError, Host, interface_of

from externref_build.processor import Processor

if TYPE_CHECKING:
    from conftest import CompileGuest

GUESTS = Path(__file__).resolve().parent / "guests"
TYPED = GUESTS / "typed"

pytestmark = pytest.mark.once

TEXTS = ["", "x", "grüezi 🐻", "\0", "two\nlines", "ß" * 70_000]
BYTES = [b"", b"\0", bytes(range(256)), b"\xff" * 70_000]


def integers(bits: int, signed: bool) -> list[int]:
    return [-(1 << bits - 1), -1, 0, (1 << bits - 1) - 1] if signed else [0, 1, 1 << bits - 1, (1 << bits) - 1]


INTEGERS = {f"{sign}{bits}": integers(bits, sign == "s") for bits in (8, 16, 32, 64) for sign in "su"}
FLOATS = [0.0, -0.0, 1.5, -math.inf, 2.0**-149, float(2**127)]

VALUES: dict[str, list[Any]] = {
    "bool": [False, True],
    **INTEGERS,
    "f32": FLOATS,
    "f64": [*FLOATS, 5e-324, 0.1],
    "char": ["\0", "a", "\ud7ff", "\ue000", "\U0010ffff"],
    "usize": INTEGERS["u32"],
    "isize": INTEGERS["s32"],
    "ptr": INTEGERS["u32"],
    "str": TEXTS,
    "string": TEXTS,
    "bytes": BYTES,
    "byte_vec": BYTES,
    **{f"list_{name}": [[], values, values * 5000] for name, values in INTEGERS.items() if name != "u8"},
    "list_f32": [[], FLOATS],
    "list_f64": [[], FLOATS, [0.1] * 20_000],
    "vec_f64": [[], FLOATS],
    "option_str": [None, *TEXTS],
    "option_string": [None, *TEXTS],
    "option_bytes": [None, *BYTES],
    "option_list_f64": [None, [], FLOATS],
    "option_vec_u32": [None, [], INTEGERS["u32"]],
}


@pytest.fixture(
    scope="module",
    params=[("wasm32-unknown-unknown", "release"), ("wasm32-wasip1", "dev")],
    ids=["unknown, release", "wasip1, dev"],
)
def typed(request: pytest.FixtureRequest, compile_guest: CompileGuest) -> bytes:
    """The guest, processed."""
    target, profile = request.param
    return Processor().process(compile_guest(files_of("typed"), target=target, profile=profile).read_bytes())


def files_of(guest: str) -> dict[str, str]:
    folder = GUESTS / guest
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


def echo(value: Any) -> Any:
    return value


@pytest.fixture
def host(typed: bytes) -> Host:
    """A host whose functions return what they are given."""
    functions = {
        f"{function.module}.{function.name}": echo
        for function in interface_of(typed)
        if function.name.startswith("echo_")
    }
    return Host(typed, functions)


def test_every_value_comes_back_as_it_was(host: Host) -> None:
    through = {name for _, name in host.interface if name.startswith("through_")}
    assert through == {f"through_{name}" for name in VALUES} | {"through_any"}
    for name, values in VALUES.items():
        for value in values:
            returned = host.call(f"through_{name}", value)
            assert (type(returned), returned) == (type(value), value), name
            assert math.copysign(1, returned) == math.copysign(1, value) if name in ("f32", "f64") else True
    for name in ("f32", "f64"):
        assert math.isnan(host.call(f"through_{name}", math.nan))


def test_values_arrive_in_their_order(typed: bytes) -> None:
    def mixed(*values: Any) -> str:
        return repr(values)

    host = Host(typed, {"host.mixed": mixed})
    values: tuple[Any, ...] = (True, "Straße", 2**64 - 1, [0.5, -1.0], "é", None)
    assert host.call("mix", *values) == repr(values)
    values = (False, "", 0, [], "\0", b"")
    assert host.call("mix", *values) == repr(values)


def test_the_host_may_write_into_a_list_that_the_guest_lends(typed: bytes) -> None:
    def double(numbers: list[float]) -> None:
        numbers[:] = [2 * number for number in numbers]

    def fill(data: list[int] | None, value: int) -> int:
        if data is None:
            return 0
        data[:] = [value] * len(data)
        return len(data)

    host = Host(typed, {"host.double": double, "host.fill": fill})
    assert host.call("doubled", [1.5, -3.0]) == [3.0, -6.0]
    assert host.call("doubled", []) == []
    assert host.call("filled", b"abc", 255) == b"\xff\xff\xff"
    assert host.call("filled", b"", 255) == b""
    assert host.call("filled", None, 255) is None


def test_a_result_may_be_static_or_a_part_of_an_argument(host: Host) -> None:
    assert host.call("greeting") == "grüezi 🐻"
    assert host.call("first_word", "  one two") == "one"
    assert host.call("first_word", "x" * 100_000 + " y") == "x" * 100_000
    assert host.call("first_word", " \t ") is None


def test_memory_may_grow_during_a_call(host: Host) -> None:
    before = host.memory.data_len(host.store)
    assert host.call("long_text", 10_000_000) == "x" * 10_000_000
    assert host.memory.data_len(host.store) > before


def test_the_host_may_call_the_guest_while_the_guest_calls_it(typed: bytes) -> None:
    def reenter(text: str) -> int:
        assert instance.call("first_word", text) == "eins"
        return int(instance.call("sum_of_words", text)) + 1

    instance = Host(typed, {"host.reenter": reenter})
    assert instance.call("reentered", "eins zwei") == "eins zwei:9"


def test_nothing_that_passes_is_left_in_memory(typed: bytes) -> None:
    def fail_with(message: str | None) -> None:
        if message is not None:
            raise CallError(message)

    functions = dict.fromkeys(("host.echo_str", "host.echo_vec_f64", "host.echo_option_bytes"), echo)
    host = Host(typed, {**functions, "host.fail_with": fail_with})

    def all_kinds() -> None:
        host.call("through_str", "x" * 500)
        host.call("through_str", "")
        host.call("through_vec_f64", [1.0] * 60)
        host.call("through_option_bytes", b"")
        host.call("first_word", "y" * 500)
        host.call("greeting")
        assert host.call("failure_of", "z" * 500) == "z" * 500
        with pytest.raises(CallError):
            host.call("maybe_fail", "z" * 500)

    all_kinds()
    before = host.memory.data_len(host.store)
    for _ in range(1000):
        all_kinds()
    assert host.memory.data_len(host.store) == before


# What a host must not pass


MISUSE = [
    ("through_bool", (2,), "host passed as parameter `value` of export `through` the number 2, which is no `bool`"),
    ("through_char", (0xD800,), "the number 55296, which is no `char`"),
    ("through_char", (-1,), "the number 4294967295, which is no `char`"),
    ("through_str", (0, 0), "host passed as parameter `value` of export `through` nothing, at address 0"),
    ("through_vec_f64", (0, 5), "nothing, at address 0 (declare it as `Option` to accept that)"),
]


@pytest.mark.parametrize(("export", "arguments", "message"), MISUSE)
def test_what_is_no_value_of_its_type_is_refused(
    export: str, arguments: tuple[int, ...], message: str, host: Host
) -> None:
    with pytest.raises(Trap):
        host.raw(export, *arguments)
    [(found, file, *_)] = host.panics
    assert message in found
    assert file == "src/values.rs"


def test_a_refusal_names_the_line_of_the_declaration(host: Host) -> None:
    with pytest.raises(Trap):
        host.raw("mix", 2, 0, 0, 0, 0, 0, 0, 0, 0)
    [(message, file, line, _)] = host.panics
    assert message == "host passed as parameter `flag` of export `mix` the number 2, which is no `bool`"
    assert (file, line) == ("src/values.rs", line_of("values.rs", 'pub extern "C" fn mix('))


def test_text_that_is_not_utf8_is_refused(host: Host) -> None:
    text = b"abc\xff"
    with pytest.raises(Trap):
        host.raw("through_str", host.allocate(text, 1), len(text))
    [(message, *_)] = host.panics
    assert message == "host passed as parameter `value` of export `through` text that is not UTF-8 from byte 3 on"


@pytest.mark.parametrize(
    ("export", "returned", "message"),
    [
        ("through_bool", 7, "host returned from import `echo` of module `host` the number 7, which is no `bool`"),
        ("through_string", b"\xc3", "text that is not UTF-8 from byte 0 on"),
    ],
)
def test_a_host_that_returns_nonsense_is_refused(typed: bytes, export: str, returned: Any, message: str) -> None:
    name = export.removeprefix("through_")
    host = Host(typed, {f"host.echo_{name}": lambda _: returned})
    with pytest.raises(Trap):
        host.call(export, "" if name == "string" else True)
    [(found, file, *_)] = host.panics
    assert message in found
    assert file == "src/values.rs"


def test_small_integers_wrap(host: Host) -> None:
    assert host.raw("through_u8", 0x1_FF) == 0xFF
    assert host.raw("through_s8", 0x80) == -0x80
    assert host.raw("through_u16", -1) == 0xFFFF


def line_of(file: str, start: str) -> int:
    lines = (TYPED / "src" / file).read_text("utf-8").splitlines()
    [line] = [number for number, line in enumerate(lines, 1) if line.startswith(start)]
    return line


# Failures and panics


def parse(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise CallError(str(error)) from None


def test_a_failure_of_the_host_is_an_error_in_the_guest(typed: bytes) -> None:
    host = Host(typed, {"host.parse": parse})
    assert host.call("parse_twice", "21") == 42
    with pytest.raises(CallError, match=r"invalid literal for int.*'ß'"):
        host.call("parse_twice", "ß")
    assert host.call("parse_twice", "-1") == -2


@pytest.mark.parametrize("message", ["", "no", "x" * 100_000, "grüezi 🐻"])
def test_messages_of_failures_arrive_whole(message: str, typed: bytes) -> None:
    def fail_with(given: str | None) -> None:
        assert given == message
        raise CallError(given)

    host = Host(typed, {"host.fail_with": fail_with})
    assert host.call("failure_of", message) == message
    with pytest.raises(CallError) as caught:
        host.call("maybe_fail", message)
    assert str(caught.value) == message


def test_without_a_failure_there_is_none(typed: bytes) -> None:
    host = Host(typed, {"host.fail_with": lambda _: None})
    assert host.call("failure_of", None) is None
    assert host.call("maybe_fail", None) is None


def test_a_failure_takes_the_place_of_any_result(typed: bytes) -> None:
    def lookup(name: str) -> Any:
        if name == "missing":
            raise CallError("not there")
        return results[name]

    imports = {"host.obtain": "obtained", "host.seek": "sought", "host.read": "read_loudly", "host.exists": "is_there"}
    thing = object()
    results: dict[str, Any] = {"thing": thing, "none": None, "text": "straße", "yes": True, "no": False}
    host = Host(typed, dict.fromkeys(imports, lookup))
    assert host.call("obtained", "thing") is thing
    assert host.call("sought", "thing") is thing
    assert host.call("sought", "none") is None
    assert host.call("read_loudly", "text") == "STRASSE"
    assert host.call("is_there", "yes") is True
    assert host.call("is_there", "no") is False
    for export in imports.values():
        with pytest.raises(CallError, match="not there"):
            host.call(export, "missing")
    with pytest.raises(CallError, match=r"^not obtained: not there$"):
        host.call("obtained", "missing")
    assert host.held() == []


def test_what_is_generated_offends_no_lint_and_fails_without_parameters_too(compile_guest: CompileGuest) -> None:
    guest = Processor().process(compile_guest(files_of("strict")).read_bytes())
    thing = object()
    answers: dict[str, Any] = {
        "host.check": None,
        "host.now": 4.0,
        "host.find": None,
        "host.log": 5,
        "host.name": "a thing",
    }

    def answer(name: str) -> Callable[..., Any]:
        def function(*_arguments: Any) -> Any:
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return function

    host = Host(guest, {name: answer(name) for name in answers})
    assert host.call("name_of_any") is None
    answers["host.find"] = thing
    assert host.call("name_of_any") == "a thing 5"
    assert host.call("same", thing, "some words") is thing
    assert host.call("same", thing, "words") is None
    assert host.call("first_word", " a b ") == "a"
    for call in (("same", thing, ""), ("first_word", "")):
        with pytest.raises(CallError, match=r"^there is no word$"):
            host.call(*call)
    for name in ("host.log", "host.find", "host.check"):
        answers[name] = CallError(f"no {name}")
        with pytest.raises(CallError, match=f"^no {name}$"):
            host.call("name_of_any")
    assert host.held() == []


def test_an_export_fails_on_its_own(host: Host) -> None:
    assert host.call("divide", -7, 2) == -3
    with pytest.raises(CallError, match=r"^no quotient$"):
        host.call("divide", 1, 0)
    with pytest.raises(CallError, match=r"^$"):
        host.call("fail_silently")


@pytest.mark.parametrize(
    ("export", "arguments", "message", "line"),
    [
        ("give_up", ("grüezi",), "grüezi", '    panic!("{message}");'),
        ("give_up", ("",), "", '    panic!("{message}");'),
        ("element", ([1, 2], 5), "index out of bounds: the len is 2 but the index is 5", "    list[index]"),
    ],
)
def test_a_panic_tells_the_host_why_and_where(
    export: str, arguments: tuple[Any, ...], message: str, line: str, host: Host
) -> None:
    with pytest.raises(Trap):
        host.call(export, *arguments)
    column = 5
    assert host.panics == [(message, "src/failures.rs", line_of("failures.rs", line), column)]


def test_a_trap_without_a_panic_tells_nothing(host: Host) -> None:
    with pytest.raises(Trap):
        host.call("trap")
    assert host.panics == []


def test_a_panic_is_written_to_standard_error_as_ever(typed: bytes, tmp_path: Path) -> None:
    host = Host(typed, {}, stderr=str(tmp_path / "stderr"))
    with pytest.raises(Trap):
        host.call("give_up", "grüezi")
    if "wasi_snapshot_preview1" in {entry.module for entry in host.imports}:
        assert "src/failures.rs" in (tmp_path / "stderr").read_text("utf-8")


# References between other values


class Shelf(dict[str, "Item"]):
    """Where items come from."""


class Item:
    """Something with a name."""

    def __init__(self, name: str, data: bytes = b"") -> None:
        self.name = name
        self.data = data


@pytest.fixture
def store(typed: bytes) -> Host:
    """A host with shelves and items."""

    def put_back(shelf: Shelf, item: Item, note: str | None) -> None:
        shelf[note or item.name] = item

    return Host(
        typed,
        {
            "host.find": lambda shelf, name: shelf.get(name),
            "host.make": Item,
            "host.name_of": lambda item: item.name,
            "host.put_back": put_back,
            "host.look": lambda item: item is not None,
            "host.echo_any": echo,
        },
    )


def test_references_pass_between_texts_and_bytes(store: Host) -> None:
    shelf, one, two = Shelf(), Item("one"), Item("three")
    shelf["one"] = one
    assert store.call("fetch", shelf, "one") is one
    made = store.call("fetch", shelf, "twö")
    assert (made.name, made.data) == ("twö", "twö".encode())
    assert store.call("label", "<", one, ">") == "<one>"
    assert store.call("label", "", Item(""), "") == ""
    assert store.call("longer", one, two) is two
    assert store.call("longer", one, one) is one
    assert store.call("longer", None, two) is two
    assert store.call("longer", None, None) is None
    store.call("give_back", shelf, two, None)
    store.call("give_back", shelf, two, "note")
    assert shelf == {"one": one, "three": two, "note": two}
    assert [store.call("show", item) for item in (one, None)] == [True, False]
    for value in (None, store, 5, "text", shelf):
        assert store.call("through_any", value) is value
    assert store.held() == []


def test_a_guest_holds_what_it_keeps_and_nothing_else(store: Host) -> None:
    items = [Item(str(number)) for number in range(3)]
    assert [store.call("keep", item) for item in items] == [1, 2, 3]
    for _ in range(100):
        store.call("label", "", items[0], "")
        store.call("fetch", Shelf(), "new")
    assert sorted(item.name for item in store.held() if isinstance(item, Item)) == ["0", "1", "2"]
    store.call("release")
    assert store.held() == []
    store.call("hoard", 1000)
    assert len(store.held()) == 1000


# Objects of the host


class Vector3:
    def __init__(self, x: float, y: float, z: float) -> None:
        self.coordinates = (x, y, z)

    def add(self, other: Vector3) -> Vector3:
        return Vector3(*map(sum, zip(self.coordinates, other.coordinates, strict=True)))

    def normalized(self) -> Vector3:
        length = math.hypot(*self.coordinates)
        if not length:
            raise CallError("a point without a direction")
        return Vector3(*(coordinate / length for coordinate in self.coordinates))

    def set_x(self, x: float) -> None:
        self.coordinates = (x, *self.coordinates[1:])


class Object3D:
    def __init__(self, name: str) -> None:
        self.name = name
        self.position = Vector3(0, 0, 0)
        self.target: Vector3 | None = None
        self.children: list[Object3D] = []
        self.parent: Object3D | None = None

    def attach(self, child: Object3D) -> None:
        self.children.append(child)
        child.parent = self

    def find(self, name: str) -> Object3D | None:
        return next((child for child in self.children if child.name == name), None)


@pytest.fixture
def scene() -> Object3D:
    return Object3D("scene")


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def viewer(typed: bytes, scene: Object3D, lines: list[str]) -> Host:
    """A host with a scene."""
    functions: dict[str, Callable[..., Any]] = {
        "[constructor]Vector3": Vector3,
        "[static]Vector3.origin": lambda: Vector3(0, 0, 0),
        "[method]Vector3.add": Vector3.add,
        "[method]Vector3.add#f64": lambda this, scalar: Vector3(*(value + scalar for value in this.coordinates)),
        "[method]Vector3.normalized": Vector3.normalized,
        "[get]Vector3.x": lambda this: this.coordinates[0],
        "[set]Vector3.x": Vector3.set_x,
        "[get]Object3D.name": lambda this: this.name,
        "[set]Object3D.name": lambda this, name: setattr(this, "name", name),
        "[get]Object3D.position": lambda this: this.position,
        "[set]Object3D.position": lambda this, position: setattr(this, "position", position),
        "[get]Object3D.parent": lambda this: this.parent,
        "[method]Object3D.lookAt": lambda this, point: setattr(this, "target", point),
        "[constructor]Mesh": Object3D,
        "[method]Mesh.vertices": lambda this: [0.5] * len(this.name),
        "[method]Scene.add": Object3D.attach,
        "[method]Scene.find": Object3D.find,
        "[global]scene": lambda: scene,
        "[global]clock": lambda: 1.5,
        "log": lines.append,
    }
    return Host(typed, {f"client.{name}": function for name, function in functions.items()})


def test_a_guest_makes_and_uses_objects_of_the_host(viewer: Host, scene: Object3D, lines: list[str]) -> None:
    assert viewer.call("add_mesh", "cube", 2.0, 3.0, 5.0) == 4
    [mesh] = scene.children
    assert (mesh.name, mesh.parent) == ("cube", scene)
    assert mesh.target is mesh.position
    assert mesh.position.coordinates == (3 / math.hypot(3, 4, 6), 4.0, 6.0)
    assert lines == ["cube at 1.5"]
    assert viewer.call("rename_object", "cube", "box") == "scene"
    assert mesh.name == "box"
    assert viewer.call("rename_object", "cube", "box") is None
    with pytest.raises(CallError, match="a point without a direction"):
        viewer.call("add_mesh", "cube", -1.0, -1.0, -1.0)
    assert viewer.held() == []


def test_exports_take_and_return_objects(viewer: Host, scene: Object3D) -> None:
    point = viewer.call("doubled_point", Vector3(1, 2, 3))
    assert point.coordinates == (2, 4, 6)
    assert viewer.call("position_of", None) is None
    assert viewer.call("position_of", scene) is scene.position
    assert viewer.held() == []


def test_the_interface_spells_members_as_the_host_does(viewer: Host) -> None:
    told = {
        f"{name}{function}": function.doc for (module, name), function in viewer.interface.items() if module == "client"
    }
    assert told == {
        "[constructor]Vector3(x: f64, y: f64, z: f64) -> own Vector3": "Makes a point.",
        "[static]Vector3.origin() -> own Vector3": "The origin.",
        "[method]Vector3.add(this: ref Vector3, other: ref Vector3) -> own Vector3": "Returns the sum of two points.",
        "[method]Vector3.add#f64(this: ref Vector3, scalar: f64) -> own Vector3": "Adds a number to each coordinate.",
        "[method]Vector3.normalized(this: ref Vector3) -> result<own Vector3, str>": (
            "Returns the point at distance 1 in the same direction."
        ),
        "[get]Vector3.x(this: ref Vector3) -> f64": "The first coordinate.",
        "[set]Vector3.x(this: ref Vector3, x: f64)": None,
        "[get]Object3D.name(this: ref Object3D) -> str": None,
        "[set]Object3D.name(this: ref Object3D, name: str)": None,
        "[get]Object3D.position(this: ref Object3D) -> own Vector3": None,
        "[set]Object3D.position(this: ref Object3D, position: own Vector3)": None,
        "[get]Object3D.parent(this: ref Object3D) -> option<own Object3D>": None,
        "[method]Object3D.lookAt(this: ref Object3D, point: ref Vector3)": None,
        "[constructor]Mesh(name: str) -> own Mesh": None,
        "[method]Mesh.vertices(this: ref Mesh) -> list<f32>": None,
        "[method]Scene.add(this: ref Scene, object: ref Object3D)": None,
        "[method]Scene.find(this: ref Scene, name: str) -> option<own Object3D>": None,
        "[global]scene() -> own Scene": "The scene that is shown.",
        "[global]clock() -> f64": "The time in seconds.",
        "log(line: str)": "Writes a line to the host's log.",
    }
