"""Write what was measured into the tables of docs/performance.md; the words around them are written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PEERS = ("externref-cli", "wasm-bindgen", "wasm-tools strip", "python, read and write")
CALLS = {
    "numbers": "two numbers, returns one",
    "reference": "an object and a number, returns a number",
    "item": "returns an object",
    "list": "a list of 20 numbers, returns a number",
    "text": "a text of 40 characters, returns a number",
    "answer": "returns a text of 40 characters",
    "long text": "a text of 4,000 characters, returns a number",
}
"""What the functions of the guest `calls` take and return, by their kind."""


def update_page(results: dict[str, Any], page: Path) -> None:
    """Replace the tables by those of new results."""
    text = page.read_text(encoding="utf-8")
    parts = {
        "machine": results["machine"],
        "aims": _aims(results),
        "in-process": _in_process(results),
        "processes": _processes(results),
        "memory": _memory(results),
        "start": _start(results),
        "sizes": _sizes(results),
        "loops": _loops(results),
    }
    for name, content in parts.items():
        text = replace_part(text, name, content)
    page.write_text(text, encoding="utf-8")


def replace_part(text: str, name: str, content: str) -> str:
    """Replace what stands between ``<!-- name -->`` and ``<!-- end of name -->``."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"the page has no `{begin}` followed by `{end}`")
    return f"{before}{begin}\n{content}\n{end}{after}"


def _aims(results: dict[str, Any]) -> str:
    """Set what was reached against what the project set out to reach."""
    in_process, processes, start = results["in_process"], results["processes"], results["start"]
    rows = []
    for size, alone, whole in (
        ("medium", "25\u00d7", "8\u00d7"),
        ("several", "", ""),
        ("large", "50\u00d7", "30\u00d7"),
    ):
        peer, ours = (processes[size][name]["cpu"] for name in ("externref-cli", "externref-build"))
        module = _megabytes(in_process[size]["bytes"])
        rows.append(
            (f"faster than externref-cli, in a build: {module}", alone, times(peer / in_process[size]["process"]))
        )
        rows.append((f"faster than externref-cli, as a command: {module}", whole, times(peer / ours)))
    small, large, programs = in_process["small"], in_process["large"], processes["large"]
    module = _megabytes(large["bytes"])
    beyond = (
        programs["externref-build"]["peak_kib"] * 1024 - large["bytes"] - results["sizes"]["large"]["externref-build"]
    )
    command, modules = (start[name]["cpu"] for name in ("externref-build --version", "python with the modules needed"))
    rows += [
        (
            f"read, process and write, against read and write: {module}",
            "2\u00d7",
            times(large["read, process, write"] / large["read, write"]),
        ),
        (
            f"as a command, against Python that reads and writes: {module}",
            "2\u00d7",
            times(programs["externref-build"]["cpu"] / programs["python, read and write"]["cpu"]),
        ),
        (
            f"as a command, against wasm-tools strip: {module}",
            "3\u00d7",
            times(programs["externref-build"]["cpu"] / programs["wasm-tools strip"]["cpu"]),
        ),
        (f"in a build: {_megabytes(small['bytes'])}", "10 ms", milliseconds(small["process"])),
        ("start, against Python with the modules needed", "1\u00d7", times(command / modules)),
        (f"peak of memory beyond input and output: {module}", "20 MiB", f"{beyond / 2**20:.0f} MiB"),
    ]
    for sizes in (results["sizes"]["medium"], results["sizes"]["large"]):
        ratio = sizes["externref-build, stripped"] / sizes["externref-cli, stripped"]
        module = _megabytes(sizes["input"])
        rows.append(
            (f"size of the output, against externref-cli's, both stripped: {module}", "1\u00d7", f"{ratio:.2f}\u00d7")
        )
    return table(("", "aim", "measured"), rows)


def _in_process(results: dict[str, Any]) -> str:
    rows = []
    for size, found in results["in_process"].items():
        peer = results["processes"][size]["externref-cli"]["cpu"]
        rows.append(
            (
                _megabytes(found["bytes"]),
                milliseconds(found["process"]),
                milliseconds(found["read, process, write"]),
                milliseconds(found["read, write"]),
                times(found["read, process, write"] / found["read, write"]),
                milliseconds(peer),
                times(peer / found["process"]),
            )
        )
    heading = ("module", "process", "read, process, write", "read, write", "ratio", "externref-cli", "faster")
    return table(heading, rows)


def _processes(results: dict[str, Any]) -> str:
    rows = []
    for size, programs in results["processes"].items():
        ours = programs["externref-build"]["cpu"]
        row = [_megabytes(results["in_process"][size]["bytes"]), milliseconds(ours)]
        for peer in PEERS:
            seconds = programs[peer]["cpu"] if peer in programs else None
            row.append("" if seconds is None else f"{milliseconds(seconds)} ({times(seconds / ours)})")
        rows.append(row)
    return table(("module", "externref-build", *PEERS), rows)


def _memory(results: dict[str, Any]) -> str:
    rows = []
    for size, programs in results["processes"].items():
        both = results["in_process"][size]["bytes"] + results["sizes"][size]["externref-build"]
        row = [_megabytes(results["in_process"][size]["bytes"]), _mebibytes(both)]
        for name in ("externref-build", *PEERS):
            row.append(_mebibytes(programs[name]["peak_kib"] * 1024) if name in programs else "")
        rows.append(row)
    return table(("module", "input + output", "externref-build", *PEERS), rows)


def _start(results: dict[str, Any]) -> str:
    rows = [(f"`{name}`", milliseconds(found["cpu"])) for name, found in results["start"].items()]
    return table(("command", "time"), rows)


def _sizes(results: dict[str, Any]) -> str:
    names = list(next(iter(results["sizes"].values())))
    rows = [
        [_megabytes(sizes["input"]), *(f"{sizes[name]:,}" for name in names)] for sizes in results["sizes"].values()
    ]
    return table(("module", *names), rows)


def _loops(results: dict[str, Any]) -> str:
    loops = results["loops"]
    calls = [(name, f"{seconds * 1e9:.1f} ns") for name, seconds in loops["get_and_call"].items()]
    counts = sorted({count for fill in loops["fill"].values() for count in fill})
    fills = [
        (name, *(f"{fill[count] / count * 1e9:,.0f} ns" if count in fill else "" for count in counts))
        for name, fill in loops["fill"].items()
    ]
    million = milliseconds(loops["fill"]["direct"][1_000_000])
    return "\n\n".join(
        (
            table(("get a reference and call the host with it", "each"), calls),
            table(("insert, with so many before it", *(f"{count:,}" for count in counts)), fills),
            f"A million references are inserted in {million}, and a million times one of them, chosen at random, is "
            f"replaced in {milliseconds(loops['replace'])}.",
        )
    )


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Spell a table, whose columns but the first hold numbers."""
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"


def milliseconds(seconds: float) -> str:
    """Spell a time."""
    return f"{seconds * 1e3:,.0f} ms" if seconds >= 0.02 else f"{seconds * 1e3:.1f} ms"


def times(ratio: float) -> str:
    """Spell a ratio."""
    return f"{ratio:.0f}\u00d7" if ratio >= 10 else f"{ratio:.1f}\u00d7"
