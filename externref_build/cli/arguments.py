"""The arguments of every sub-command."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import Final

from externref_build._version import __version__
from externref_build.cli.terminal import columns

DESCRIPTION: Final = "Turn the integers of a linked WebAssembly module into real externrefs, and pack it into a wheel."

EPILOG: Final = "Exit codes: 0; 1 if an input is refused or a step fails; 2 for wrong usage."


class Arguments(argparse.Namespace):
    """What the command line says; which of the fields are there depends on the sub-command."""

    run: Callable[[Arguments], int]
    verbose: bool = False
    quiet: bool = False
    # process, inspect
    input: str
    output: str
    table: str | None
    drop_fn: tuple[str, str] | None
    require_direct: bool
    debug_info: str
    json: bool
    # build
    project: str
    config_settings: list[tuple[str, str]]
    check: bool
    # new
    name: str
    backend: str
    # check
    wheels: list[str]
    against: str | None
    # bindgen
    language: str
    types: list[tuple[str, str]]
    # cargo
    cargo_arguments: list[str]


def parse(argv: Sequence[str]) -> Arguments:
    """Parse a command line; wrong usage ends in ``SystemExit(2)``, ``--help`` and ``--version`` end in 0."""
    words = list(argv)
    behind_cargo: list[str] = []
    place = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    if place is not None and words[place] == "cargo":
        # All that follows is cargo's, options too.
        behind_cargo = words[place + 1 :]
        del words[place + 1 :]
    called = words[0] if words and words[0] in _COMMANDS else None
    given = build_parser(called).parse_args(words, namespace=Arguments())
    given.cargo_arguments = behind_cargo
    return given


def module_text(text: str) -> str:
    """Take a text that a module can hold: what is not UTF-8 in an argument comes as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8, as names in a module are") from None
    return text


def drop_function(text: str) -> tuple[str, str]:
    """Split ``module::name``."""
    module, separator, name = module_text(text).partition("::")
    if not (module and separator and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form MODULE::NAME, such as host::dropped")
    return module, name


def setting(text: str) -> tuple[str, str]:
    """Split ``key=value``."""
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE, such as profile=dev")
    return key, value


def _command(module: str) -> Callable[[Arguments], int]:
    def run(given: Arguments) -> int:
        command: Callable[[Arguments], int] = importlib.import_module(f"externref_build.cli.{module}").run
        return command(given)

    return run


def build_parser(called: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of all sub-commands, or of the one that is called: nothing names the others then."""
    everywhere = argparse.ArgumentParser(add_help=False, formatter_class=_formatter)
    loudness = everywhere.add_mutually_exclusive_group()
    # Given before or behind the sub-command: the latter must not reset the former to its default.
    for flags, text in [
        (("-v", "--verbose"), "tell each step, with counts and times"),
        (("-q", "--quiet"), "tell nothing but errors"),
    ]:
        loudness.add_argument(*flags, action="store_true", default=argparse.SUPPRESS, help=text)

    parser = argparse.ArgumentParser(
        "externref-build", description=DESCRIPTION, epilog=EPILOG, parents=[everywhere], formatter_class=_formatter
    )
    parser.add_argument("--version", action="version", version=f"externref-build {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    for name in _COMMANDS if called is None else (called,):
        text, add_arguments = _COMMANDS[name]
        command = commands.add_parser(
            name, help=text, description=text, parents=[everywhere], formatter_class=_formatter
        )
        command.set_defaults(run=_command(name.replace("-", "_")))
        if add_arguments:
            add_arguments(command)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Make what argparse asks for with each argument; it would import `shutil`, to learn how wide the terminal is."""
    return argparse.HelpFormatter(prog, width=columns() - 2)


def _add_new(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="the name of the project, and of its folder, such as my-plugin")
    command.add_argument(
        "--backend",
        choices=("setuptools", "maturin", "hatchling"),
        default="setuptools",
        help="what builds the wheel; maturin for a native extension besides the plugin [setuptools]",
    )


def _add_process(command: argparse.ArgumentParser) -> None:
    command.add_argument("input", metavar="IN", help="the module, or - for stdin")
    command.add_argument("-o", "--output", metavar="OUT", default="-", help="the result; default: - for stdout")
    table = command.add_mutually_exclusive_group()
    table.add_argument(
        "--table",
        metavar="NAME",
        type=module_text,
        default="externrefs",
        help="export the table under NAME [externrefs]",
    )
    table.add_argument("--no-table", dest="table", action="store_const", const=None, help="do not export the table")
    command.add_argument(
        "--drop-fn",
        metavar="MODULE::NAME",
        type=drop_function,
        help="import that is called with each dropped reference",
    )
    command.add_argument(
        "--require-direct", action="store_true", help="refuse the module if a function needs an adapter"
    )
    command.add_argument(
        "--debug-info", choices=("keep", "strip", "names"), default="keep", help="what stays for debuggers [keep]"
    )


def _add_build(command: argparse.ArgumentParser) -> None:
    command.add_argument("--project", metavar="DIR", default=".", help="folder of pyproject.toml [.]")
    command.add_argument(
        "-C",
        "--config-setting",
        dest="config_settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=setting,
        help="override a key of [tool.externref], such as profile=dev; may be repeated",
    )
    command.add_argument(
        "--check", action="store_true", help="build nothing; fail if a module is not what a build would make"
    )


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("wheels", metavar="WHEEL", nargs="+", help="the .whl file; there may be several")
    command.add_argument(
        "--project",
        dest="against",
        metavar="DIR",
        help="build the guests of this project, and see that the wheel holds what their sources declare",
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def _add_bindgen(command: argparse.ArgumentParser) -> None:
    command.add_argument("input", metavar="FILE", help="the processed module")
    command.add_argument(
        "--language", choices=("python", "javascript"), default="python", help="what the host is written in [python]"
    )
    command.add_argument("-o", "--output", metavar="DIR", help="the folder that receives it; default: the module's")
    command.add_argument(
        "--type",
        dest="types",
        metavar="NAME=MODULE:CLASS",
        type=setting,
        action="append",
        default=[],
        help="the class behind a resource type, such as Row=my_plugin.database:Row; may be repeated",
    )


def _add_inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument("input", metavar="IN", help="the module, processed or not, or - for stdin")
    command.add_argument("--json", action="store_true", help="print JSON")


def _add_doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


def _add_cargo(command: argparse.ArgumentParser) -> None:
    command.usage = "%(prog)s ..."


_COMMANDS: Final[dict[str, tuple[str, Callable[[argparse.ArgumentParser], None] | None]]] = {
    "new": ("start a project that builds, tests and passes check at once", _add_new),
    "process": ("rewrite a linked module so that it holds real externrefs", _add_process),
    "build": ("build the modules of a project, as its wheel would hold them", _add_build),
    "inspect": ("show what a module declares, and how its functions are lowered", _add_inspect),
    "check": ("see that wheels are what they should be, without installing them", _add_check),
    "bindgen": ("write a typed host for a processed module", _add_bindgen),
    "cargo": ("run cargo with the guest crate supplied; all further arguments are cargo's", _add_cargo),
    "doctor": ("show what a build needs, what is there, and what mends the rest", _add_doctor),
    "sdk-path": ("print the folder of the Rust crate externref-guest that belongs to this version", None),
}
"""What each sub-command does, and what adds arguments to it; the module that runs it has its name."""
