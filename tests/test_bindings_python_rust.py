"""A guest in Rust that has every type in every place, behind its generated Python host."""

from __future__ import annotations

import array
import gc
import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from bound_guests import bind
from test_sdk_values import TYPED, VALUES

from externref_build.processor import Processor

if TYPE_CHECKING:
    from conftest import CompileGuest

pytestmark = pytest.mark.once


@pytest.fixture(
    scope="module",
    params=[("wasm32-unknown-unknown", "release"), ("wasm32-wasip1", "dev")],
    ids=["unknown, release", "wasip1, dev"],
)
def typed(
    request: pytest.FixtureRequest, compile_guest: CompileGuest, tmp_path_factory: pytest.TempPathFactory
) -> ModuleType:
    target, profile = request.param
    files = {path.relative_to(TYPED).as_posix(): path.read_text("utf-8") for path in TYPED.rglob("*") if path.is_file()}
    module = Processor().process(compile_guest(files, target=target, profile=profile).read_bytes())
    types = {name: f"scene:{name}" for name in ("Vector3", "Object3D", "Mesh", "Scene")}
    scene = Path(__file__).with_name("scene.py").read_text(encoding="utf-8")
    return bind(tmp_path_factory.mktemp("typed"), module, name="typed", types=types, scene=scene)


class Item:
    def __init__(self, name: str) -> None:
        self.name = name


class Host:
    """What the guest imports from `host`."""

    plugin: Any = None

    def __init__(self) -> None:
        self.shelf: dict[str, Item] = {}
        self.notes: list[str | None] = []

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if not name.startswith("echo_"):
            raise AttributeError(name)
        return lambda value: value

    def mixed(self, flag: bool, text: str, wide: int, list_: memoryview, letter: str, data: bytes | None, /) -> str:
        return f"{flag} {text} {wide} {list(list_)} {letter} {data!r}"

    def double(self, numbers: memoryview) -> None:
        for index, number in enumerate(numbers):
            numbers[index] = 2 * number

    def fill(self, data: memoryview | None, value: int) -> int:
        if data is None:
            return 0
        data[:] = bytes([value]) * len(data)
        return len(data)

    def tick(self) -> None: ...

    def reenter(self, text: str) -> int:
        assert self.plugin.sum_of_words(text) == len(text.encode().replace(b" ", b""))
        return len(text.encode())

    def find(self, shelf: dict[str, Item], name: str) -> Item | None:
        return shelf.get(name)

    def make(self, name: str, data: bytes) -> Item:
        assert data == name.encode()
        return Item(name)

    def name_of(self, item: Item) -> str:
        return item.name

    def put_back(self, shelf: dict[str, Item], item: Item, note: str | None) -> None:
        shelf[item.name] = item
        self.notes.append(note)

    def look(self, item: Item | None) -> bool:
        return item is not None

    def parse(self, text: str) -> int:
        return int(text)

    def fail_with(self, message: str | None) -> None:
        if message is not None:
            raise RuntimeError(message)

    def obtain(self, name: str) -> Item:
        return self.shelf[name]

    def seek(self, name: str) -> Item | None:
        if not name:
            raise LookupError("no name")
        return self.shelf.get(name)

    def read(self, name: str) -> str:
        return self.shelf[name].name

    def exists(self, name: str) -> bool:
        return name in self.shelf


def load(typed: ModuleType, host: Host | None = None, **limits: Any) -> Any:
    """Load the plugin with a scene of its own."""
    host = host or Host()
    scene = sys.modules[typed.Vector3.__module__]
    client = {
        **{name: getattr(scene, name) for name in ("Vector3", "Object3D", "Mesh", "Scene")},
        "scene": scene.Scene("root"),
        "clock": 12.5,
        "log": scene.LOG.append,
    }
    host.plugin = typed.Typed.load(client=client, host=host, **limits)
    return host.plugin


def as_given(name: str, value: Any) -> Any:
    """Return what a value comes back as."""
    if not isinstance(value, list):
        return value
    codes = {"s8": "b", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q", "f32": "f", "f64": "d"}
    return array.array(codes[name.rpartition("_")[2]], value)


@pytest.mark.parametrize("name", VALUES)
def test_values_of_every_type(typed: ModuleType, name: str) -> None:
    with load(typed) as plugin:
        for value in VALUES[name]:
            returned = getattr(plugin, f"through_{name}")(value)
            assert returned == as_given(name, value)
            assert type(returned) is type(as_given(name, value))
            if isinstance(value, float):
                assert math.copysign(1, returned) == math.copysign(1, value)


def test_functions_of_several_values(typed: ModuleType) -> None:
    with load(typed) as plugin:
        said = plugin.mix(True, "ä", (1 << 64) - 1, [0.5, -1], "🐻", b"\0")
        assert said == f"True ä {(1 << 64) - 1} [0.5, -1.0] 🐻 b'\\x00'"
        assert plugin.doubled([1.5, math.inf]) == array.array("d", [3, math.inf])
        assert plugin.filled(b"abc", 7) == b"\x07" * 3
        assert plugin.filled(None, 7) is None
        assert plugin.greeting() == "grüezi 🐻"
        assert plugin.first_word("  one two") == "one"
        assert plugin.first_word(" ") is None
        assert plugin.long_text(5_000_000) == "x" * 5_000_000
        assert plugin.reentered("a text") == "a text:6"


def test_references(typed: ModuleType) -> None:
    host = Host()
    with load(typed, host) as plugin:
        long, short = Item("long name"), Item("name")
        assert plugin.longer(long, short) is long
        assert plugin.longer(None, short) is short
        assert plugin.longer(None, None) is None
        assert plugin.label("<", short, ">") == "<name>"
        assert plugin.fetch({"name": short}, "name") is short
        assert plugin.fetch({}, "made").name == "made"
        plugin.give_back(host.shelf, short, None)
        plugin.give_back(host.shelf, long, "thanks")
        assert (host.shelf, host.notes) == ({"name": short, "long name": long}, [None, "thanks"])
        assert plugin.show(short) is True
        assert plugin.show(None) is False
        for value in (host, 0, None):
            assert plugin.through_any(value) is value
        assert plugin.live_references == 0
        assert [plugin.keep(short), plugin.keep(short)] == [1, 2]
        assert plugin.live_references == 2
        plugin.release()
        assert plugin.live_references == 0


def test_failures_in_both_directions(typed: ModuleType) -> None:
    host = Host()
    host.shelf["known"] = Item("known")
    with load(typed, host) as plugin:
        assert plugin.parse_twice("21") == 42
        assert plugin.obtained("known") is host.shelf["known"]
        assert plugin.sought("unknown") is None
        assert plugin.read_loudly("known") == "KNOWN"
        assert plugin.is_there("known") is True
        assert plugin.divide(7, -2) == -3
        assert plugin.maybe_fail(None) is None
        assert plugin.failure_of("ü") == "ü"
        assert plugin.failure_of(None) is None
        calls: list[tuple[Callable[[], object], str]] = [
            (lambda: plugin.parse_twice("x"), "invalid literal for int() with base 10: 'x'"),
            (lambda: plugin.obtained("unknown"), "not obtained: 'unknown'"),
            (lambda: plugin.sought(""), "no name"),
            (lambda: plugin.read_loudly("unknown"), "'unknown'"),
            (lambda: plugin.divide(1, 0), "no quotient"),
            (lambda: plugin.maybe_fail(""), "RuntimeError"),
            (lambda: plugin.fail_silently(), ""),
        ]
        for call, words in calls:
            with pytest.raises(typed.GuestError) as caught:
                call()
            assert str(caught.value) == words
        assert plugin.live_references == 0


def test_panics(typed: ModuleType) -> None:
    calls: list[tuple[Callable[[Any], object], str]] = [
        (lambda plugin: plugin.give_up("the 🐻 is out"), "the 🐻 is out"),
        (lambda plugin: plugin.element([1, 2], 2), "index out of bounds: the len is 2 but the index is 2"),
    ]
    for call, words in calls:
        plugin = load(typed)
        with pytest.raises(typed.GuestPanic) as caught:
            call(plugin)
        panic = caught.value
        assert panic.message == words
        assert panic.file.endswith("failures.rs")
        line = (TYPED / "src" / "failures.rs").read_text("utf-8").splitlines()[panic.line - 1]
        assert "panic!" in line or "list[index]" in line
        if sys.version_info >= (3, 11):
            [note] = panic.__notes__
            assert "typed.wasm!" in note or "typed::" in note
            has_debug_info = b".debug_line" in Path(str(typed.__file__)).with_name("typed.wasm").read_bytes()
            assert (f"failures.rs:{panic.line}:" in note) == has_debug_info
    with pytest.raises(typed.GuestTrap, match="unreachable") as trapped:
        load(typed).trap()
    assert not isinstance(trapped.value, typed.GuestPanic)


def test_limits(typed: ModuleType) -> None:
    with pytest.raises(typed.LimitExceeded, match="fuel"):
        load(typed, fuel=1_000_000).spin()
    started = time.monotonic()
    with pytest.raises(typed.LimitExceeded, match="seconds"):
        load(typed, deadline=0.2).spin()
    assert time.monotonic() - started >= 0.2
    with pytest.raises(typed.LimitExceeded, match="used up its memory"):
        load(typed, memory=50 << 20).devour()
    with pytest.raises(typed.LimitExceeded, match="used up its references"):
        load(typed, table=2000).hoard(3000)


def test_objects_of_the_host(typed: ModuleType) -> None:
    with load(typed) as plugin:
        scene = sys.modules[typed.Vector3.__module__]
        scene.LOG.clear()
        assert plugin.add_mesh("box", 3, 0, 0) == 3
        assert scene.LOG == ["box at 12.5"]
        point = scene.Vector3(1, 2, 3)
        assert plugin.doubled_point(point).coordinates == (2, 4, 6)
        assert plugin.rename_object("box", "crate") == "root"
        assert plugin.rename_object("box", "crate") is None
        with pytest.raises(typed.GuestError, match="no direction"):
            plugin.add_mesh("flat", -1, -1, -1)
        with pytest.raises(TypeError, match="expected a Vector3"):
            plugin.doubled_point(scene.Mesh("x"))


@pytest.mark.parametrize("calls", [20_000, pytest.param(1_000_000, marks=pytest.mark.matrix)])
def test_nothing_leaks(typed: ModuleType, calls: int) -> None:
    shelf: dict[str, Item] = {}
    with load(typed) as plugin:

        def run(count: int) -> None:
            for _ in range(count):
                plugin.fetch(shelf, "a name")
                plugin.first_word("some words")
            assert plugin.live_references == 0
            gc.collect()

        run(2000)
        blocks, resident, seen = sys.getallocatedblocks(), peak(), len(plugin._guest.memory())
        run(calls)
        assert sys.getallocatedblocks() - blocks < 2000
        assert peak() - resident < 4 * 2**20
        assert len(plugin._guest.memory()) == seen


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
