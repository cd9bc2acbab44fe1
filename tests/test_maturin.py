"""Projects that have a native extension and a guest, built with maturin by the real pip and build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from projects import MATURIN, WITHOUT_CARGO, Front, has_sbom, is_processed, sdist_files, wheel_files, write

pytestmark = pytest.mark.once

_TABLES, _, _INCLUDE = MATURIN["pyproject.toml"].partition("include = [\n")
PYPROJECT = _TABLES
INCLUDE = f"include = [\n{_INCLUDE}"
MODULES = _INCLUDE.partition("\n")[0] + "\n"
NATIVE = MATURIN["Cargo.toml"]

GUEST_FILES = {"guest/Cargo.toml", "guest/Cargo.lock", "guest/src/lib.rs", "guest/build.rs"}


@pytest.fixture(scope="module")
def environ(pip_environment: dict[str, str], test_cache: Path) -> dict[str, str]:
    """What each environment compiles for its own Python would be compiled anew each time."""
    return {
        **pip_environment,
        "CARGO_TARGET_DIR": str(test_cache / "maturin-target"),
        "MATURIN_PEP517_USE_BASE_PYTHON": "1",
    }


@pytest.fixture
def front(builder: Path, environ: dict[str, str], tmp_path: Path) -> Front:
    front = Front(builder, environ, write(tmp_path / "project", MATURIN), "maturin")
    for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
        subprocess.run(command, cwd=front.folder, check=True)
    return front


def test_a_pyo3_extension_and_a_guest(tmp_path: Path, environ: dict[str, str], builder: Path) -> None:
    """Isolated: the wheel from the tree, and that from the source distribution, which is installed and run."""
    dependency = '[lib]\nname = "_native"\ncrate-type = ["cdylib"]\n[dependencies]\n'
    dependency += 'pyo3 = { version = "0.27", features = ["extension-module", "abi3-py310"] }\n'
    extension = "#[pyo3::pymodule]\nmod _native {\n    #[pyo3::pyfunction]\n    fn answer() -> u32 { 42 }\n}\n"
    tree = write(
        tmp_path / "tree",
        {
            **{name: text for name, text in MATURIN.items() if name != "src/main.rs"},
            "pyproject.toml": (PYPROJECT + INCLUDE).replace('bindings = "bin"', 'bindings = "pyo3"'),
            "Cargo.toml": NATIVE + dependency,
            "src/lib.rs": extension,
        },
    )
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(tree)]
    subprocess.run(pip, check=True, env=environ)
    [from_tree] = tmp_path.glob("plugin-1.0-cp310-abi3-*.whl")
    files = wheel_files(from_tree)
    assert is_processed(files["plugin/plugin.wasm"])
    assert has_sbom(files, "plugin/plugin.wasm")
    assert "plugin/_native.abi3.so" in files

    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist"), str(tree)]
    subprocess.run(build, check=True, env=environ)
    sdist = sdist_files(tmp_path / "dist" / "plugin-1.0.tar.gz")
    assert {name for name in sdist if name.startswith("guest/")} == GUEST_FILES
    assert "src/lib.rs" in sdist
    assert not [name for name in sdist if name.endswith((".wasm", ".so"))]
    from_sdist = tmp_path / "dist" / from_tree.name
    assert wheel_files(from_sdist)["plugin/plugin.wasm"] == files["plugin/plugin.wasm"]

    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(from_sdist)]
    subprocess.run([str(builder), *install], check=True, env=environ)
    use = "import importlib.resources, plugin._native as native; "
    use += "module = importlib.resources.files('plugin') / 'plugin.wasm'; print(native.answer(), module.is_file())"
    used = subprocess.run([str(builder), "-c", use], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert used.stdout.split() == ["42", "True"]


def test_an_editable_installation(front: Front) -> None:
    """The module lies in place; when it is renamed, the former one goes; the source distribution stays the same."""
    before = front.hook("build_sdist", {})[0].read_bytes()
    told = front.run("-m", "pip", "install", "--no-build-isolation", "--no-deps", "-e", ".")
    assert told.returncode == 0, told.stdout + told.stderr
    in_place = front.folder / "python" / "plugin" / "plugin.wasm"
    read = "import importlib.resources, sys; path = importlib.resources.files('plugin') / 'plugin.wasm'; "
    read += "sys.stdout.buffer.write(path.read_bytes())"
    seen = subprocess.run([str(front.python), "-c", read], cwd=front.folder.parent, check=True, capture_output=True)
    assert is_processed(seen.stdout)
    assert front.hook("build_sdist", {})[0].read_bytes() == before

    pyproject = PYPROJECT.replace("offline = true", 'offline = true\nname = "renamed"')
    write(front.folder, {"pyproject.toml": pyproject + INCLUDE.replace("plugin.wasm", "*.wasm"), ".gitignore": ""})
    files, _ = front.wheel()
    assert [name for name in files if name.endswith(".wasm")] == ["plugin/renamed.wasm"]
    assert not in_place.exists()


def test_a_source_distribution_holds_nothing_built(front: Front) -> None:
    """Even where the project includes all that lies in the guest's folder, and git ignores nothing."""
    everything = 'include = ["guest/**/*", "python/**/*", "guest/.externref-build/**/*"]\n'
    write(front.folder, {"pyproject.toml": PYPROJECT + everything, ".gitignore": "/out\n/built\n"})
    before = front.sdist()
    assert before.keys() >= {*GUEST_FILES, "python/plugin/__init__.py"}
    stale = {
        "python/plugin/plugin.wasm": "stale",
        "guest/.externref-build/copy/lib.rs": "",
        "guest/target/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55",
        "guest/target/built": "",
    }
    write(front.folder, stale)
    assert front.sdist() == before


def test_config_settings(front: Front) -> None:
    _, told = front.wheel({"externref.profile": "dev"}, {"EXTERNREF_PROFILE": "release"})
    assert "guest plugin for wasm32-unknown-unknown (dev)" in told
    for hook in ("build_wheel", "build_editable", "build_sdist", "prepare_metadata_for_build_wheel"):
        assert "unknown key profil, did you mean profile?" in front.refused(hook, {"externref.profil": "dev"})


def test_all_hooks_of_maturin(front: Front) -> None:
    """What maturin itself answers reaches the front end of the build."""
    write(front.folder, {"pyproject.toml": PYPROJECT.replace('"bin"', '"cffi"')})
    assert [front.requires(kind) for kind in ("wheel", "editable", "sdist")] == [["cffi"], ["cffi"], []]
    write(front.folder, MATURIN)
    for kind in ("wheel", "editable"):
        folder, _ = front.hook(f"prepare_metadata_for_build_{kind}", {})
        assert "Name: plugin\n" in (folder / "METADATA").read_text()


def test_bills_are_added_to_those_of_maturin(front: Front) -> None:
    """Options of maturin that come with the settings, or from the environment, stay."""
    write(front.folder, {"own.json": "{}"})
    for settings, environ in (
        ({"build-args": "--sbom-include own.json"}, {}),
        ({}, {"MATURIN_PEP517_ARGS": "--sbom-include own.json"}),
    ):
        files, _ = front.wheel(settings, environ)
        assert has_sbom(files, "plugin/plugin.wasm")
        assert files["plugin-1.0.dist-info/sboms/own.json"] == b"{}"


def test_skipping_uses_the_module_in_place(front: Front) -> None:
    write(front.folder, {"python/plugin/plugin.wasm": "built elsewhere"})
    files, _ = front.wheel(environ={"EXTERNREF_SKIP": "1"})
    assert files["plugin/plugin.wasm"] == b"built elsewhere"


# Faults


def test_what_maturin_leaves_out(front: Front) -> None:
    """The error prints the lines that mend it, and nothing incomplete is handed over."""
    write(front.folder, {"pyproject.toml": PYPROJECT})
    said = front.refused("build_sdist")
    assert "error: maturin has left guest/Cargo.lock, guest/Cargo.toml, guest/build.rs, guest/src/lib.rs out of" in said
    printed = "".join(f"  {line}\n" for line in f"[tool.maturin]\n{INCLUDE}".splitlines())
    assert printed in said
    said = front.refused("build_wheel")
    assert "error: maturin has left plugin/plugin.wasm out of the wheel" in said
    assert MODULES in said
    assert not list((front.folder / "out").iterdir())


def test_a_guest_in_the_workspace_of_the_extension(front: Front) -> None:
    """A source distribution by maturin has no workspace with a guest in it."""
    write(front.folder, {"Cargo.toml": NATIVE + '[workspace]\nmembers = ["guest"]\n'})
    said = front.refused("build_sdist")
    assert "error: maturin has changed Cargo.toml in the source distribution" in said
    assert '[workspace]\n  exclude = ["guest"]' in said
    write(front.folder, {"Cargo.toml": NATIVE + '[workspace]\nexclude = ["guest"]\n'})
    assert front.sdist().keys() >= GUEST_FILES


def test_without_cargo(front: Front) -> None:
    assert "error: cargo is not found" in front.refused(environ=WITHOUT_CARGO)
