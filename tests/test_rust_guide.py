"""The guest of the guide to guests in Rust, as it is written: its own tests, and the module with a host."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import write_files
from wire_host import CallError, Host

from externref_build.bindings.reading import read_model
from externref_build.guests.sdk import sdk_patch_arguments, sdk_path
from externref_build.processor import Processor

if TYPE_CHECKING:
    from conftest import CompileGuest

GUIDE = (Path(__file__).parent.parent / "docs" / "rust-guests.md").read_text(encoding="utf-8")
PACKAGE = '[package]\nname = "mail"\nversion = "0.1.0"\nedition = "2024"\n\n'

pytestmark = pytest.mark.once


def guest() -> dict[str, str]:
    """The package, whose compiler takes no warnings."""
    blocks = {
        language: re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
        for language in ("toml", "rust")
    }
    [manifest] = blocks["toml"]
    return {
        "Cargo.toml": PACKAGE + manifest + "\n[lints.rust]\nwarnings = 'deny'\n",
        "src/lib.rs": "\n".join(blocks["rust"]),
    }


def test_its_tests_pass_without_a_host(toolchain: None, test_cache: Path, tmp_path: Path) -> None:
    write_files(tmp_path, guest())
    done = subprocess.run(
        ["cargo", "test", *sdk_patch_arguments(sdk_path())],
        cwd=tmp_path,
        env={**os.environ, "CARGO_TARGET_DIR": str(test_cache / "sdk-target")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "messages_without_a_folder_are_kept ... ok" in done.stdout


def test_the_module_works_with_a_host(compile_guest: CompileGuest) -> None:
    module = Processor().process(compile_guest(guest()).read_bytes())
    assert read_model(module).resources == ("Button", "Folder", "Message", "Widget")

    def file(message: str, folder: str) -> None:
        if folder == "full":
            raise CallError("the folder is full")
        filed.append((message, folder))

    filed: list[tuple[str, str]] = []
    folders = {"ann": "friends", "bo": "full"}
    imports: dict[str, Callable[..., Any]] = {
        "mail.sender": lambda message: message.split()[0],
        "mail.folder": folders.get,
        "mail.file": file,
        "client.[constructor]Button": list,
        "client.[set]Widget.title": lambda widget, title: widget.append(title),
        "client.[method]Button.setEnabled": lambda button, yes: button.append(yes),
        "client.[get]Button.width": lambda button: float(len(button)),
    }
    host = Host(module, imports)
    assert [host.call("sort", message) for message in ("ann 1", "cy 2", "cy 3")] == [True, False, False]
    with pytest.raises(CallError, match=r"^the folder is full$"):
        host.call("sort", "bo 4")
    assert [host.call("unsorted") for _ in range(3)] == ["cy 3", "cy 2", None]
    assert filed == [("ann 1", "friends")]
    assert host.call("draw", "ok") == 4.0
    assert host.held() == []
