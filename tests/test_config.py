"""``[tool.externref]``: what a user writes, what overrides it, and what is said about what cannot be meant."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from externref_build.config import Config, ConfigSettings, ModuleConfig, load_config, read_tool_table, schema
from externref_build.errors import ConfigError, ExternrefBuildError, SeveralErrors

MINIMAL = '[tool.externref]\npackage = "plugin"\n'


def load(
    folder: Path, text: str, settings: ConfigSettings | None = None, environ: dict[str, str] | None = None
) -> Config:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return load_config(folder, config_settings=settings, environ=environ or {})


def load_one(
    folder: Path, text: str, settings: ConfigSettings | None = None, environ: dict[str, str] | None = None
) -> ModuleConfig:
    (module,) = load(folder, text, settings, environ).modules
    return module


def message(
    folder: Path, text: str, settings: ConfigSettings | None = None, environ: dict[str, str] | None = None
) -> str:
    with pytest.raises(ExternrefBuildError) as caught:
        load(folder, text, settings, environ)
    assert isinstance(caught.value, (ConfigError, SeveralErrors))
    return str(caught.value)


WITHOUT_CLANG: dict[str, Any] = {
    "sources": (),
    "include_dirs": (),
    "std": None,
    "cflags": (),
    "ldflags": (),
    "compiler": None,
}


def test_one_key_is_enough(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert not config.skip
    assert config.modules == (
        ModuleConfig(
            project_dir=tmp_path,
            package="plugin",
            manifest_path=tmp_path / "guest" / "Cargo.toml",
            name=None,
            target=None,
            profile="release",
            features=(),
            all_features=False,
            no_default_features=False,
            locked=False,
            offline=False,
            frozen=False,
            vendor=False,
            cargo_args=(),
            toolchain=None,
            **WITHOUT_CLANG,
            table="externrefs",
            drop_hook=None,
            require_direct=False,
            debug_info="keep",
            interface=True,
            bindings=(),
            types=(),
            typescript_types=(),
            package_json=True,
            optimize=(),
            wasm_opt="wasm-opt",
        ),
    )


def test_every_key_of_the_documentation(tmp_path: Path) -> None:
    module = load_one(
        tmp_path,
        """
        [tool.externref]
        package = "outer.inner"
        manifest-path = "rust/plugin/Cargo.toml"
        name = "filters-v2"
        target = "wasm32-wasip1"
        profile = "small"
        features = ["fast", "dep/extra"]
        all-features = true
        no-default-features = true
        locked = true
        offline = true
        frozen = true
        vendor = true
        cargo-args = ["--config", "net.retry=1", "-j2"]
        toolchain = "1.90.0"
        table = false
        drop-hook = "host::dropped::now"
        require-direct = true
        debug-info = "names"
        interface = false
        bindings = ["python", "javascript"]
        types = { Row = "my_plugin.database:Row" }
        typescript-types = { Row = "./database.js:Row" }
        package-json = false
        optimize = ["-O3", "--converge"]
        wasm-opt = "tools/wasm-opt"
        """,
    )
    assert module == ModuleConfig(
        project_dir=tmp_path,
        package="outer.inner",
        manifest_path=tmp_path / "rust" / "plugin" / "Cargo.toml",
        name="filters-v2",
        target="wasm32-wasip1",
        profile="small",
        features=("fast", "dep/extra"),
        all_features=True,
        no_default_features=True,
        locked=True,
        offline=True,
        frozen=True,
        vendor=True,
        cargo_args=("--config", "net.retry=1", "-j2"),
        toolchain="1.90.0",
        **WITHOUT_CLANG,
        table=None,
        drop_hook=("host", "dropped::now"),
        require_direct=True,
        debug_info="names",
        interface=False,
        bindings=("python", "javascript"),
        types=(("Row", "my_plugin.database:Row"),),
        typescript_types=(("Row", "./database.js:Row"),),
        package_json=False,
        optimize=("-O3", "--converge"),
        wasm_opt="tools/wasm-opt",
    )
    assert {key.replace("-", "_") for key in schema()["properties"]} == {f.name for f in fields(module)} - {
        "project_dir"
    }


def test_every_key_for_c(tmp_path: Path) -> None:
    module = load_one(
        tmp_path,
        """
        [tool.externref]
        package = "plugin"
        sources = ["guest/*.c", "guest/**/*.cpp"]
        include-dirs = ["guest/include"]
        std = "c++20"
        cflags = ["-O3", "-DNAME=a b"]
        ldflags = ["guest/libx.a"]
        compiler = "clang-19"
        """,
    )
    assert module.sources == ("guest/*.c", "guest/**/*.cpp")
    assert module.include_dirs == (tmp_path / "guest/include",)
    assert (module.std, module.compiler) == ("c++20", "clang-19")
    assert (module.cflags, module.ldflags) == (("-O3", "-DNAME=a b"), ("guest/libx.a",))


def test_an_override_reaches_the_guests_that_it_is_meant_for(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [[tool.externref.modules]]
        package = "one"
        [[tool.externref.modules]]
        package = "two"
        sources = ["two.c"]
        """,
        environ={"EXTERNREF_LOCKED": "1", "EXTERNREF_CFLAGS": "-O3 -g", "EXTERNREF_PROFILE": "dev"},
    )
    assert [(module.locked, module.cflags, module.profile) for module in config.modules] == [
        (True, (), "dev"),
        (False, ("-O3", "-g"), "dev"),
    ]


def test_several_modules(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [[tool.externref.modules]]
        package = "one"
        [[tool.externref.modules]]
        package = "two"
        manifest-path = "second/Cargo.toml"
        """,
        environ={"EXTERNREF_PROFILE": "dev"},
    )
    assert [(module.package, module.manifest_path.parent.name, module.profile) for module in config.modules] == [
        ("one", "guest", "dev"),
        ("two", "second", "dev"),
    ]


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("package", "other", "package", "other"),
        ("manifest-path", "g2/Cargo.toml", "manifest_path", Path("g2/Cargo.toml")),
        ("name", "other", "name", "other"),
        ("target", "wasm32-wasip1", "target", "wasm32-wasip1"),
        ("profile", "dev", "profile", "dev"),
        ("features", "a,b c", "features", ("a", "b", "c")),
        ("all-features", "1", "all_features", True),
        ("no-default-features", "yes", "no_default_features", True),
        ("locked", "TRUE", "locked", True),
        ("offline", "on", "offline", True),
        ("frozen", "true", "frozen", True),
        ("vendor", "true", "vendor", True),
        ("cargo-args", "--config 'a.b=\"c d\"'", "cargo_args", ("--config", 'a.b="c d"')),
        ("toolchain", "nightly", "toolchain", "nightly"),
        ("sources", "a.c b/*.cpp", "sources", ("a.c", "b/*.cpp")),
        ("include-dirs", "include", "include_dirs", (Path("include"),)),
        ("std", "c17", "std", "c17"),
        ("cflags", "-O3 '-DA=b c'", "cflags", ("-O3", "-DA=b c")),
        ("ldflags", "-Wl,--export=f", "ldflags", ("-Wl,--export=f",)),
        ("compiler", "zig", "compiler", "zig"),
        ("table", "refs", "table", "refs"),
        ("table", "false", "table", None),
        ("drop-hook", "m::n", "drop_hook", ("m", "n")),
        ("require-direct", "true", "require_direct", True),
        ("debug-info", "strip", "debug_info", "strip"),
        ("interface", "0", "interface", False),
        ("bindings", "python", "bindings", ("python",)),
        ("types", "Row=a.b:Row Hits=c:Hits", "types", (("Hits", "c:Hits"), ("Row", "a.b:Row"))),
        ("typescript-types", "Row=./a.js:Row", "typescript_types", (("Row", "./a.js:Row"),)),
        ("package-json", "no", "package_json", False),
        ("optimize", "-O3 '--pass-arg=a b'", "optimize", ("-O3", "--pass-arg=a b")),
        ("optimize", "no", "optimize", ()),
        ("wasm-opt", "/opt/wasm-opt", "wasm_opt", "/opt/wasm-opt"),
    ],
)
@pytest.mark.parametrize("by", ["environment", "config setting"])
def test_every_key_can_be_overridden(tmp_path: Path, by: str, key: str, text: str, field: str, value: object) -> None:
    table = MINIMAL + 'sources = ["plugin.c"]\n' if field in WITHOUT_CLANG else MINIMAL
    if by == "environment":
        module = load_one(tmp_path, table, environ={f"EXTERNREF_{key.upper().replace('-', '_')}": text})
    else:
        module = load_one(tmp_path, table, {f"externref.{key}": text})
    expected = tmp_path / value if isinstance(value, Path) else value
    if field == "include_dirs":
        expected = (tmp_path / "include",)
    assert getattr(module, field) == expected


def test_all_keys_are_in_the_table_of_overrides() -> None:
    (mark,) = (mark for mark in test_every_key_can_be_overridden.pytestmark if "key" in mark.args[0])  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(schema()["properties"])


def test_the_nearer_word_wins(tmp_path: Path) -> None:
    text = MINIMAL + 'profile = "in-file"\n'
    environ = {"EXTERNREF_PROFILE": "in-environment"}
    assert load_one(tmp_path, text).profile == "in-file"
    assert load_one(tmp_path, text, environ=environ).profile == "in-environment"
    assert load_one(tmp_path, text, {"externref.profile": "in-setting"}, environ).profile == "in-setting"


TWO = """
[[tool.externref.modules]]
package = "outer.one"
profile = "in-file"
[[tool.externref.modules]]
package = "outer.two"
name = "second"
profile = "in-file"
"""


@pytest.mark.parametrize(
    ("settings", "environ", "profiles"),
    [
        ({}, {"EXTERNREF_SECOND_PROFILE": "a"}, ["in-file", "a"]),
        ({}, {"EXTERNREF_OUTER_ONE_PROFILE": "a", "EXTERNREF_PROFILE": "b"}, ["a", "b"]),
        ({"externref.second.profile": "a"}, {"EXTERNREF_SECOND_PROFILE": "b"}, ["in-file", "a"]),
        ({"externref.outer.one.profile": "a", "externref.profile": "b"}, {}, ["a", "b"]),
        ({"externref.profile": "a"}, {"EXTERNREF_SECOND_PROFILE": "b"}, ["a", "a"]),
    ],
)
def test_overrides_of_one_module(
    tmp_path: Path, settings: ConfigSettings, environ: dict[str, str], profiles: list[str]
) -> None:
    """In each place, what names the module wins; and every place comes before the next."""
    assert [module.profile for module in load(tmp_path, TWO, settings, environ).modules] == profiles


def test_one_module_can_be_renamed_by_an_override(tmp_path: Path) -> None:
    config = load(tmp_path, TWO, environ={"EXTERNREF_SECOND_NAME": "other"})
    assert [module.name for module in config.modules] == [None, "other"]


def test_a_name_that_can_be_read_both_ways_is_for_all(tmp_path: Path) -> None:
    two = TWO.replace("second", "all") + 'features = ["own"]\n'
    first, second = load(tmp_path, two, environ={"EXTERNREF_ALL_FEATURES": "true"}).modules
    assert (first.all_features, second.all_features, second.features) == (True, True, ("own",))


def test_a_setting_for_a_module_that_is_not_there(tmp_path: Path) -> None:
    said = message(tmp_path, TWO, {"externref.secnd.profile": "dev"})
    assert "there is no module secnd" in said
    assert "config setting externref.secnd.profile" in said
    assert "outer.one, second" in said


def test_front_ends_repeat_settings(tmp_path: Path) -> None:
    settings: ConfigSettings = {"externref.features": ["a", "b,c"], "externref.locked": "", "editable-mode": "strict"}
    module = load_one(tmp_path, MINIMAL, settings)
    assert (module.features, module.locked) == (("a", "b", "c"), True)


def test_skip_comes_from_outside_only(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, environ={"EXTERNREF_SKIP": "1"}).skip
    assert not load(tmp_path, MINIMAL, environ={"EXTERNREF_SKIP": "0"}).skip
    assert "unknown key skip" in message(tmp_path, MINIMAL + "skip = true\n")


def test_variables_of_other_tools_are_left_alone(tmp_path: Path) -> None:
    assert load_one(tmp_path, MINIMAL, environ={"EXTERNREF_RUST": "debian", "EXTERNREF_NAME": ""}).name is None


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("packge", "package"), ("Drop-Hook", "drop-hook"), ("drop_hook", "drop-hook"), ("lock", "locked")],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, wrong: str, right: str) -> None:
    said = message(tmp_path, MINIMAL + f'{wrong} = "x"\n')
    assert f"unknown key {wrong}, did you mean {right}?" in said
    assert f"{tmp_path / 'pyproject.toml'}, [tool.externref], key {wrong}" in said


def test_an_unknown_key_like_none_lists_all(tmp_path: Path) -> None:
    said = message(tmp_path, MINIMAL + "zzz = 1\n")
    assert "known keys: package, manifest-path, name, target," in said


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    said = message(tmp_path, '[tool.externref]\nprofil = "dev"\nlocked = "yes"\ntarget = "x86"\n')
    assert said.count("error: ") == 3
    assert re.findall(r"^(?:error: )?(.*?),? expected", said, re.MULTILINE) == [
        'locked is "yes"',
        'target is "x86"',
        "the key package is missing",
    ]
    assert "unknown key profil, did you mean profile?" in said


@pytest.mark.parametrize(
    ("line", "found", "expected"),
    [
        ('package = "../evil"', 'package is "../evil"', "dotted name"),
        ('package = "a/b"', 'package is "a/b"', "dotted name"),
        ('package = "a..b"', 'package is "a..b"', "dotted name"),
        ('package = "a\\n"', 'package is "a\\n"', "dotted name"),
        ('package = ""', 'package is ""', "dotted name"),
        ("package = 3", "package is 3", "dotted name"),
        ('manifest-path = "/etc/Cargo.toml"', 'manifest-path is "/etc/Cargo.toml"', "inside the project"),
        ('manifest-path = "C:/x/Cargo.toml"', 'manifest-path is "C:/x/Cargo.toml"', "inside the project"),
        ('manifest-path = "../x/Cargo.toml"', 'manifest-path is "../x/Cargo.toml"', "inside the project"),
        ('manifest-path = "a/../../Cargo.toml"', 'manifest-path is "a/../../Cargo.toml"', "inside the project"),
        ("manifest-path = 'a\\Cargo.toml'", 'manifest-path is "a\\\\Cargo.toml"', "forward slashes"),
        ('manifest-path = "guest"', 'manifest-path is "guest"', "Cargo.toml"),
        ('name = "a/b"', 'name is "a/b"', "without folder"),
        ("name = 'a\\b'", 'name is "a\\\\b"', "without folder"),
        ('name = "a\\u0000b"', 'name is "a\\u0000b"', "without folder"),
        ('name = "-o"', 'name is "-o"', "without folder"),
        ('name = ".hidden"', 'name is ".hidden"', "without folder"),
        ('name = "a.wasm"', 'name is "a.wasm"', "without the suffix .wasm"),
        ('target = "x86_64-unknown-linux-gnu"', 'target is "x86_64-unknown-linux-gnu"', "wasm32-unknown-unknown"),
        ('profile = "--release"', 'profile is "--release"', "name of a cargo profile"),
        ('features = "fast"', 'features is "fast"', "list of cargo feature names"),
        ('features = ["--all"]', 'features is ["--all"]', "list of cargo feature names"),
        ("locked = 1", "locked is 1", "true or false"),
        ('cargo-args = ["a\\u0000"]', 'cargo-args is ["a\\u0000"]', "arguments of cargo"),
        ('cargo-args = ["--target=x"]', 'cargo-args holds "--target=x"', "the key target"),
        ('cargo-args = ["--release"]', 'cargo-args holds "--release"', "the key profile"),
        ('cargo-args = ["-Floud"]', 'cargo-args holds "-Floud"', "the key features"),
        ('cargo-args = ["-p=other"]', 'cargo-args holds "-p=other"', "the key manifest-path"),
        ('cargo-args = ["--"]', 'cargo-args holds "--"', "RUSTFLAGS"),
        ('toolchain = "+nightly"', 'toolchain is "+nightly"', "rustup toolchain"),
        ("table = true", "table is true", "or false"),
        ('table = ""', 'table is ""', "or false"),
        ('drop-hook = "dropped"', 'drop-hook is "dropped"', "module::name"),
        ('drop-hook = "::dropped"', 'drop-hook is "::dropped"', "module::name"),
        ('debug-info = "some"', 'debug-info is "some"', '"keep", "split", "names" or "strip"'),
        ("optimize = true", "optimize is true", "or false"),
        ("optimize = []", "optimize is []", "arguments of wasm-opt"),
        ('optimize = "-O3"', 'optimize is "-O3"', "a list"),
        ('optimize = ["-O3", "-o", "x"]', 'optimize holds "-o"', "take it out"),
        ('optimize = ["--output=x"]', 'optimize holds "--output=x"', "take it out"),
        ('wasm-opt = ""', 'wasm-opt is ""', "path of a program"),
        ("modules = 1", "package beside modules", "inside one of the modules"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, line: str, found: str, expected: str) -> None:
    text = f"[tool.externref]\n{line}\n" if line.startswith("package") else MINIMAL + line + "\n"
    said = message(tmp_path, text)
    summary, where, *_ = said.splitlines()
    assert summary.startswith(found)
    assert expected in said
    assert str(tmp_path / "pyproject.toml") in where
    assert "[tool.externref]" in where


@pytest.mark.parametrize(
    ("settings", "environ", "words"),
    [
        (
            {"externref.profil": "dev"},
            {},
            ["unknown key profil, did you mean profile?", "config setting externref.profil"],
        ),
        ({}, {"EXTERNREF_LOCKED": "maybe"}, ['locked is "maybe", expected true or false', "variable EXTERNREF_LOCKED"]),
        ({}, {"EXTERNREF_NAME": "../x"}, ['name is "../x"', "environment variable EXTERNREF_NAME, key name"]),
        ({"externref.profile": ["a", "b"]}, {}, ["profile is given 2 times, expected once"]),
    ],
)
def test_a_wrong_override_is_named_where_it_was_said(
    tmp_path: Path, settings: ConfigSettings, environ: dict[str, str], words: list[str]
) -> None:
    said = message(tmp_path, MINIMAL, settings, environ)
    assert all(word in said for word in words), said


def test_an_override_cannot_rename_several_modules_alike(tmp_path: Path) -> None:
    two = '[[tool.externref.modules]]\npackage = "a"\n[[tool.externref.modules]]\npackage = "b"\n'
    said = message(tmp_path, two, environ={"EXTERNREF_NAME": "same"})
    assert "name is overridden for 2 modules at once" in said
    assert "environment variable EXTERNREF_NAME" in said


@pytest.mark.parametrize("text", ["[tool.externref]\nmodules = []\n", "[tool.externref]\nmodules = [1]\n"])
def test_modules_are_tables(tmp_path: Path, text: str) -> None:
    assert "expected one table or more" in message(tmp_path, text)


def test_a_fault_in_the_second_module_says_so(tmp_path: Path) -> None:
    two = '[[tool.externref.modules]]\npackage = "a"\n[[tool.externref.modules]]\npackage = "b"\nlocked = 0\n'
    assert "[[tool.externref.modules]] number 2, key locked" in message(tmp_path, two)


def test_a_folder_without_pyproject(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "nowhere")
    assert "there is no pyproject.toml" in str(caught.value)
    assert str(tmp_path / "nowhere" / "pyproject.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no table [tool.externref] in pyproject.toml"),
        ("[tool]\nexternref = 3\n", "tool.externref is 3, expected a table"),
        ("[tool.externref\n", "pyproject.toml is not valid TOML"),
    ],
)
def test_a_pyproject_that_says_nothing(tmp_path: Path, text: str, words: str) -> None:
    said = message(tmp_path, text)
    assert words in said
    assert str(tmp_path / "pyproject.toml") in said


def test_no_pyproject_is_no_table(tmp_path: Path) -> None:
    assert read_tool_table(tmp_path, "externref") is None
