"""What type checkers make of generated Python hosts: nothing wrong with them, and wrong use where it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from bound_guests import assemble, exported, imported, write_package
from echo_guest import TYPES, echo_guest

pytestmark = pytest.mark.once

USE = """
from __future__ import annotations

import array
from typing import Any

from {package}.echo_host import Echo, GuestError, Host, Thing


class Shelf:
    {methods}


host: Host = Shelf()
with Echo.load(host, fuel=1000, deadline=0.5, memory=1 << 20, table=100) as plugin:
    number: int = plugin.s8(1)
    real: float = plugin.f32(1)
    flag: bool = plugin.flag(True)
    text: str = plugin.text("x")
    data: bytes = plugin.data(b"x")
    data = plugin.data(bytearray(1))
    numbers: array.array[int] = plugin.list_u8([1, 2])
    numbers = plugin.list_u64(array.array("Q"))
    reals: array.array[float] = plugin.list_f64((1.5, 2))
    perhaps: str | None = plugin.option_str(None)
    thing: Thing = plugin.thing(Thing(object()))
    maybe: Thing | None = plugin.maybe(None)
    count: int = plugin.live_references


class LoudEcho(Echo):
    def shout(self, text: str) -> str:
        return self.text(text).upper()


with LoudEcho.load(host) as loud:
    text = loud.shout("x")

number = plugin.s8("1")  # wrong
number = plugin.f32(1.0)  # wrong
plugin.s8()  # wrong
plugin.s8(1, 2)  # wrong
plugin.flag(None)  # wrong
plugin.text(b"x")  # wrong
plugin.data("x")  # wrong
plugin.list_u8([1.5])  # wrong
plugin.thing(None)  # wrong
plugin.thing(object())  # wrong
plugin.thing(plugin.maybe(None))  # wrong
plugin.text(plugin.option_str("x"))  # wrong
plugin.no_such_function()  # wrong
Echo.load()  # wrong
Echo.load(object())  # wrong
Echo.load(host, fuel="much")  # wrong
Echo.load(host, 1000)  # wrong
"""

ANNOTATIONS = {
    "f32": ("float", "float"),
    "f64": ("float", "float"),
    "char": ("str", "str"),
    "flag": ("bool", "bool"),
    "text": ("str", "str"),
    "data": ("bytes", "bytes"),
    "option_str": ("str | None", "str | None"),
    "option_bytes": ("bytes | None", "bytes | None"),
    "option_list": ("memoryview[int] | None", "list[int] | None"),
    "list_f32": ("memoryview[float]", "list[float]"),
    "list_f64": ("memoryview[float]", "list[float]"),
    "thing": ("Thing", "Thing"),
    "maybe": ("Thing | None", "Thing | None"),
}
"""What the method of a host takes and returns, by its name; the others pass an ``int``, or a list of some."""

OBJECTS = """
from __future__ import annotations

from {package}.scene import Vector3
from {package}.space_host import Space

Space.load({{"Vector3": Vector3, "origin": Vector3(1.0), "log": print}}).length_of(Vector3(2.0))
Space.load({{"Vector3": Vector3, "origin": Vector3(1.0)}})  # wrong
Space.load({{"Vector3": Vector3, "origin": 1.0, "log": print}})  # wrong
Space.load({{"Vector3": float, "origin": Vector3(1.0), "log": print}})  # wrong
Space.load({{"Vector3": Vector3, "origin": Vector3(1.0), "log": print}}).length_of(2.0)  # wrong
"""
SCENE = """
from __future__ import annotations


class Vector3:
    def __init__(self, x: float) -> None:
        self.x = x
"""


GENERIC = """
from typing import Generic, TypeVar

T = TypeVar("T")


class Box(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value
"""

BOXES = """
from {package}.boxes_host import Boxes
from {package}.generic import Box

with Boxes.load() as plugin:
    number: int = plugin.mix(1, b"", Box(1))
    box: Box[str] = plugin.pass_(Box("text"))

plugin.mix(1, b"", 1)  # wrong
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages that hold hosts, and files that use them."""
    folder = tmp_path_factory.mktemp("types")
    methods = "\n    ".join(
        f"def {prefix}{name}(self, value: {taken}, /) -> {given}: raise NotImplementedError"
        for prefix in ("", "try_")
        for name in TYPES
        for taken, given in [
            ANNOTATIONS.get(name, ("memoryview[int]", "list[int]") if name.startswith("list") else ("int", "int"))
        ]
    )
    echo = write_package(folder, echo_guest(), name="echo")
    (folder / "use.py").write_text(USE.format(package=echo, methods=methods), encoding="utf-8")
    vector = {"ref": "Vector3"}
    module = assemble(
        """(module (import "client" "[get]Vector3.x" (func (param externref) (result f64)))
            (import "client" "[constructor]Vector3" (func (param f64) (result externref)))
            (import "client" "[global]origin" (func (result externref)))
            (import "client" "log" (func (param f64)))
            (func (export "length_of") (param externref) (result f64) (f64.const 0)))""",
        imported("client", "[get]Vector3.x", [("this", vector)], ["f64"]),
        imported("client", "[constructor]Vector3", [("x", "f64")], [{"own": "Vector3"}]),
        imported("client", "[global]origin", [], [{"own": "Vector3"}]),
        imported("client", "log", [("value", "f64")]),
        exported("length_of", [("vector", vector)], ["f64"]),
    )
    space = write_package(folder, module, name="space", types={"Vector3": "scene:Vector3"}, scene=SCENE)
    (folder / "objects.py").write_text(OBJECTS.format(package=space), encoding="utf-8")
    box = {"ref": "Box"}
    module = assemble(
        """(module (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "mix") (param i32 i32 i32 externref) (result i32) unreachable)
            (func (export "pass") (param externref) (result externref) (local.get 0)))""",
        exported("mix", [("int", "s32"), ("bytes", "bytes"), ("Box", box)], ["s32"]),
        exported("pass", [("box", box)], [box]),
    )
    boxes = write_package(folder, module, name="boxes", types={"Box": "generic:Box"}, generic=GENERIC)
    (folder / "generic.py").write_text(BOXES.format(package=boxes), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["mypy", "--strict", "--no-error-summary", "."], r"(\S+?):(\d+): error: "),
        (["pyright", "--pythonpath", sys.executable, "."], r"(\S+?):(\d+):\d+ - error: "),
    ],
    ids=["mypy", "pyright"],
)
def test_hosts_are_right_and_wrong_use_is_found(folder: Path, command: list[str], place: str) -> None:
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run([program, *command[1:]], cwd=folder, capture_output=True, encoding="utf-8")
    found = {(Path(path).name, int(line)) for path, line in re.findall(place, done.stdout)}
    expected = {
        (path.name, number)
        for path in (folder / "use.py", folder / "objects.py", folder / "generic.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("# wrong")
    }
    assert found == expected, done.stdout + done.stderr
