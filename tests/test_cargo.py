"""Guests built with the real cargo: what is taken from it, what is left to it, and what is said when it fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from projects import write

from externref_build.config import ModuleConfig, load_config, parse_toml
from externref_build.errors import (
    ArtifactError,
    CargoNotFoundError,
    ConfigError,
    GuestBuildError,
    OutputError,
    TargetNotInstalledError,
    ToolchainError,
)
from externref_build.guests.cargo import cargo_passthrough, compile_guest, plan_guest
from externref_build.guests.cargo_config import CargoConfig, read_cargo_config
from externref_build.guests.manifest import default_name, guest_sources
from externref_build.guests.module import GuestModule
from externref_build.guests.profiles import has_debug_info
from externref_build.guests.remap import dependency_flags
from externref_build.guests.run import run
from externref_build.guests.sdk import SDK_CRATE, provide_sdk, sdk_version
from externref_build.guests.toolchain import Toolchain, choose_target, find_toolchain, installation_command

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

PLUGIN = """
[package]
name = "my-plugin"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
"""

EXPORT = '#[no_mangle]\npub extern "C" fn run(x: i32) -> i32 { x }\n'

COMMAND = PLUGIN.replace('[lib]\ncrate-type = ["cdylib"]', "")


def project(folder: Path, files: Mapping[str, str], **keys: str) -> ModuleConfig:
    """Write a project with a guest and return its configuration; ``keys`` are TOML."""
    lines = [f"{key.replace('_', '-')} = {value}" for key, value in {"offline": "true", **keys}.items()]
    write(folder, files)
    write(folder, {"pyproject.toml": '[tool.externref]\npackage = "plugin"\n' + "\n".join(lines)})
    (module,) = load_config(folder, environ={}).modules
    return module


def build_guest(module: ModuleConfig, *, environ: Mapping[str, str]) -> GuestModule:
    return compile_guest(plan_guest(module, environ=environ), environ=environ)


def plugin(folder: Path, source: str = EXPORT, manifest: str = PLUGIN, **keys: str) -> ModuleConfig:
    return project(folder, {"guest/Cargo.toml": manifest, "guest/src/lib.rs": source}, **keys)


def build(module: ModuleConfig, **variables: str) -> Path:
    return build_guest(module, environ={**os.environ, **variables}).path


def refused(module: ModuleConfig, error: type[Exception], **variables: str) -> str:
    with pytest.raises(error) as caught:
        build(module, **variables)
    assert type(caught.value) is error
    return str(caught.value)


# What is taken from cargo


def test_a_library_becomes_a_module(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module = plugin(tmp_path)
    first = build_guest(module, environ=os.environ)
    assert first.path.read_bytes().startswith(b"\0asm")
    assert (first.name, first.target, first.fresh) == ("my_plugin", "wasm32-unknown-unknown", False)
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "Compiling my-plugin v0.1.0" in streams.err
    assert build_guest(module, environ=os.environ).fresh


@pytest.mark.parametrize("profile", ["dev", "small"])
def test_profiles_and_targets(tmp_path: Path, profile: str) -> None:
    manifest = PLUGIN + '[profile.small]\ninherits = "release"\nopt-level = "z"\n'
    path = build(plugin(tmp_path, manifest=manifest, profile=f'"{profile}"', target='"wasm32-wasip1"'))
    assert path.parts[-3:-1] == ("wasm32-wasip1", {"dev": "debug"}.get(profile, profile))


def test_features(tmp_path: Path) -> None:
    source = '#[cfg(all(feature = "loud", not(feature = "default")))]\n' + EXPORT
    manifest = PLUGIN + "[features]\ndefault = []\nloud = []\n"
    module = plugin(tmp_path, source, manifest, features='["loud"]', no_default_features="true")
    assert b"run" in build(module).read_bytes()


def test_the_target_folder_may_be_anywhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    assert build(plugin(tmp_path), CARGO_TARGET_DIR=str(elsewhere)).is_relative_to(elsewhere)


def test_a_dependency_that_is_a_module_as_well_is_not_taken(tmp_path: Path) -> None:
    dependency = PLUGIN.replace("my-plugin", "other").replace('["cdylib"]', '["cdylib", "rlib"]')
    module = project(
        tmp_path,
        {
            "guest/Cargo.toml": PLUGIN + '[dependencies]\nother = { path = "other" }\n[workspace]\n',
            "guest/src/lib.rs": '#[no_mangle]\npub extern "C" fn mine() -> i32 { other::theirs() }\n',
            "guest/other/Cargo.toml": dependency,
            "guest/other/src/lib.rs": "#[inline(never)]\npub fn theirs() -> i32 { 3 }\n",
        },
    )
    path = build(module)
    assert path.name == "my_plugin.wasm"
    assert b"mine" in path.read_bytes()


def test_a_member_of_a_workspace(tmp_path: Path) -> None:
    files = {
        "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nresolver = "2"\n',
        "crates/a/Cargo.toml": PLUGIN.replace("my-plugin", "a"),
        "crates/a/src/lib.rs": EXPORT,
        "crates/b/Cargo.toml": PLUGIN.replace("my-plugin", "b"),
        "crates/b/src/lib.rs": EXPORT,
    }
    path = build(project(tmp_path, files, manifest_path='"crates/b/Cargo.toml"'))
    assert path == tmp_path / "target" / "wasm32-unknown-unknown" / "release" / "b.wasm"
    assert not path.with_name("a.wasm").exists()
    said = refused(project(tmp_path, files, manifest_path='"Cargo.toml"'), ArtifactError)
    assert "a workspace of 2 packages, of which 2 make a cdylib (a, b), expected one package" in said
    assert said.endswith('manifest-path = "crates/a/Cargo.toml"\n  manifest-path = "crates/b/Cargo.toml"')


def test_a_command_for_wasi(tmp_path: Path) -> None:
    module = project(
        tmp_path,
        {"guest/Cargo.toml": COMMAND, "guest/src/main.rs": "fn main() {}"},
        target='"wasm32-wasip1"',
    )
    assert b"_start" in build(module).read_bytes()


def test_two_commands_need_a_choice(tmp_path: Path) -> None:
    files = {
        "guest/Cargo.toml": COMMAND,
        "guest/src/bin/one.rs": "fn main() {}",
        "guest/src/bin/two.rs": "fn main() {}",
    }
    said = refused(project(tmp_path, files, target='"wasm32-wasip1"'), ArtifactError)
    assert "the package my-plugin has 2 binaries (one, two), expected one" in said
    assert 'default-run = "one"' in said
    files["guest/Cargo.toml"] = COMMAND.replace("[package]", '[package]\ndefault-run = "two"')
    assert build(project(tmp_path, files, target='"wasm32-wasip1"')).name == "two.wasm"


@pytest.mark.parametrize("target", ["wasm32-unknown-unknown", "wasm32-wasip1"])
def test_a_library_for_rust_only_is_no_module(tmp_path: Path, target: str) -> None:
    said = refused(plugin(tmp_path, manifest=COMMAND, target=f'"{target}"'), ArtifactError)
    assert "the package my-plugin makes no WebAssembly module: it has no library of crate type cdylib" in said
    assert str(tmp_path / "guest" / "Cargo.toml") in said
    assert 'crate-type = ["cdylib"]' in said


# What goes wrong


def test_a_failing_compile_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = refused(plugin(tmp_path, "pub fn broken() -> i32 { nonsense }\n"), GuestBuildError)
    shown = capfd.readouterr().err
    assert shown.count("cannot find value `nonsense`") == 1
    assert "src/lib.rs:1:26" in shown
    assert "nonsense" not in said
    assert "cargo could not build the guest my_plugin for wasm32-unknown-unknown (exit status 101)" in said
    assert len(said.splitlines()) == 3


def test_packages_that_cannot_be_resolved(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    manifest = PLUGIN + '[dependencies]\nabsent = { path = "absent" }\n'
    said = refused(plugin(tmp_path, manifest=manifest), GuestBuildError)
    assert "cargo could not resolve the guest's packages" in said
    assert "absent" in capfd.readouterr().err


def test_no_manifest(tmp_path: Path) -> None:
    said = refused(project(tmp_path, {}), ConfigError)
    assert "manifest-path names guest/Cargo.toml, which is not there" in said
    assert str(tmp_path / "guest" / "Cargo.toml") in said


def test_no_cargo(tmp_path: Path) -> None:
    module = plugin(tmp_path)
    said = refused(module, CargoNotFoundError, PATH=str(tmp_path), CARGO="")
    assert "cargo is not found" in said
    assert f"CARGO is not set, PATH={tmp_path}" in said
    assert "https://sh.rustup.rs | sh -s -- -y --target wasm32-unknown-unknown" in said
    assert "CARGO=/nowhere/cargo" in refused(module, CargoNotFoundError, CARGO="/nowhere/cargo")


def test_a_cargo_that_does_not_start(tmp_path: Path) -> None:
    broken = tmp_path / "cargo"
    broken.write_text("#!/bin/sh\necho 'no default toolchain' >&2\nexit 3\n")
    broken.chmod(0o755)
    said = refused(plugin(tmp_path), ToolchainError, CARGO=str(broken))
    assert f"`{broken} --version` failed with exit status 3" in said
    assert "no default toolchain" in said


def test_a_toolchain_needs_rustup(tmp_path: Path) -> None:
    plain = shutil.copy(shutil.which("true") or "true", tmp_path / "cargo")
    said = refused(plugin(tmp_path, toolchain='"nightly"'), ToolchainError, CARGO=str(plain))
    assert f'toolchain = "nightly" needs rustup, and {plain} is not rustup\'s cargo' in said


def test_a_target_without_standard_library(tmp_path: Path) -> None:
    said = refused(plugin(tmp_path, target='"wasm32-unknown-emscripten"'), TargetNotInstalledError)
    assert "Rust's standard library for wasm32-unknown-emscripten is not installed" in said
    assert "lib/rustlib/wasm32-unknown-emscripten/lib (sysroot " in said
    assert ", rustc " in said
    assert "rustup " in said
    assert "install it with:\n" in said


def test_a_target_that_rustc_does_not_know(tmp_path: Path) -> None:
    said = refused(plugin(tmp_path, target='"wasm32-nonsense"'), TargetNotInstalledError)
    assert "does not know the target wasm32-nonsense" in said


def test_a_guest_that_compiles_its_standard_library_needs_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    module = plugin(tmp_path, target='"wasm32-unknown-emscripten"', cargo_args='["-Z", "build-std=core"]')
    refused(module, GuestBuildError, RUSTC_BOOTSTRAP="")
    # A stable cargo refuses the flag, another one misses the library's sources.
    assert "error: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("sysroot", "rustup", "command"),
    [
        ("/users/me/.rustup/toolchains/1.90", True, "rustup target add wasm32-wasip1 --toolchain 1.90"),
        ("/opt/rust", True, "rustup target add wasm32-wasip1 --toolchain stable\nand choose that toolchain"),
        ("/opt/rust", False, "curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --target wasm32-wasip1"),
    ],
)
def test_the_command_that_installs_a_target(sysroot: str, rustup: bool, command: str) -> None:
    toolchain = Toolchain(("cargo",), ("rustc",), "cargo 1", "rustc 1", "unknown", Path(sysroot), rustup)
    said = installation_command(toolchain, "wasm32-wasip1", {"RUSTUP_HOME": "/users/me/.rustup"})
    assert said.startswith(command)


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("ID=debian", "apt-get install libstd-rust-dev-wasm32"),
        ('ID="fedora"', "dnf install rust-std-static-wasm32-wasip1"),
        ("ID=alpine", "apk add rust-wasm"),
        ("ID=plan9", "curl"),
    ],
)
def test_the_system_installs_what_belongs_to_its_rustc(
    monkeypatch: pytest.MonkeyPatch, system: str, command: str
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: f"NAME=Name\n{system}\n")
    toolchain = Toolchain(("cargo",), ("rustc",), "cargo 1", "rustc 1", "unknown", Path("/usr"), False)
    assert installation_command(toolchain, "wasm32-wasip1", {}).startswith(command)


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("not a program")
    with pytest.raises(ToolchainError, match="cannot be started: Permission denied"):
        run([str(tmp_path / "tool")], cwd=tmp_path, environ={})


# What is left to cargo and its user

PANICKING = "pub fn look(x: &[u8], i: usize) -> u8 { x[i] }\n"

MARKED = """
#[no_mangle]
pub extern "C" fn run(i: usize) -> u8 { outside::look(b"abc", i) }
#[cfg(marked)]
#[no_mangle]
pub extern "C" fn marked() {}
"""


@pytest.mark.parametrize(
    ("variables", "config", "cargo_args"),
    [
        ({"RUSTFLAGS": "--cfg marked"}, "", "[]"),
        ({"CARGO_ENCODED_RUSTFLAGS": "--cfg\x1fmarked"}, "", "[]"),
        ({"CARGO_BUILD_RUSTFLAGS": "--cfg marked"}, "", "[]"),
        ({"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "--cfg marked"}, "", "[]"),
        ({}, 'build.rustflags = ["--cfg", "marked"]', "[]"),
        ({}, 'target.wasm32-unknown-unknown.rustflags = ["--cfg", "marked"]', "[]"),
        ({}, 'target.\'cfg(all(target_family = "wasm", not(unix)))\'.rustflags = "--cfg marked"', "[]"),
        ({}, 'target.\'cfg(unix)\'.rustflags = "-Cx"\nbuild.rustflags = "--cfg marked"', "[]"),
        ({}, "", '["--config", "target.\'cfg(target_arch=\\"wasm32\\")\'.rustflags=\'--cfg marked\'"]'),
    ],
    ids=["RUSTFLAGS", "encoded", "build-var", "target-var", "build", "target", "cfg", "other cfg", "argument"],
)
def test_flags_of_the_user_stay(tmp_path: Path, variables: dict[str, str], config: str, cargo_args: str) -> None:
    module = project(
        tmp_path / "project",
        {
            "guest/Cargo.toml": PLUGIN + '[dependencies]\noutside = { path = "../../outside" }\n',
            "guest/src/lib.rs": MARKED,
            "guest/.cargo/config.toml": config,
            "../outside/Cargo.toml": COMMAND.replace("my-plugin", "outside"),
            "../outside/src/lib.rs": PANICKING,
        },
        cargo_args=cargo_args,
    )
    content = build(module, **variables).read_bytes()
    assert b"marked" in content
    assert b"/dependencies/outside-0.1.0/src/lib.rs" in content
    assert str(tmp_path).encode() not in content


def test_a_wrapper_of_rustc_is_used(tmp_path: Path) -> None:
    wrapper, log = tmp_path / "wrapper", tmp_path / "log"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec "$@"\n')
    wrapper.chmod(0o755)
    build(plugin(tmp_path), RUSTC_WRAPPER=str(wrapper))
    assert "--crate-name my_plugin" in log.read_text()


def test_the_cargo_of_the_environment_is_used(tmp_path: Path) -> None:
    cargo, log = tmp_path / "my-cargo", tmp_path / "log"
    cargo.write_text(f'#!/bin/sh\necho "$1" >> {log}\nexec {shutil.which("cargo")} "$@"\n')
    cargo.chmod(0o755)
    build(plugin(tmp_path), CARGO=str(cargo))
    assert log.read_text().split()[-1] == "rustc"


def test_the_toolchain_of_the_configuration_is_used(tmp_path: Path) -> None:
    """A stand-in for rustup's proxy, which takes the toolchain as its first argument."""
    log = tmp_path / "log"
    for tool in ("cargo", "rustc"):
        proxy = tmp_path / "bin" / tool / "rustup"
        proxy.parent.mkdir(parents=True)
        proxy.write_text(f'#!/bin/sh\necho {tool} "$1" >> {log}\nshift\nexec {shutil.which(tool)} "$@"\n')
        proxy.chmod(0o755)
        (tmp_path / tool).symlink_to(proxy)
    build(
        plugin(tmp_path, toolchain='"mine"'), PATH=f"{tmp_path}:{os.environ['PATH']}", RUSTC=str(shutil.which("rustc"))
    )
    assert set(log.read_text().splitlines()) == {"cargo +mine"}
    assert find_toolchain(tmp_path, environ={**os.environ, "PATH": str(tmp_path)}, name="mine").rustc[1:] == ("+mine",)


@pytest.mark.parametrize(
    ("configured", "variable", "file", "chosen"),
    [
        (None, None, "", "wasm32-unknown-unknown"),
        (None, "wasm32-wasip1", "", "wasm32-wasip1"),
        (None, None, '[build]\ntarget = "wasm32-wasip1"', "wasm32-wasip1"),
        (None, None, '[build]\ntarget = ["wasm32-wasip1"]', "wasm32-wasip1"),
        (None, "aarch64-unknown-linux-gnu", "", "wasm32-unknown-unknown"),
        ("wasm32-unknown-unknown", "wasm32-wasip1", "", "wasm32-unknown-unknown"),
    ],
)
def test_the_target_is_cargos_if_it_is_one_for_wasm(
    tmp_path: Path, configured: str | None, variable: str | None, file: str, chosen: str
) -> None:
    write(tmp_path, {".cargo/config.toml": file})
    environ = {"CARGO_HOME": str(tmp_path / "home"), **({"CARGO_BUILD_TARGET": variable} if variable else {})}
    assert choose_target(configured, read_cargo_config(tmp_path, environ)) == chosen


def test_cargo_configuration_is_found_where_cargo_finds_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "home/config.toml": '[build]\nrustc = "far"\ntarget = "far"\n',
            ".cargo/config.toml": 'include = ["more.toml"]\n[build]\nrustc = "near"\n',
            ".cargo/more.toml": "[unstable]\nbuild-std = ['std']\n",
            "a/b/.cargo/config": "not TOML [",
        },
    )
    config = read_cargo_config(tmp_path / "a" / "b", {"CARGO_HOME": str(tmp_path / "home")})
    assert config.string("build", "rustc") == "near"
    assert config.string("build", "target") == "far"
    assert config.builds_std()


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ('target_os = "wasi"', True),
        ('target_os="linux"', False),
        ("panic", True),
        ("not(panic)", False),
        ('all(panic, target_os = "wasi",)', True),
        ("all()", True),
        ("any()", False),
        ('any(unix, not(target_os = "none"))', True),
        ("true", True),
        ("all(panic", False),
        ("panic panic", False),
        ("", False),
    ],
)
def test_cfg_expressions(expression: str, holds: bool) -> None:
    config = CargoConfig(({"target": {f"cfg({expression})": {"rustflags": ["x"]}}},), {})
    assert config.has_target_flags("wasm32-wasip1", frozenset({"panic", 'target_os="wasi"'})) is holds


# The module's bytes


def test_no_path_of_the_builder_is_left(tmp_path: Path) -> None:
    source = """
    use std::collections::HashMap;
    #[no_mangle]
    pub extern "C" fn run(p: *const u8, n: usize, i: usize) -> u8 {
        let s = unsafe { std::slice::from_raw_parts(p, n) };
        let found: Vec<usize> = memchr::memmem::find_iter(s, b"needle").collect();
        let named: HashMap<usize, String> = found.iter().map(|i| (*i, format!("{i}"))).collect();
        inner::look(named[&i].as_bytes(), i)
    }
    """
    modules = []
    for name in ("here", "there/and deeper"):
        module = project(
            tmp_path / name,
            {
                "guest/Cargo.toml": PLUGIN + '[dependencies]\nmemchr = "2"\ninner = { path = "../inner" }\n',
                "guest/src/lib.rs": source,
                "inner/Cargo.toml": COMMAND.replace("my-plugin", "inner"),
                "inner/src/lib.rs": PANICKING,
                "Cargo.toml": '[workspace]\nmembers = ["guest", "inner"]\nresolver = "2"\n',
            },
            offline="false",
        )
        modules.append(build(module).read_bytes())
    sysroot = find_toolchain(tmp_path, environ=os.environ).sysroot
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    for folder in (home, sysroot, sysroot.resolve()):
        assert str(folder).encode() not in modules[0], folder
    assert b"/cargo/registry/memchr-2" in modules[0]
    assert b"/rustc/" in modules[0]
    assert modules[0] == modules[1]


def test_the_standard_library_has_two_names(tmp_path: Path) -> None:
    """With the component rust-src, rustc may name its files where they lie, through the link or not."""
    library = tmp_path / "sysroot" / "lib" / "rustlib" / "src" / "rust"
    (tmp_path / "sources").mkdir()
    library.parent.mkdir(parents=True)
    library.symlink_to(tmp_path / "sources", target_is_directory=True)
    toolchain = Toolchain(("cargo",), ("rustc",), "cargo 1", "rustc 1", "abc", tmp_path / "sysroot", False)
    flags = dependency_flags(toolchain, [], tmp_path)
    for name in (library, tmp_path / "sources"):
        assert f"--remap-path-prefix={name}=/rustc/abc" in flags


def test_crates_have_the_same_name_wherever_they_lie(tmp_path: Path) -> None:
    """In cargo's home, and vendored with and without versions in the folders' names."""
    toolchain = Toolchain(("cargo",), ("rustc",), "cargo 1", "rustc 1", "abc", tmp_path / "sysroot", False)
    registry, git = "registry+https://github.com/rust-lang/crates.io-index", "git+https://example.org/repo#0123"
    places = {
        "home/registry/src/index-0123/a-1.0.0": (registry, "/cargo/registry/a-1.0.0"),
        "work/vendor/a-1.0.0": (registry, "/cargo/registry/a-1.0.0"),
        "work/vendor/a": (registry, "/cargo/registry/a-1.0.0"),
        "home/git/checkouts/repo-0123/4567/a": (git, "/cargo/git/a-1.0.0"),
        "work/git/a-1.0.0": (git, "/cargo/git/a-1.0.0"),
        "elsewhere/a": (None, "/dependencies/a-1.0.0"),
        "work/a": (None, str(tmp_path / "work" / "a")),
    }
    for place, (source, expected) in places.items():
        manifest = tmp_path / place / "Cargo.toml"
        package = {"name": "a", "version": "1.0.0", "source": source, "manifest_path": str(manifest)}
        name = str(manifest.parent)
        for flag in dependency_flags(toolchain, [package], tmp_path / "work"):
            prefix, _, replacement = flag.removeprefix("--remap-path-prefix=").partition("=")
            if manifest.is_relative_to(prefix):
                name = replacement + str(manifest.parent).removeprefix(prefix)
        assert name == expected


@pytest.mark.parametrize(
    ("profile", "manifest", "config", "variables", "expected"),
    [
        ("release", "", "", {}, False),
        ("dev", "", "", {}, True),
        ("test", "", "", {}, True),
        ("bench", "", "", {}, False),
        ("dev", "[profile.dev]\ndebug = false\n", "", {}, False),
        ("dev", '[profile.dev]\ndebug = "none"\n', "", {}, False),
        ("test", "[profile.dev]\ndebug = 0\n", "", {}, False),
        ("release", '[profile.release]\ndebug = "line-tables-only"\n', "", {}, True),
        ("small", '[profile.small]\ninherits = "release"\n[profile.release]\ndebug = 1\n', "", {}, True),
        ("small", '[profile.small]\ninherits = "dev"\ndebug = 0\n', "", {}, False),
        ("small", '[profile.small]\ninherits = "small"\n', "", {}, False),
        ("release", "[profile.release.package.inner]\ndebug = true\n", "", {}, True),
        ("release", "", "[profile.release]\ndebug = true\n", {}, True),
        ("release", "[profile.release]\ndebug = true\n", "[profile.release]\ndebug = false\n", {}, False),
        ("release", "[profile.release]\ndebug = false\n", "", {"CARGO_PROFILE_RELEASE_DEBUG": "2"}, True),
        ("dev", "", "", {"CARGO_PROFILE_DEV_DEBUG": "false"}, False),
    ],
)
def test_which_profiles_have_debug_info(
    profile: str, manifest: str, config: str, variables: dict[str, str], expected: bool
) -> None:
    tables = CargoConfig((parse_toml(config),), variables)
    assert has_debug_info(profile, parse_toml(manifest), tables) is expected


def test_debug_info_names_no_folder_of_the_builder(tmp_path: Path) -> None:
    manifest = PLUGIN + "[profile.release]\ndebug = 1\n"
    link = tmp_path / "link"
    (tmp_path / "real").mkdir()
    link.symlink_to(tmp_path / "real", target_is_directory=True)
    content = build(plugin(link, manifest=manifest)).read_bytes()
    assert b".debug_info" in content
    assert b"src/lib.rs" in content
    assert str(tmp_path).encode() not in content


# The guest crate


USING = PLUGIN + '[dependencies]\nexternref-guest = "1"\n'


def test_the_guest_crate_is_supplied(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = """
    use externref_guest::{externref, Resource};
    pub struct Thing;
    #[externref]
    #[no_mangle]
    pub extern "C" fn run(thing: Resource<Thing>) -> Resource<Thing> { thing }
    """
    content = build(plugin(tmp_path, source, USING, offline="false")).read_bytes()
    assert b"__externrefs" in content
    assert str(tmp_path).encode() not in content
    lock = (tmp_path / "guest" / "Cargo.lock").read_text()
    assert f'name = "externref-guest"\nversion = "{sdk_version()}"\ndependencies' in lock
    capfd.readouterr()

    command = ["test", "--no-run", "--offline", "--locked", "--quiet"]
    assert cargo_passthrough(command, folder=tmp_path / "guest", environ=os.environ) == 0
    at_root = ["tree", "--offline", "--manifest-path", "guest/Cargo.toml"]
    assert cargo_passthrough(at_root, folder=tmp_path, environ=os.environ) == 0
    assert f"externref-guest v{sdk_version()} ({tmp_path}/guest/.externref-build/" in capfd.readouterr().out


def test_commands_that_are_programs_find_the_guest_crate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, manifest=USING)
    program = tmp_path / "bin" / "cargo-clippy"
    write(tmp_path, {"bin/cargo-clippy": '#!/bin/sh\nshift\nexec "$CARGO" rustc "$@"\n'})
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    command = ["clippy", "--lib", "--", "-D", "warnings"]
    assert cargo_passthrough(command, folder=tmp_path / "guest", environ=os.environ) == 0
    command[-2:] = ["--no-such-option"]
    assert cargo_passthrough(["--quiet", *command], folder=tmp_path / "guest", environ=os.environ) == 101


def test_cargo_keeps_its_exit_status(tmp_path: Path) -> None:
    plugin(tmp_path, "broken")
    assert cargo_passthrough(["check", "--offline"], folder=tmp_path / "guest", environ=os.environ) == 101
    assert cargo_passthrough(["nonsense"], folder=tmp_path, environ=os.environ) == 101


def test_a_guest_without_the_crate_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build(plugin(tmp_path))
    assert cargo_passthrough(["check", "--offline"], folder=tmp_path / "guest", environ=os.environ) == 0
    assert "patch" not in capfd.readouterr().err
    assert "patch" not in (tmp_path / "guest" / "Cargo.lock").read_text()
    assert not (tmp_path / "guest" / ".externref-build").exists()


@pytest.mark.parametrize(
    ("lock", "found"),
    [
        ("version = 4\n", "does not record externref-guest"),
        ('version = 4\n[[package]]\nname = "externref-guest"\nversion = "0.9.9"\n', "records externref-guest 0.9.9"),
    ],
)
def test_a_lock_file_that_does_not_fit(tmp_path: Path, lock: str, found: str) -> None:
    module = plugin(tmp_path, manifest=USING, locked="true")
    write(tmp_path, {"guest/Cargo.lock": lock})
    said = refused(module, GuestBuildError)
    assert f"the lock file {found}, and locked forbids to write it, expected externref-guest {sdk_version()}" in said
    assert str(tmp_path / "guest" / "Cargo.lock") in said
    assert "externref-build cargo update --workspace" in said
    assert cargo_passthrough(["update", "--workspace"], folder=tmp_path / "guest", environ=os.environ) == 0
    recorded = f'name = "externref-guest"\nversion = "{sdk_version()}"\n'
    assert recorded in (tmp_path / "guest" / "Cargo.lock").read_text()


@pytest.mark.parametrize("manifest", [PLUGIN, USING])
def test_a_lock_file_that_is_not_there(tmp_path: Path, manifest: str) -> None:
    module = plugin(tmp_path, manifest=manifest, frozen="true")
    said = refused(module, GuestBuildError)
    assert "there is no lock file, and frozen forbids to write it" in said
    assert f"--> {tmp_path / 'guest' / 'Cargo.lock'}" in said
    assert said.endswith("\n  externref-build cargo generate-lockfile")
    assert cargo_passthrough(["generate-lockfile"], folder=tmp_path / "guest", environ=os.environ) == 0
    build_guest(replace(module, frozen=False, locked=True), environ=os.environ)


def test_the_copy_of_the_crate(tmp_path: Path) -> None:
    copy = provide_sdk(tmp_path)
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*")}
    assert {"Cargo.toml", "src/lib.rs", "macro/Cargo.toml", "macro/src/lib.rs"} <= names
    assert not {name for name in names if "target" in name or name.startswith("tests")}
    assert (copy.parent / ".gitignore").read_text() == "*\n"
    before = (copy / "Cargo.toml").stat()
    assert provide_sdk(tmp_path) == copy
    assert (copy / "Cargo.toml").stat() == before


def test_a_damaged_copy_is_replaced(tmp_path: Path) -> None:
    copy = provide_sdk(tmp_path)
    whole = (copy / "src" / "lib.rs").read_bytes()
    (copy / "src" / "lib.rs").write_bytes(b"")
    (copy / "src" / "extra.rs").write_bytes(b"")
    assert provide_sdk(tmp_path) == copy
    assert (copy / "src" / "lib.rs").read_bytes() == whole
    assert not (copy / "src" / "extra.rs").exists()
    assert (copy.parent / SDK_CRATE).readlink() == Path(copy.name), "editors find it under a name that stays"
    assert sorted(path.name for path in copy.parent.iterdir()) == [".gitignore", "copying", SDK_CRATE, copy.name]


def test_builds_at_once_make_one_copy(tmp_path: Path) -> None:
    def provide(_: int) -> tuple[Path, int]:
        copy = provide_sdk(tmp_path)
        return copy, copy.stat().st_ino

    with ThreadPoolExecutor(8) as pool:
        ((copy, _),) = set(pool.map(provide, range(40)))
    assert sorted(path.name for path in copy.parent.iterdir()) == [".gitignore", "copying", SDK_CRATE, copy.name]


def test_a_workspace_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / ".externref-build").write_text("in the way")
    with pytest.raises(
        OutputError, match=r"the build.s own folder .externref-build cannot be made: File exists"
    ) as caught:
        provide_sdk(tmp_path)
    assert str(tmp_path / ".externref-build") in str(caught.value)


# What is read without cargo


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        (PLUGIN, "my_plugin"),
        (PLUGIN.replace("[lib]", '[lib]\nname = "other"'), "other"),
        (COMMAND, "my-plugin"),
        (COMMAND + '[[bin]]\nname = "tool"\n', "tool"),
        (COMMAND.replace("[package]", '[package]\ndefault-run = "chosen"'), "chosen"),
    ],
)
def test_the_default_name(tmp_path: Path, manifest: str, name: str) -> None:
    write(tmp_path, {"Cargo.toml": manifest})
    assert default_name(tmp_path / "Cargo.toml") == name


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("[workspace]\n", "the Cargo.toml of a workspace, expected that of a package"),
        ("[package\n", "Cargo.toml is not valid TOML"),
    ],
)
def test_no_default_name(tmp_path: Path, manifest: str, words: str) -> None:
    write(tmp_path, {"Cargo.toml": manifest})
    with pytest.raises(ConfigError, match=words):
        default_name(tmp_path / "Cargo.toml")


def test_the_sources_of_a_guest(tmp_path: Path) -> None:
    write(
        tmp_path / "project",
        {
            ".cargo/config.toml": '[source.vendored]\ndirectory = "vendor"\n',
            "vendor/memchr/.cargo-checksum.json": "{}",
            "vendor/memchr/target/x": "",
            "pyproject.toml": "",
            "README.md": "",
            "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nexclude = ["crates/not"]\n'
            '[workspace.dependencies]\nshared = { path = "shared" }\n',
            "Cargo.lock": "",
            "rust-toolchain.toml": "",
            "crates/a/Cargo.toml": COMMAND
            + '[dependencies]\nfar = { path = "../../../far" }\n'
            + "[target.'cfg(unix)'.build-dependencies]\nnear = { path = \"../../near\" }\n",
            "crates/a/build.rs": "",
            "crates/a/src/lib.rs": "",
            "crates/a/src/words.txt": "",
            "crates/a/.secret": "",
            "crates/a/target/x.rs": "",
            "crates/a/.externref-build/x.rs": "",
            "crates/a/cache/CACHEDIR.TAG": "",
            "crates/b/Cargo.toml": COMMAND,
            "crates/b/src/lib.rs": "",
            "crates/not/Cargo.toml": COMMAND,
            "near/Cargo.toml": COMMAND,
            "near/lib.rs": "",
            "shared/Cargo.toml": COMMAND,
            "other/Cargo.toml": COMMAND,
        },
    )
    sources = guest_sources(tmp_path / "project" / "crates" / "a" / "Cargo.toml", tmp_path / "project")
    assert [path.relative_to(tmp_path / "project").as_posix() for path in sources.files] == [
        ".cargo/config.toml",
        "Cargo.lock",
        "Cargo.toml",
        "crates/a/Cargo.toml",
        "crates/a/build.rs",
        "crates/a/src/lib.rs",
        "crates/a/src/words.txt",
        "crates/b/Cargo.toml",
        "crates/b/src/lib.rs",
        "near/Cargo.toml",
        "near/lib.rs",
        "rust-toolchain.toml",
        "shared/Cargo.toml",
        "vendor/memchr/.cargo-checksum.json",
        "vendor/memchr/target/x",
    ]
    assert sources.outside == (tmp_path / "far",)


def test_a_guest_that_shares_the_folder_of_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.toml": PLUGIN, "src/lib.rs": "", "pyproject.toml": "", "docs/index.md": "", "build.rs": ""})
    found = guest_sources(tmp_path / "Cargo.toml", tmp_path).files
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["Cargo.toml", "build.rs", "src/lib.rs"]
