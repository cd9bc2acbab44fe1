"""Values of every type between a generated Python host and its guest, on both ways into wasmtime."""

from __future__ import annotations

import array
import gc
import math
import struct
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from bound_guests import bind
from echo_guest import TYPES, echo_guest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from externref_build.bindings.python.runtime.values import _array_code


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return bind(tmp_path_factory.mktemp("echo"), echo_guest(), name="echo")


class Host:
    """Passes everything back, and notes what came."""

    def __init__(self, answer: Callable[[Any], Any] | None = None) -> None:
        self.came: list[Any] = []
        self.answer = answer

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name.removeprefix("try_") not in TYPES:
            raise AttributeError(name)

        def function(value: Any) -> Any:
            self.came.append(bytes(value) if isinstance(value, memoryview) else value)
            return self.answer(value) if self.answer else bytes(value) if value is self else value

        return function


@pytest.fixture(params=["unchecked", "public"])
def tier(request: pytest.FixtureRequest, echo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose how numbers and references cross."""
    if request.param == "public":
        monkeypatch.setattr(echo, "_C", None)
    else:
        assert echo._C is not None, "the unchecked functions of this wasmtime are not what the runtime was written for"
    return str(request.param)


@pytest.fixture
def plugin(echo: ModuleType, tier: str) -> Iterator[Any]:
    with echo.Echo.load(Host()) as plugin:
        yield plugin


def same(left: Any, right: Any) -> bool:
    """Compare numbers with their signs, and not-a-numbers as equal."""
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, array.array) and isinstance(right, array.array):
        return left.typecode == right.typecode and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high) | st.sampled_from([low, high, 0, high >> 1])


NUMBERS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    **{f"{sign}{bits}": (code, integers(bits, signed=sign == "s")) for sign, bits, code in (
        ("s", 8, "b"), ("u", 8, "B"), ("s", 16, "h"), ("u", 16, "H"),
        ("s", 32, "i"), ("u", 32, "I"), ("s", 64, "q"), ("u", 64, "Q"),
    )},
    "f32": ("f", st.floats(width=32)),
    "f64": ("d", st.floats()),
}  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **{name: strategy for name, (_, strategy) in NUMBERS.items()},
    **{f"list_{name}": st.lists(number).map(partial(array.array, code)) for name, (code, number) in NUMBERS.items()},
    "usize": integers(32, signed=False),
    "isize": integers(32, signed=True),
    "ptr": integers(32, signed=False),
    "flag": st.booleans(),
    "char": st.characters(exclude_categories=["Cs"]),
    "text": TEXT,
    "data": st.binary(),
    "option_str": st.none() | TEXT,
    "option_bytes": st.none() | st.binary(),
    "option_list": st.none() | st.lists(integers(16, signed=False)).map(partial(array.array, "H")),
    "thing": st.builds(object),
    "maybe": st.none() | st.builds(object),
}


def test_every_type_is_drawn() -> None:
    assert VALUES.keys() == TYPES.keys()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=st.fixed_dictionaries(VALUES))
def test_values_survive_the_way_to_the_guest_to_the_host_and_back(plugin: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        for method in (name, f"try_{name}"):
            assert same(getattr(plugin, method)(value), value), (method, value)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 300_000])
def test_memory_that_grows_during_a_call_is_read_where_it_is(plugin: Any, size: int) -> None:
    text = "ü" * size
    assert plugin.text(text) == text
    assert plugin.data(text.encode()) == text.encode()
    assert list(plugin.list_u64(array.array("Q", range(size)))) == list(range(size))


def test_borrowed_objects_arrive_as_themselves(plugin: Any) -> None:
    for value in (object(), [], 0, False, "", plugin, (1, 2)):
        assert plugin.thing(value) is value
        assert plugin.maybe(value) is value
    assert plugin.maybe(None) is None


RELEASED = memoryview(b"12345678")
RELEASED.release()

REFUSED = [
    ("s8", 128, OverflowError, "s8: value is 128, expected -128 to 127 (s8)"),
    ("s8", -129, OverflowError, "-129"),
    ("u8", 256, OverflowError, "expected 0 to 255 (u8)"),
    ("u8", -1, OverflowError, "-1"),
    ("s16", 1 << 15, OverflowError, "32768"),
    ("u16", 1 << 16, OverflowError, "65536"),
    ("s32", 1 << 31, OverflowError, "expected -2147483648 to 2147483647"),
    ("u32", 1 << 32, OverflowError, "4294967296"),
    ("u32", -1, OverflowError, "expected 0 to 4294967295 (u32)"),
    ("s64", 1 << 63, OverflowError, "(s64)"),
    ("u64", 1 << 64, OverflowError, "(u64)"),
    ("u64", -1, OverflowError, "(u64)"),
    ("u32", 1.0, TypeError, "u32: value is 1.0, expected an int"),
    ("u32", None, TypeError, "value is None, expected an int"),
    ("u64", "1", TypeError, "value is '1', expected an int"),
    ("u64", int, TypeError, "value is <class 'int'>, expected an int"),
    ("f32", 1e39, OverflowError, "beyond the range of f32"),
    ("f64", "1", TypeError, "expected a float"),
    ("f64", float, TypeError, "value is <class 'float'>, expected a float"),
    ("f64", 10**400, OverflowError, "beyond the range of f64"),
    ("f64", None, TypeError, "expected a float"),
    ("flag", 1, TypeError, "flag: value is 1, expected True or False"),
    ("flag", None, TypeError, "expected True or False"),
    ("char", "", ValueError, "expected one character"),
    ("char", "ab", ValueError, "expected one character"),
    ("char", "\ud800", ValueError, "no surrogate"),
    ("char", 65, TypeError, "expected a str of one character"),
    ("text", b"bytes", TypeError, "expected a str"),
    ("text", None, TypeError, "text: value is None, expected a str"),
    ("text", "a\udc80", ValueError, "lone surrogate at 1"),
    ("data", "text", TypeError, "expected bytes"),
    ("data", array.array("I", [1]), TypeError, "expected bytes"),
    ("list_u8", [255, 256], OverflowError, "value is <list>, item 1 of which is 256, expected 0 to 255 (u8)"),
    ("list_u8", {256}, OverflowError, "value is <set>, expected a list of u8"),
    ("list_u8", "text", TypeError, "expected a list of u8"),
    ("list_f32", [1.0, 1e39], OverflowError, "item 1 of which is 1e+39, which is beyond the range of f32"),
    ("list_u32", (1.5,), TypeError, "value is <tuple>, item 0 of which is 1.5, expected an int"),
    ("list_u32", b"1234", TypeError, "a buffer of format 'B', expected 'I'"),
    ("list_f64", array.array("f", [1]), TypeError, "a buffer of format 'f', expected 'd'"),
    ("list_f64", None, TypeError, "expected a list of f64"),
    ("list_f64", RELEASED, TypeError, "value is <released memory"),
    ("data", RELEASED, TypeError, "value is <released memory"),
    ("option_str", 1, TypeError, "expected a str"),
    ("thing", None, TypeError, "thing: value is None, expected a Thing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "error", "words"), REFUSED)
def test_what_does_not_fit_is_refused_before_the_call(
    plugin: Any, name: str, value: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        getattr(plugin, name)(value)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert plugin.text("still usable") == "still usable"


@pytest.mark.parametrize(("name", "value", "error", "words"), REFUSED)
def test_what_does_not_fit_from_the_host_reaches_the_caller(
    echo: ModuleType, tier: str, name: str, value: Any, error: type[Exception], words: str
) -> None:
    given: dict[str, Any] = {"s8": 0, "thing": object(), "text": "", "data": b"", "flag": True, "char": "x"}
    plugin = echo.Echo.load(Host(lambda _: value))
    argument = given.get(name, [] if name.startswith("list") else None if name.startswith("option") else 0)
    with pytest.raises(error) as caught:
        getattr(plugin, name)(argument)
    assert f"host.{name} of the host returned " in str(caught.value)
    assert words.rpartition("value is ")[2] in str(caught.value)
    with pytest.raises(echo.PluginClosedError):
        plugin.text("closed")


def test_numbers_of_other_kinds_are_taken_for_what_they_are(plugin: Any) -> None:
    class Index:
        def __index__(self) -> int:
            return 7

    assert plugin.u8(Index()) == 7
    assert plugin.u8(True) == 1
    assert plugin.f64(3) == 3.0
    assert plugin.f32(0.1) == pytest.approx(0.1)


def test_lists_are_taken_from_buffers_and_sequences(plugin: Any) -> None:
    numbers = [1, 2, 65535]
    expected = array.array("H", numbers)
    for given_ in (numbers, tuple(numbers), expected, memoryview(expected), range(1, 3)):
        assert list(plugin.list_u16(given_)) == list(given_)
    assert plugin.list_u16(memoryview(expected)[::2]) == array.array("H", [1, 65535])
    assert plugin.data(memoryview(b"abcd")[::2]) == b"ac"
    assert plugin.data(bytearray(b"x")) == b"x"


@pytest.mark.parametrize(
    ("form", "size", "code"),
    [("l", 4, "i"), ("l", 8, "q"), ("<L", 4, "I"), ("=L", 8, "Q"), ("c", 1, "B"), ("@d", 8, "d"), (">i", 4, ">i")],
)
def test_numbers_in_buffers_are_known_by_their_size(form: str, size: int, code: str) -> None:
    """A ``long`` of C, which is what NumPy calls some of its numbers, is not of one size everywhere."""
    assert _array_code(form, size) == code


@pytest.mark.once
def test_arrays_of_numpy_are_buffers(plugin: Any) -> None:
    import numpy

    numbers = numpy.arange(5, dtype=numpy.int64)
    assert list(plugin.list_s64(numbers)) == [0, 1, 2, 3, 4]
    assert list(numpy.asarray(plugin.list_f32(numpy.ones(3, dtype=numpy.float32)))) == [1, 1, 1]


def test_lent_lists_are_views_for_the_time_of_the_call(echo: ModuleType, tier: str) -> None:
    kept: list[memoryview] = []

    def keep(view: memoryview) -> list[int]:
        kept.append(view)
        return [view[0] * 2]

    with echo.Echo.load(Host(keep)) as plugin:
        assert list(plugin.list_u32([21])) == [42]
        with pytest.raises(ValueError, match="released"):
            kept[0][0]


def test_a_view_that_the_host_keeps_is_an_error_and_stays_readable(echo: ModuleType, tier: str) -> None:
    kept: list[Any] = []

    def keep(view: memoryview) -> list[int]:
        kept.append(memoryview(view))
        return [1]

    plugin = echo.Echo.load(Host(keep))
    with pytest.raises(BufferError, match="kept a view of a list of u32"):
        plugin.list_u32([21])
    plugin.close()
    assert list(kept[0]) == [21]


def test_a_view_in_the_hands_of_a_host_that_failed_stays_readable(echo: ModuleType, tier: str) -> None:
    kept: list[memoryview] = []

    def keep_and_fail(view: memoryview) -> list[int]:
        kept.append(view[1:])
        raise ValueError("not this time")

    plugin = echo.Echo.load(Host(keep_and_fail))
    with pytest.raises(echo.GuestError, match="not this time"):
        plugin.try_list_u32([21, 22])
    del plugin
    gc.collect()
    assert list(kept[0]) == [22]


@example(message="")
@example(message="\udcff")
@given(message=st.text())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_failure_of_the_host_is_an_error_of_the_guest_and_back(echo: ModuleType, tier: str, message: str) -> None:
    def fail(_: Any) -> Any:
        raise KeyError(message) if message == "key" else RuntimeError(message)

    with echo.Echo.load(Host(fail)) as plugin:
        for name in ("s32", "text", "thing", "f64", "option_str"):
            argument = {"s32": 1, "text": "x", "thing": plugin, "f64": 1.0}.get(name)
            with pytest.raises(echo.GuestError) as caught:
                getattr(plugin, f"try_{name}")(argument)
            expected = (message or "RuntimeError").encode("utf-8", "backslashreplace").decode()
            assert str(caught.value) == expected
        assert plugin.live_references == 0


def test_a_failure_without_words_has_the_name_of_its_class(echo: ModuleType, tier: str) -> None:
    class SecretError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not for you")

    def fail(_: Any) -> Any:
        raise SecretError

    with echo.Echo.load(Host(fail)) as plugin, pytest.raises(echo.GuestError, match=r"^SecretError$"):
        plugin.try_s32(1)


def test_what_is_no_exception_passes_through_a_fallible_function(echo: ModuleType, tier: str) -> None:
    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    plugin = echo.Echo.load(Host(interrupt))
    with pytest.raises(KeyboardInterrupt):
        plugin.try_s32(1)


def test_references_are_counted_and_released(plugin: Any) -> None:
    for _ in range(5000):
        plugin.thing(object())
        plugin.maybe(object())
    assert plugin.live_references == 0
