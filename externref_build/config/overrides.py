"""What the environment and the config-settings of the front end say in place of the file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from externref_build.config.keys import KEYS_OF_CARGO, KEYS_OF_CLANG, Value, schema, shown, unknown_key
from externref_build.errors import ConfigError

ConfigSettings: TypeAlias = Mapping[str, "str | list[str] | bool | None"]
"""What PEP 517 front ends pass to the hooks of a backend."""

_SETTING_PREFIX: Final = "externref."
_VARIABLE_PREFIX: Final = "EXTERNREF_"
_KEYS_OF_ONE_MODULE: Final = frozenset({"package", "manifest-path", "sources", "name"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})

_WORDS: Final = frozenset({"cargo-args", "cflags", "ldflags", "optimize"})
"""Keys whose overrides are split as a shell does it; other lists are split at commas and spaces."""

_OR_FALSE: Final = frozenset({"table", "optimize"})
"""Keys that can be false as well as what they are else."""


def label_of(values: Mapping[str, Value]) -> str:
    """Return the word by which overrides name a module: its key ``name``, or else its ``package``."""
    value = values.get("name") or values.get("package")
    return str(value.raw) if value else ""


def _variable(key: str, label: str | None = None) -> str:
    words = [key] if label is None else [label, key]
    return _VARIABLE_PREFIX + re.sub(r"\W", "_", "_".join(words)).upper()


def from_environment(environ: Mapping[str, str], label: str | None = None) -> dict[str, Value]:
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


def from_config_settings(settings: ConfigSettings, labels: Sequence[str]) -> dict[str | None, dict[str, Value]]:
    """Sort the settings by the module that they are for; those of ``None`` are for all."""
    found: dict[str | None, dict[str, Value]] = {label: {} for label in (None, *labels)}
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
            raise unknown_key(key, origin)
        texts = list(map(str, given)) if isinstance(given, list) else ["true" if given in (None, "") else str(given)]
        found[label if dot else None][key] = _parse(key, texts, origin)
    return found


def _parse(key: str, texts: Sequence[str], origin: str) -> Value:
    """Turn the words of an override into a value of the key's type; the schema judges it afterwards."""
    kind = "boolean" if key == "skip" else schema()["properties"][key].get("type")
    if key in _OR_FALSE and len(texts) == 1 and texts[0].lower() in _FALSE:
        return Value(False, origin)
    if kind == "array" or key in _WORDS:
        split = shlex.split if key in _WORDS else re.compile(r"[\s,]+").split
        return Value([word for text in texts for word in split(text) if word], origin)
    if kind == "object":
        pairs = [word.partition("=") for text in texts for word in re.split(r"[\s,]+", text) if word]
        return Value({name: value for name, _, value in pairs}, origin)
    if len(texts) != 1:
        raise ConfigError(f"{key} is given {len(texts)} times, expected once", where=origin)
    (text,) = texts
    if kind == "boolean":
        if text.lower() not in _TRUE | _FALSE:
            raise ConfigError(f"{key} is {shown(text)}, expected true or false", where=origin)
        return Value(text.lower() in _TRUE, origin)
    return Value(text, origin)


def meant_for(
    values: Mapping[str, Value], overrides: Mapping[str, Value], tables: Sequence[object]
) -> Mapping[str, Value]:
    """Leave out what is for guests in another language, where there are several guests."""
    foreign = KEYS_OF_CARGO if "sources" in values else KEYS_OF_CLANG
    return overrides if len(tables) == 1 else {key: value for key, value in overrides.items() if key not in foreign}


def refuse_override_of_several(overrides: Mapping[str, Value], tables: Sequence[object]) -> None:
    """Raise `ConfigError` where one override would give several modules what only one can have."""
    for key in sorted(_KEYS_OF_ONE_MODULE & set(overrides)):
        if len(tables) > 1:
            raise ConfigError(
                f"{key} is overridden for {len(tables)} modules at once, expected an override of at most one",
                where=overrides[key].origin,
                remedy="change it in pyproject.toml, in the module that is meant",
            )
