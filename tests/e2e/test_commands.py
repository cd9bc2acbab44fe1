"""Commands of WASI: programs whose exports the linker wraps, each in a function that starts and ends the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from guest_host import DROP_HOOK, Api, Host
from test_profiles import guest_files

from externref_build import Processor
from externref_build.processor.rewrite import Options, rewrite

if TYPE_CHECKING:
    from conftest import CompileGuest

pytestmark = pytest.mark.once

COMMAND = Api(
    imports={
        ("host", "make"): (":r", lambda host: host.thing("made")),
        ("host", "show"): ("r:i", lambda host, thing: len(thing.label)),
    },
    exports={"_start": ":", "pass": "ri:r", "kept": "i:r"},
)


def events(module: bytes, *, processed: bool) -> list[str]:
    """Run the program, then call what it exports; return what the host saw."""
    host = Host(module, COMMAND, processed=processed)
    host.call("_start")
    assert host.held() == ["made#1"]
    thing = host.thing("thing")
    assert host.call("pass", thing, 2) is thing
    assert host.call("pass", thing, 0) is None
    assert host.call("kept", 0) is host.things["made#1"]
    assert host.held() == []
    return host.events


@pytest.mark.parametrize("profile", ["dev", "release", "size"])
def test_a_command_is_processed_directly_wrappers_included(compile_guest: CompileGuest, profile: str) -> None:
    where = ("--manifest-path", "command/Cargo.toml")
    path = compile_guest(guest_files("command"), target="wasm32-wasip1", profile=profile, arguments=where)
    original = path.read_bytes()
    processor = Processor(drop_hook=DROP_HOOK, require_direct=True)
    output = processor.process(original)
    names = {function.name for function in processor.report.functions}
    assert {"pass.command_export", "kept.command_export"} <= names
    expected = events(original, processed=False)
    assert events(output, processed=True) == expected
    functions = processor.report.functions
    wrappers = frozenset(function.index for function in functions if function.name.endswith(".command_export"))
    mixed, _ = rewrite(original, Options(drop_hook=DROP_HOOK, demoted=wrappers))
    assert events(mixed, processed=True) == expected
