"""What the tests play with: the project's wheel in a fresh environment, its server, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRAW_IN_SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
REPORT = pytest.StashKey[list[str]]()

OBSERVE = """
    window.scenes = [];
    window.__THREE_DEVTOOLS__ = new EventTarget();
    window.__THREE_DEVTOOLS__.addEventListener("observe", ({ detail }) => {
      if (detail.isScene) window.scenes.push(detail);
    });
    window.place = (name) => window.scenes[0]?.getObjectByName(name)?.position.toArray();
"""
"""Look at the scene as the developer tools of three.js do: the game has no hooks for tests."""

OpenPage = Callable[..., AbstractContextManager[Page]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-references", action="store_true", help="replace the pictures to compare with")
    parser.addoption("--report", type=Path, help="a file that receives the figures of the speed test")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = config.stash[REPORT]
    if lines:
        terminalreporter.section("speed")
        terminalreporter.write_line("\n".join(lines))
        if path := config.getoption("--report"):
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines to show at the end, and to keep where ``--report`` says."""
    return request.config.stash[REPORT]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that ``pip wheel`` makes of the project, with the externref-build that tox has built."""
    folder = tmp_path_factory.mktemp("wheel")
    built = os.environ.get("TOX_PACKAGE")
    if built is None:
        pytest.fail("no wheel of externref-build; start the tests with: tox -e pong", pytrace=False)
    links = " ".join(filter(None, [os.environ.get("PIP_FIND_LINKS"), str(Path(built).parent)]))
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    environment = {**os.environ, "PIP_FIND_LINKS": links, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, check=True, env=environment)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script, in a fresh environment with that wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(folder)], check=True)
    bin_ = folder / ("Scripts" if os.name == "nt" else "bin")
    install = [str(bin_ / "python"), "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
    subprocess.run(install, check=True)
    return bin_ / "externref-pong"


@pytest.fixture(scope="session")
def address(program: Path) -> Iterator[str]:
    """Where the console script serves the page."""
    command = [str(program), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        yield next(word.rstrip(",") for word in line.split() if word.startswith("http"))
        server.terminate()


def find_browser() -> str:
    """Return the path of a Chromium; fail with what to do if there is none."""
    chosen = os.environ.get("EXTERNREF_CHROMIUM")
    found = next(filter(None, map(shutil.which, [chosen] if chosen else BROWSERS)), None)
    if found is None:
        looked_for = chosen or ", ".join(BROWSERS)
        pytest.fail(
            f"there is no Chromium (looked for {looked_for}); install Debian's: apt-get install chromium, "
            "or name another one with the variable EXTERNREF_CHROMIUM",
            pytrace=False,
        )
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@contextmanager
def launch(playwright: Playwright) -> Iterator[Browser]:
    """Run a headless browser that draws without a graphics card."""
    flags = ["--no-sandbox", *DRAW_IN_SOFTWARE]
    browser = playwright.chromium.launch(executable_path=find_browser(), args=flags)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launch(playwright) as running:
        yield running


@contextmanager
def opened(
    browser: Browser, url: str, script: str = OBSERVE, *, stopped: bool = False, size: tuple[int, int] = (800, 500)
) -> Iterator[Page]:
    """Open the game; fail if the page complains. ``stopped``: no time passes but what the test lets pass."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    page.add_init_script(script)
    if stopped:
        page.clock.install(time=0)
        page.clock.pause_at(1)
    try:
        page.goto(url)
        page.locator("canvas").wait_for(state="attached")
        yield page
        assert complaints == []
    finally:
        page.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> OpenPage:
    """Function that opens the game in a language; see :func:`opened`."""
    return lambda language, **options: opened(browser, f"{address}?guest={language}", **options)
