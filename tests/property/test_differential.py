"""Random guests do the same with real references as they do with integers, whichever functions need adapters."""

from __future__ import annotations

from collections import Counter

import wasmtime
from guest_model import Guest, SeededChoices
from hypothesis import given, note
from hypothesis import strategies as st
from surrogate_guests import generate
from surrogate_hosts import DROP_HOOK, Host, Plan, SurrogateHost, make_engine

from externref_build.processor.report import Report
from externref_build.processor.rewrite import Options, rewrite
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.edits import Revision
from externref_build.wasm.instructions import immediate, iterate_instructions
from externref_build.wasm.leb128 import encode_unsigned

ENGINE = make_engine()


class DrawnChoices:
    """Decisions by Hypothesis, which shrinks them towards 0."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw

    def below(self, count: int) -> int:
        return self._draw(st.integers(0, count - 1)) if count > 1 else 0


def assemble(guest: Guest, *, is_padded: bool) -> bytes:
    """Assemble a guest, with the indices of functions in five bytes if it is to look like a linker's work."""
    module = decode_module(bytes(wasmtime.wat2wasm(guest.text)))
    revision = Revision(module)
    for func in guest.funcs if is_padded else ():
        start, end = module.body(func)
        for instruction in iterate_instructions(module.data, decode_body(module.data, start, end).locals_end, end):
            if instruction[0].mnemonic in ("call", "return_call", "ref.func"):
                index = immediate(module.data, instruction)
                revision.replace(instruction[1] + 1, instruction[2], encode_unsigned(index, 5))
    return b"".join(revision.apply())


def lower(guest: Guest, plan: Plan, module: bytes, demoted: frozenset[int] = frozenset()) -> tuple[bytes, Report]:
    """Process a guest, and see that the result is valid and imports no surrogates any more."""
    output, report = rewrite(module, Options(drop_hook=DROP_HOOK if plan.has_hook else None, demoted=demoted))
    wasmtime.Module.validate(ENGINE, output)
    again, _ = rewrite(output, Options())
    assert again == output
    return output, report


def adapters(report: Report) -> list[str]:
    """List the functions that need adapters, with the reasons."""
    return [f"{func.name}: {func.reason} at {func.offset:#x}" for func in report.functions if func.lowering != "direct"]


@given(st.data())
def test_what_compilers_emit_is_direct_and_does_the_same(data: st.DataObject) -> None:
    choices = DrawnChoices(data)
    guest = generate(choices, is_plain=True)
    plan = Plan.draw(choices, guest)
    note(guest.text)
    module = assemble(guest, is_padded=choices.below(3) == 1)
    output, report = lower(guest, plan, module)
    assert adapters(report) == []
    assert Host(ENGINE, guest, plan, output).run() == SurrogateHost(ENGINE, guest, plan, module).run()


@given(st.data())
def test_adapters_alone_and_mixed_do_the_same(data: st.DataObject) -> None:
    choices = DrawnChoices(data)
    guest = generate(choices, is_plain=choices.below(4) == 1)
    plan = Plan.draw(choices, guest)
    note(guest.text)
    module = assemble(guest, is_padded=choices.below(3) == 1)
    expected = SurrogateHost(ENGINE, guest, plan, module).run()
    some = frozenset(func for func in guest.funcs if choices.below(2))
    for demoted in (frozenset(guest.funcs), some, frozenset[int]()):
        output, _ = lower(guest, plan, module, demoted)
        assert Host(ENGINE, guest, plan, output).run() == expected, f"with adapters for {sorted(demoted)}"


def test_random_guests_do_what_there_is_to_test() -> None:
    """Without this, a generator whose guests all trap at once would pass everything."""
    events: Counter[str] = Counter()
    lowerings: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for seed in range(60):
        choices = SeededChoices(seed)
        guest = generate(choices, is_plain=seed % 2 == 0)
        plan = Plan.draw(choices, guest)
        module = assemble(guest, is_padded=seed % 3 == 0)
        trace = SurrogateHost(ENGINE, guest, plan, module).run()
        events.update(str(event[0]) for event in trace)
        _, report = lower(guest, plan, module)
        lowerings.update(func.lowering for func in report.functions)
        words.update(set(guest.text.split()))
    assert events["returned"] > events["trap"] / 2 > 0
    assert events["make"] > 500
    assert events["dropped"] > 100
    assert lowerings["direct"] > 200
    assert lowerings["adapter"] > 50
    common = "block loop if else br_if br_table br return return_call select call unreachable"
    rare = "try_table throw call_indirect call_ref return_call_indirect global.get i32.load"
    assert [word for word in common.split() if words[word] < 10] == []
    assert [word for word in rare.split() if words[word] < 1] == []
