"""``[tool.externref]`` of a project's pyproject.toml, as frozen values.

A value comes from the first of these that has it: the config-settings of the front end (``-C externref.profile=dev``),
the environment (``EXTERNREF_PROFILE=dev``), the file, the default. Of the settings, and of the variables, those for one
module (``externref.my_plugin.profile``, ``EXTERNREF_MY_PLUGIN_PROFILE``) come before those for all. The JSON Schema
that ships with the package is the one list of keys: their types, their defaults, and the words in which an error says
what was expected.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from externref_build.errors import ConfigError, ExternrefBuildError, raise_together

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ConfigSettings: TypeAlias = Mapping[str, "str | list[str] | bool | None"]
"""What PEP 517 front ends pass to the hooks of a backend."""

_SETTING_PREFIX: Final = "externref."
_VARIABLE_PREFIX: Final = "EXTERNREF_"
_KEYS_OF_ONE_MODULE: Final = frozenset({"package", "manifest-path", "sources", "name"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})

_KEY_FOR_ARGUMENT: Final = {
    "--manifest-path": "manifest-path",
    "--target": "target",
    "--profile": "profile",
    "--release": "profile",
    "-r": "profile",
    "--features": "features",
    "-F": "features",
    "--all-features": "all-features",
    "--no-default-features": "no-default-features",
    "--package": "manifest-path",
    "-p": "manifest-path",
}
"""Arguments of cargo that have a key of their own, so that the engine knows their value."""

_ENGINE_ARGUMENTS: Final = {
    "cargo-args": frozenset({"--message-format", "--"}),
    "optimize": frozenset({"-o", "--output", "-S", "--emit-text", "-h", "--help", "--version", "--"}),
}
"""Arguments of cargo and wasm-opt that would take away what the engine reads."""

_WORDS: Final = frozenset({"cargo-args", "cflags", "ldflags", "optimize"})
"""Keys whose overrides are split as a shell does it; other lists are split at commas and spaces."""

_KEYS_OF_CARGO: Final = (
    "manifest-path",
    *("features", "all-features", "no-default-features", "locked", "offline", "frozen"),
    *("vendor", "cargo-args", "toolchain"),
)
_KEYS_OF_CLANG: Final = ("include-dirs", "std", "cflags", "ldflags", "compiler")

_OR_FALSE: Final = frozenset({"table", "optimize"})
"""Keys that can be false as well as what they are else."""


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """One WebAssembly module that is built into one Python package."""

    project_dir: Path
    """Folder of the pyproject.toml, absolute."""
    package: str
    """Dotted name of the Python package that receives the module."""
    manifest_path: Path
    """The guest's Cargo.toml, absolute."""
    name: str | None
    """File name without ``.wasm``; ``None`` is the crate's."""
    target: str | None
    """Rust target; ``None`` is the wasm32 target that cargo is configured for, else ``wasm32-unknown-unknown``."""
    profile: str
    features: tuple[str, ...]
    all_features: bool
    no_default_features: bool
    locked: bool
    offline: bool
    frozen: bool
    vendor: bool
    """Whether a source distribution holds the sources of all crates that the guest is built from."""
    cargo_args: tuple[str, ...]
    sources: tuple[str, ...]
    """Patterns of C and C++ sources, relative to the project; empty where the guest is a cargo package."""
    include_dirs: tuple[Path, ...]
    """Folders with headers, absolute."""
    std: str | None
    """Standard of C or of C++; ``None`` is the compiler's default."""
    cflags: tuple[str, ...]
    ldflags: tuple[str, ...]
    compiler: str | None
    """``zig``, or a clang; ``None`` takes what there is."""
    toolchain: str | None
    """Name of a rustup toolchain; ``None`` leaves the choice to rustup and ``PATH``."""
    table: str | None
    """Export name of the table of references; ``None`` hides it."""
    drop_hook: tuple[str, str] | None
    """Module and name of the import that is called with each dropped reference."""
    require_direct: bool
    debug_info: Literal["keep", "strip", "names", "split"]
    interface: bool
    """Whether the section ``externref.interface`` stays in the module."""
    bindings: tuple[str, ...]
    """Languages in which a host is written beside the module: ``python``, ``javascript``."""
    types: tuple[tuple[str, str], ...]
    """The Python class, as ``package.module:Class``, behind resource types by name."""
    typescript_types: tuple[tuple[str, str], ...]
    """The TypeScript type, as ``module:Type``, behind resource types by name."""
    package_json: bool
    """Whether a package.json for npm is written beside hosts in JavaScript."""
    optimize: tuple[str, ...]
    """Arguments of wasm-opt; it is not run if there are none."""
    wasm_opt: str
    """The wasm-opt to run: a name for ``PATH``, or a path, relative to the project."""


@dataclass(frozen=True, slots=True)
class Config:
    """All that ``[tool.externref]`` and its overrides say about one project."""

    project_dir: Path
    modules: tuple[ModuleConfig, ...]
    skip: bool
    """``EXTERNREF_SKIP``: leave the guests alone and use the modules that lie in the packages."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A raw value and the words that say where it was found."""

    raw: object
    origin: str


def read_tool_table(project_dir: Path, tool: str) -> dict[str, Any] | None:
    """Read the raw table ``[tool.<tool>]`` of pyproject.toml; ``None`` if there is none, or no pyproject.toml.

    Raises ConfigError if pyproject.toml is not TOML, or the table is something else.
    """
    path = project_dir / "pyproject.toml"
    try:
        document = parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"pyproject.toml cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"pyproject.toml is not valid TOML: {error}", where=str(path)) from error
    tools = document.get("tool", {})
    table = tools.get(tool) if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"tool.{tool} is {_shown(table)}, expected a table", where=str(path))
    return table


def load_config(
    project_dir: Path, *, config_settings: ConfigSettings | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """Load the configuration of the project in a folder, with all overrides applied.

    Raises ConfigError (several at once as SeveralErrors) that names the key, what was found, what is expected, and
    where.
    """
    project_dir = project_dir.absolute()
    environ = os.environ if environ is None else environ
    table = read_tool_table(project_dir, "externref")
    if table is None:
        path = project_dir / "pyproject.toml"
        raise ConfigError(
            "there is no table [tool.externref] in pyproject.toml" if path.exists() else "there is no pyproject.toml",
            where=str(path),
            remedy='add it, with the package that receives the module:\n[tool.externref]\npackage = "my_plugin"',
        )
    tables = _module_tables(table, project_dir / "pyproject.toml")
    labels = [_label(values) for values in tables]
    variables, settings = _from_environment(environ), _from_config_settings(config_settings or {}, labels)
    _refuse_override_of_several({**variables, **settings[None]}, tables)
    skip = {**variables, **settings[None]}.get("skip", _Value(False, ""))
    modules = (
        {
            **values,
            **_meant_for(values, variables, tables),
            **_from_environment(environ, label),
            **_meant_for(values, settings[None], tables),
            **settings[label],
        }
        for values, label in zip(tables, labels, strict=True)
    )
    return Config(
        project_dir=project_dir,
        modules=tuple(
            _module({key: value for key, value in values.items() if value is not skip}, project_dir)
            for values in modules
        ),
        skip=cast("bool", skip.raw),
    )


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document. Raises ValueError."""
    return tomllib.loads(text)


@functools.cache
def table_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of ``[tool.externref]``, with one module or several."""
    text = Path(__file__).with_name("config.schema.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of one module's table."""
    return cast("dict[str, Any]", table_schema()["definitions"]["module"])


@functools.cache
def _validator(key: str) -> Any:
    import fastjsonschema

    return fastjsonschema.compile(schema()["properties"][key])


# The file


def _module_tables(table: dict[str, Any], path: Path) -> list[dict[str, _Value]]:
    if "modules" not in table:
        return [{key: _Value(raw, f"{path}, [tool.externref]") for key, raw in table.items()}]
    modules = table["modules"]
    beside = sorted(set(table) - {"modules"})
    if beside:
        raise ConfigError(
            f"{', '.join(beside)} beside modules, expected every key inside one of the modules",
            where=f"{path}, [tool.externref]",
            remedy="move it below each [[tool.externref.modules]] that it is meant for",
        )
    if not isinstance(modules, list) or not modules or not all(isinstance(entry, dict) for entry in modules):
        raise ConfigError(
            f"modules is {_shown(modules)}, expected one table or more",
            where=f"{path}, [tool.externref]",
            remedy="write each module as a table [[tool.externref.modules]]",
        )
    return [
        {key: _Value(raw, f"{path}, [[tool.externref.modules]] number {number}") for key, raw in entry.items()}
        for number, entry in enumerate(modules, 1)
    ]


# Overrides


def _label(values: Mapping[str, _Value]) -> str:
    """Return the word by which overrides name a module: its key ``name``, or else its ``package``."""
    value = values.get("name") or values.get("package")
    return str(value.raw) if value else ""


def _variable(key: str, label: str | None = None) -> str:
    words = [key] if label is None else [label, key]
    return _VARIABLE_PREFIX + re.sub(r"\W", "_", "_".join(words)).upper()


def _from_environment(environ: Mapping[str, str], label: str | None = None) -> dict[str, _Value]:
    """Read the variable of every key, for all modules or for one; other variables with the prefix are of other tools.

    A name that can be read both ways is that of a variable for all modules.
    """
    keys = [*schema()["properties"], *(() if label else ("skip",))]
    general = {_variable(key) for key in schema()["properties"]} if label else set()
    found = {}
    for key in keys:
        variable = _variable(key, label)
        text = environ.get(variable)
        if text and variable not in general:
            found[key] = _parse(key, [text], f"environment variable {variable}")
    return found


def _from_config_settings(settings: ConfigSettings, labels: Sequence[str]) -> dict[str | None, dict[str, _Value]]:
    """Sort the settings by the module that they are for; those of ``None`` are for all."""
    found: dict[str | None, dict[str, _Value]] = {label: {} for label in (None, *labels)}
    for setting, given in settings.items():
        if not setting.startswith(_SETTING_PREFIX):
            continue
        label, dot, key = setting.removeprefix(_SETTING_PREFIX).rpartition(".")
        origin = f"config setting {setting}"
        if dot and label not in labels:
            raise ConfigError(
                f"there is no module {label}, expected one of those below",
                where=origin,
                remedy=f"modules, by their keys name or package: {', '.join(labels)}",
            )
        if key not in schema()["properties"] and (dot or key != "skip"):
            raise _unknown_key(key, origin)
        texts = list(map(str, given)) if isinstance(given, list) else ["true" if given in (None, "") else str(given)]
        found[label if dot else None][key] = _parse(key, texts, origin)
    return found


def _parse(key: str, texts: Sequence[str], origin: str) -> _Value:
    """Turn the words of an override into a value of the key's type; the schema judges it afterwards."""
    kind = "boolean" if key == "skip" else schema()["properties"][key].get("type")
    if key in _OR_FALSE and len(texts) == 1 and texts[0].lower() in _FALSE:
        return _Value(False, origin)
    if kind == "array" or key in _WORDS:
        split = shlex.split if key in _WORDS else re.compile(r"[\s,]+").split
        return _Value([word for text in texts for word in split(text) if word], origin)
    if kind == "object":
        pairs = [word.partition("=") for text in texts for word in re.split(r"[\s,]+", text) if word]
        return _Value({name: value for name, _, value in pairs}, origin)
    if len(texts) != 1:
        raise ConfigError(f"{key} is given {len(texts)} times, expected once", where=origin)
    (text,) = texts
    if kind == "boolean":
        if text.lower() not in _TRUE | _FALSE:
            raise ConfigError(f"{key} is {_shown(text)}, expected true or false", where=origin)
        return _Value(text.lower() in _TRUE, origin)
    return _Value(text, origin)


def _meant_for(
    values: Mapping[str, _Value], overrides: Mapping[str, _Value], tables: Sequence[object]
) -> Mapping[str, _Value]:
    """Leave out what is for guests in another language, where there are several guests."""
    foreign = _KEYS_OF_CARGO if "sources" in values else _KEYS_OF_CLANG
    return overrides if len(tables) == 1 else {key: value for key, value in overrides.items() if key not in foreign}


def _refuse_override_of_several(overrides: Mapping[str, _Value], tables: Sequence[object]) -> None:
    for key in sorted(_KEYS_OF_ONE_MODULE & set(overrides)):
        if len(tables) > 1:
            raise ConfigError(
                f"{key} is overridden for {len(tables)} modules at once, expected an override of at most one",
                where=overrides[key].origin,
                remedy="change it in pyproject.toml, in the module that is meant",
            )


# One module


def _module(values: Mapping[str, _Value], project_dir: Path) -> ModuleConfig:
    errors = [error for key, value in values.items() if (error := _judge(key, value)) is not None]
    errors += _keys_of_another_language(values)
    if "package" not in values:
        errors.append(_missing_package(values, project_dir))
    raise_together(errors)

    def get(key: str) -> Any:
        return values[key].raw if key in values else schema()["properties"][key].get("default")

    table, hook = get("table"), get("drop-hook")
    module, _, name = (hook or "").partition("::")
    return ModuleConfig(
        project_dir=project_dir,
        package=get("package"),
        manifest_path=project_dir / get("manifest-path"),
        name=get("name"),
        target=get("target") if "target" in values else None,
        profile=get("profile"),
        features=tuple(get("features")),
        all_features=get("all-features"),
        no_default_features=get("no-default-features"),
        locked=get("locked"),
        offline=get("offline"),
        frozen=get("frozen"),
        vendor=get("vendor"),
        cargo_args=tuple(get("cargo-args")),
        sources=tuple(get("sources") or ()),
        include_dirs=tuple(project_dir / folder for folder in get("include-dirs")),
        std=get("std"),
        cflags=tuple(get("cflags")),
        ldflags=tuple(get("ldflags")),
        compiler=get("compiler"),
        toolchain=get("toolchain"),
        table=None if table is False else table,
        drop_hook=(module, name) if hook else None,
        require_direct=get("require-direct"),
        debug_info=get("debug-info"),
        interface=get("interface"),
        bindings=tuple(get("bindings")),
        types=tuple(sorted(get("types").items())),
        typescript_types=tuple(sorted(get("typescript-types").items())),
        package_json=get("package-json"),
        optimize=tuple(get("optimize") or ()),
        wasm_opt=get("wasm-opt"),
    )


def _judge(key: str, value: _Value) -> ExternrefBuildError | None:
    """Return what is wrong with a key and its value, if anything."""
    import fastjsonschema

    definition = schema()["properties"].get(key)
    if definition is None:
        return _unknown_key(key, value.origin)
    try:
        _validator(key)(value.raw)
    except fastjsonschema.JsonSchemaValueException:
        return ConfigError(
            f"{key} is {_shown(value.raw)}, expected {definition['description']}", where=f"{value.origin}, key {key}"
        )
    return _refused_argument(key, value) if key in _ENGINE_ARGUMENTS else None


def _refused_argument(key: str, value: _Value) -> ConfigError | None:
    of_cargo = key == "cargo-args"
    where = f"{value.origin}, key {key}"
    for argument in cast("list[str]", value.raw or []):
        flag = argument.partition("=")[0]
        if of_cargo and flag in _KEY_FOR_ARGUMENT:
            proper = _KEY_FOR_ARGUMENT[flag]
            return ConfigError(
                f"cargo-args holds {_shown(argument)}, expected the key {proper} to say it",
                where=where,
                remedy=f"use the key {proper} of [tool.externref]",
            )
        if flag in _ENGINE_ARGUMENTS[key]:
            return ConfigError(
                f"{key} holds {_shown(argument)}, which the build needs for itself",
                where=where,
                remedy="arguments of rustc belong into rustflags of .cargo/config.toml, or RUSTFLAGS"
                if of_cargo
                else "take it out: input, output and format are those of the module",
            )
    return None


def _unknown_key(key: str, origin: str) -> ConfigError:
    known = [*schema()["properties"], "modules"]
    near = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1, cutoff=0.5)
    return ConfigError(
        f"unknown key {key}, " + (f"did you mean {near[0]}?" if near else "expected one of those below"),
        where=f"{origin}, key {key}",
        remedy=None if near else f"known keys: {', '.join(known)}",
    )


def _keys_of_another_language(values: Mapping[str, _Value]) -> list[ConfigError]:
    clang = "sources" in values
    return [
        ConfigError(
            f"{key} is for guests in {'Rust' if clang else 'C and C++'}, and "
            + ("there is the key sources, for C and C++" if clang else "there is no key sources, which makes it one"),
            where=f"{values[key].origin}, key {key}",
            remedy="remove one of them",
        )
        for key in (_KEYS_OF_CARGO if clang else _KEYS_OF_CLANG)
        if key in values
    ]


def _missing_package(values: Mapping[str, _Value], project_dir: Path) -> ConfigError:
    where = next((value.origin for value in values.values()), f"{project_dir / 'pyproject.toml'}, [tool.externref]")
    return ConfigError(
        "the key package is missing, expected the name of the Python package that receives the module",
        where=where,
        remedy='add a line such as: package = "sample_plugin"',
    )


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
