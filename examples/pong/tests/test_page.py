"""The game as its players see it, in each language."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from functools import reduce
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, expect

from tests.conftest import OpenPage

REFERENCES = Path(__file__).resolve().parent / "reference"
GUESTS = ("cpp", "rust")
LANGUAGES = (*GUESTS, "javascript")

LARGEST = 100_000
"""Bytes of a picture in the repository."""
VISIBLE = 48
"""Difference of a pixel, of 255, that an eye sees at once."""
TOLERATED = 0.0005
"""Part of the pixels that may differ so: edges fall differently with another version of the browser."""

SCRIPT = """async ([seconds, keys]) => {
    const { game } = await import("/main.js");
    const seen = [];
    for (let frame = 0; frame < seconds * 60; frame++) {
      for (const [at, code, pressed] of keys) if (at === frame) game.key(code, pressed);
      game.update(1 / 60);
      seen.push(["ball", "left", "right"].map(place));
    }
    game.render();
    return seen;
}"""

Keys = list[tuple[int, str, bool]]

KEYS = [("w", "left", 1), ("s", "left", -1), ("ArrowDown", "right", -1), ("ArrowUp", "right", 1)]
"""Keys, the paddle that each moves, and the way."""

SCENES: dict[str, tuple[float, Keys]] = {
    "start": (0.1, []),
    "rally": (3.6, [(100, "KeyS", True), (104, "KeyS", False)]),
    "point": (6.5, [(30, "KeyW", True)]),
}
"""What the pictures show: how long to play, and which keys to press and release in which frame."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ball_moves_by_itself(open_page: OpenPage, language: str) -> None:
    with open_page(language) as page:
        wait_until(page, "place('ball')[0] > 0.5")
        before = page.evaluate("place('ball')[0]")
        wait_until(page, f"place('ball')[0] !== {before}")
        expect(page.locator("#score")).to_have_text("0 : 0")
        expect(page.locator("nav a[aria-current]")).to_have_attribute("href", f"?guest={language}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_paddles_obey_their_keys(open_page: OpenPage, language: str) -> None:
    with open_page(language) as page:
        for key, name, sign in KEYS:
            page.keyboard.down(key)
            wait_until(page, f"place('{name}')[1] * {sign} > 1")
            page.keyboard.up(key)
        page.keyboard.press("a")


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_misses_gives_a_point_away(open_page: OpenPage, language: str) -> None:
    with open_page(language, stopped=True) as page:
        play(page, 20, [(0, "KeyW", True)])
        left, right = page.locator("#score").inner_text().split(" : ")
        assert int(right) > int(left) >= 0


def test_the_game_is_the_same_in_every_language(open_page: OpenPage) -> None:
    keys = [(frame, key, frame % 50 == 0) for frame in range(0, 1800, 25) for key in ("KeyW", "ArrowDown")]
    played = {}
    for language in LANGUAGES:
        with open_page(language, stopped=True) as page:
            played[language] = play(page, 30, keys), page.locator("#score").inner_text()
    assert all(game == played["javascript"] for game in played.values())
    assert played["javascript"][1] != "0 : 0"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES)
def test_it_looks_as_it_should(
    open_page: OpenPage, language: str, scene: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    picture, reference = tmp_path / f"{language}-{scene}.png", REFERENCES / f"{scene}.png"
    with open_page(language, stopped=True) as page:
        play(page, *SCENES[scene])
        page.screenshot(path=picture)
        texts = [page.locator(name).bounding_box() for name in ("#score", "footer")]
    if request.config.getoption("--update-references") and language == GUESTS[0]:
        reference.write_bytes(picture.read_bytes())
    assert reference.stat().st_size < LARGEST

    difference = ImageChops.difference(Image.open(picture).convert("RGB"), Image.open(reference).convert("RGB"))
    for box in texts:  # fonts are the system's, and what they say is tested above
        assert box is not None
        left, top = int(box["x"]), int(box["y"])
        difference.paste((0, 0, 0), (left, top, left + int(box["width"]) + 1, top + int(box["height"]) + 1))
    channels = difference.split()
    strongest = reduce(ImageChops.lighter, channels).histogram()
    differing = sum(strongest[VISIBLE:]) / sum(strongest)
    assert differing < TOLERATED, f"{picture} differs from {reference} in {differing:.2%} of its pixels"


def test_a_game_that_does_not_start_says_why(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.route("**/*.wasm", lambda route: route.abort())
    page.goto(address)
    expect(page.locator("#error")).to_contain_text("The game does not start: ")
    page.close()


def test_files_have_the_types_that_browsers_insist_on(address: str) -> None:
    types = {"": "text/html", "main.js": "text/javascript", "pong_cpp.wasm": "application/wasm"}
    for name, expected in types.items():
        with urllib.request.urlopen(address + name) as response:
            assert response.headers.get_content_type() == expected


def test_only_the_page_is_served(address: str) -> None:
    for path in ("../cli.py", "%2e%2e/cli.py", "/etc/passwd"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + path)


def wait_until(page: Page, condition: str) -> None:
    """Wait until a condition in JavaScript holds; the page's security policy keeps Playwright from doing so itself."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"{condition} did not come true"
        page.wait_for_timeout(10)


def play(page: Page, seconds: float, keys: Keys) -> list[list[list[float]]]:
    """Play for some seconds, 60 frames each; return where ball, left and right paddle were in each frame."""
    seen: list[list[list[float]]] = page.evaluate(SCRIPT, [seconds, keys])
    return seen
