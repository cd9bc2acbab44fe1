"""The examples of the guide to hosts in JavaScript, run as they are written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import find_chromium, quiet_page, running, served
from javascript_hosts import run, type_errors, write_bindings

from externref_build.config import load_config
from externref_build.processor import Processor

if TYPE_CHECKING:
    from conftest import CompileGuest

GUIDE = (Path(__file__).parent.parent / "docs" / "bindings-javascript.md").read_text(encoding="utf-8")
MANIFEST = """
[package]
name = "words"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
externref-guest = { version = "1", features = ["std"] }
"""

pytestmark = pytest.mark.once


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def words(compile_guest: CompileGuest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the plugin of the guide and its bindings."""
    [guest] = blocks("rust")
    module = compile_guest({"Cargo.toml": MANIFEST, "src/lib.rs": guest})
    folder = tmp_path_factory.mktemp("words")
    write_bindings(folder, Processor().process(module.read_bytes()), "words")
    return folder


@pytest.mark.parametrize("number", range(len(blocks("js"))))
def test_examples_print_what_their_comments_say(words: Path, tmp_path: Path, number: int) -> None:
    shutil.copytree(words, tmp_path, dirs_exist_ok=True)
    (tmp_path / "main.js").write_text(blocks("js")[number], encoding="utf-8")
    printed = run(["node", "main.js"], tmp_path).splitlines()
    assert printed == re.findall(r"// (.+)$", blocks("js")[number], re.MULTILINE)
    assert printed


def test_the_page_works(words: Path, test_cache: Path, tmp_path: Path) -> None:
    shutil.copytree(words, tmp_path, dirs_exist_ok=True)
    [page_text] = blocks("html")
    (tmp_path / "index.html").write_text(page_text, encoding="utf-8")
    with (
        running(find_chromium(test_cache)) as chromium,
        served(tmp_path) as address,
        quiet_page(chromium) as page,
    ):
        page.goto(address)
        page.wait_for_function("document.querySelector('output').value !== ''", timeout=60_000)
        assert page.evaluate("document.querySelector('output').value") == "1"


def test_typescript_sees_the_errors_and_no_others(words: Path, test_cache: Path, tmp_path: Path) -> None:
    shutil.copytree(words, tmp_path, dirs_exist_ok=True)
    [program] = [block for block in blocks("ts") if block.startswith("import")]
    expected = [number for number, line in enumerate(program.splitlines(), 1) if line.endswith("// error")]
    found = type_errors(test_cache, tmp_path, program)
    assert [int(error.split(":")[1]) for error in found] == expected
    assert expected


def test_the_configuration_is_one(tmp_path: Path) -> None:
    [table] = blocks("toml")
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    [module] = load_config(tmp_path, environ={}).modules
    assert module.typescript_types == (("Note", "./notes.js:Note"),)
