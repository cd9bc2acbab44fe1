from __future__ import annotations

import gc

import pytest
from behaviours import BEHAVIOURS, Behaviour, Host, Thing
from plugins import Processed, Unprocessed, assemble, process_demoted

from externref_build import Processor
from externref_build.wasm.decoding import decode_module

HOOK = ("host", "dropped")


def play(behaviour: Behaviour, plugin: Processed | Unprocessed, host: Host) -> None:
    """Run the script, and look for references that nobody let go."""
    host.plugin = plugin
    behaviour.script(plugin, host)
    if behaviour.may_keep:
        return
    host.log.clear()
    plugin.store.gc()
    gc.collect()
    alive = [thing for thing in (made() for made in host.made) if thing is not None]
    held = {id(thing) for thing in plugin.held()}
    assert [thing for thing in alive if id(thing) not in held] == [], "references stay in transit"


def play_processed(behaviour: Behaviour, module: bytes) -> None:
    host = Host()
    play(behaviour, Processed(module, host.functions()), host)


def hook_of(behaviour: Behaviour) -> tuple[str, str] | None:
    return HOOK if behaviour.has_hook else None


cases = pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=[behaviour.name for behaviour in BEHAVIOURS])


@cases
def test_unprocessed(behaviour: Behaviour) -> None:
    host = Host()
    functions = host.functions()
    hook = functions["host.dropped"] if behaviour.has_hook else None
    plugin = Unprocessed(behaviour.text, functions, hook)
    if behaviour.ignores:
        behaviour.script(plugin, host)
        return
    play(behaviour, plugin, host)
    assert behaviour.may_keep or not plugin.raw, "the guest never consumes a reference"


@cases
def test_processed(behaviour: Behaviour) -> None:
    processor = Processor(drop_hook=hook_of(behaviour), require_direct=behaviour.is_direct)
    output = processor.process(assemble(behaviour.text))
    assert processor.report
    adapters = [found for found in processor.report.functions if found.lowering == "adapter"]
    assert bool(adapters) == (not behaviour.is_direct)
    play_processed(behaviour, output)


@cases
def test_in_adapters(behaviour: Behaviour) -> None:
    output, report = process_demoted(assemble(behaviour.text), hook=hook_of(behaviour))
    assert {found.lowering for found in report.functions} <= {"adapter"}
    play_processed(behaviour, output)


@cases
def test_each_function_in_an_adapter(behaviour: Behaviour) -> None:
    data = assemble(behaviour.text)
    module = decode_module(data)
    outputs = {
        process_demoted(data, [func], hook_of(behaviour))[0]
        for func in range(len(module.func_imports), module.func_count)
    }
    for output in outputs:
        play_processed(behaviour, output)


def test_the_leak_check_sees_leaks() -> None:
    """A guest that gets a reference and never consumes it leaves it in transit."""
    [behaviour] = [found for found in BEHAVIOURS if found.name == "copies_for_a_debugger"]
    host = Host()
    plugin = Processed(process_demoted(assemble(behaviour.text))[0], host.functions())
    for _ in range(3):
        plugin.call("run", host.thing(), 1)
    host.log.clear()
    plugin.store.gc()
    gc.collect()
    assert [type(made()) for made in host.made] == [Thing] * 3
