"""``externref-build bindgen``: the typed host of a processed module, beside it or in another folder."""

from __future__ import annotations

from pathlib import Path

from externref_build.bindings.hosts import generate_hosts
from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.cli.files import PIPE, read_module
from externref_build.errors import ExternrefBuildError, InputError
from externref_build.output import write_whole


def run(given: Arguments) -> int:
    """Write the host of one module."""
    if given.input == PIPE:
        raise InputError(
            "the input is stdin, and a host loads its module from a file",
            remedy="name the file of the processed module",
        )
    data = read_module(given.input)
    path = Path(given.input)
    folder = path.parent if given.output is None else Path(given.output)
    name, types = path.name.removesuffix(".wasm"), dict(given.types)
    try:
        texts = generate_hosts(data, [given.language], name=name, types=types, typescript_types=types)
    except ExternrefBuildError as error:
        raise error.located(given.input) from None
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
        if not given.quiet:
            terminal.say(f"{folder / name}")
    return 0
