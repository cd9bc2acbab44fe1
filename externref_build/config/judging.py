"""From the raw values of one module to its configuration, or to all that is wrong with them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from externref_build.config.keys import KEYS_OF_CARGO, KEYS_OF_CLANG, Value, schema, shown, unknown_key
from externref_build.config.model import ModuleConfig
from externref_build.errors import ConfigError, ExternrefBuildError, raise_together

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


def module_config(values: Mapping[str, Value], project_dir: Path) -> ModuleConfig:
    """Judge every value, and fill in the defaults.

    Raises ConfigError, or SeveralErrors for more than one.
    """
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


def _judge(key: str, value: Value) -> ExternrefBuildError | None:
    """Return what is wrong with a key and its value, if anything."""
    import fastjsonschema

    definition = schema()["properties"].get(key)
    if definition is None:
        return unknown_key(key, value.origin)
    try:
        _validator(key)(value.raw)
    except fastjsonschema.JsonSchemaValueException:
        return ConfigError(
            f"{key} is {shown(value.raw)}, expected {definition['description']}", where=f"{value.origin}, key {key}"
        )
    return _refused_argument(key, value) if key in _ENGINE_ARGUMENTS else None


def _refused_argument(key: str, value: Value) -> ConfigError | None:
    of_cargo = key == "cargo-args"
    where = f"{value.origin}, key {key}"
    for argument in cast("list[str]", value.raw or []):
        flag = argument.partition("=")[0]
        if of_cargo and not flag.startswith("--"):
            flag = flag[:2]  # its value may be a part of the word
        if of_cargo and flag in _KEY_FOR_ARGUMENT:
            proper = _KEY_FOR_ARGUMENT[flag]
            return ConfigError(
                f"cargo-args holds {shown(argument)}, expected the key {proper} to say it",
                where=where,
                remedy=f"use the key {proper} of [tool.externref]",
            )
        if flag in _ENGINE_ARGUMENTS[key]:
            return ConfigError(
                f"{key} holds {shown(argument)}, which the build needs for itself",
                where=where,
                remedy="arguments of rustc belong into rustflags of .cargo/config.toml, or RUSTFLAGS"
                if of_cargo
                else "take it out: input, output and format are those of the module",
            )
    return None


@functools.cache
def _validator(key: str) -> Any:
    import fastjsonschema

    return fastjsonschema.compile(schema()["properties"][key])


def _keys_of_another_language(values: Mapping[str, Value]) -> list[ConfigError]:
    clang = "sources" in values
    return [
        ConfigError(
            f"{key} is for guests in {'Rust' if clang else 'C and C++'}, and "
            + ("there is the key sources, for C and C++" if clang else "there is no key sources, which makes it one"),
            where=f"{values[key].origin}, key {key}",
            remedy="remove one of them",
        )
        for key in (KEYS_OF_CARGO if clang else KEYS_OF_CLANG)
        if key in values
    ]


def _missing_package(values: Mapping[str, Value], project_dir: Path) -> ConfigError:
    where = next((value.origin for value in values.values()), f"{project_dir / 'pyproject.toml'}, [tool.externref]")
    return ConfigError(
        "the key package is missing, expected the name of the Python package that receives the module",
        where=where,
        remedy='add a line such as: package = "sample_plugin"',
    )
