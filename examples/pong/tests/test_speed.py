"""Frames per second and the cost of the border, against the game written by hand. Figures are shown, not judged."""

from __future__ import annotations

from playwright.sync_api import Playwright

from tests.conftest import launch, opened
from tests.test_page import LANGUAGES

ROUNDS = 5
SMALL = (320, 200)
"""Pixels: in software, drawing more would hide what the languages cost."""

HEAD = [
    "| | frames per second | of those by hand | calls of the host a frame | µs a frame, undrawn | more than by hand |",
    "|---|---|---|---|---|---|",
]

COUNT_CALLS = """
    window.calls = 0;
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = (module, imports) => {
      const counted = (host) => (...values) => (window.calls++, host(...values));
      const all = Object.entries(imports).map(([name, functions]) => [
        name, Object.fromEntries(Object.entries(functions).map(([name, host]) => [name, counted(host)])),
      ]);
      return instantiate(module, Object.fromEntries(all));
    };
"""

CALLS_OF_A_FRAME = """async () => {
    const { game } = await import("/main.js");
    game.update(1 / 60);
    const before = calls;
    game.update(1 / 60);
    game.render();
    return calls - before;
}"""

FRAMES_PER_SECOND = """() => new Promise((resolve) => {
    let frames = 0, begin;
    const frame = (now) => {
      begin ??= now;
      if (now - begin >= 1500) resolve(frames * 1000 / (now - begin));
      else frames++, requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
})"""

MICROSECONDS_OF_AN_UPDATE = """async () => {
    const { game } = await import("/main.js");
    const begin = performance.now();
    for (let frame = 0; frame < 20000; frame++) game.update(1 / 60);
    return (performance.now() - begin) / 20;
}"""


def test_speed(playwright: Playwright, address: str, report: list[str]) -> None:
    calls: dict[str, int] = {}
    frames: dict[str, list[float]] = {language: [] for language in LANGUAGES}
    updates: dict[str, list[float]] = {language: [] for language in LANGUAGES}
    with launch(playwright) as browser:
        for language in LANGUAGES:
            with opened(browser, f"{address}?guest={language}", COUNT_CALLS, stopped=True) as page:
                calls[language] = page.evaluate(CALLS_OF_A_FRAME)
        for first in range(ROUNDS):
            for language in (LANGUAGES * 2)[first % len(LANGUAGES) :][: len(LANGUAGES)]:
                with opened(browser, f"{address}?guest={language}", size=SMALL) as page:
                    page.evaluate(MICROSECONDS_OF_AN_UPDATE)
                    frames[language].append(page.evaluate(FRAMES_PER_SECOND))
                    updates[language].append(page.evaluate(MICROSECONDS_OF_AN_UPDATE))
    by_hand, by_hand_update = max(frames["javascript"]), min(updates["javascript"])
    report += HEAD
    for language in LANGUAGES:
        rate, update = max(frames[language]), min(updates[language])
        report.append(
            f"| {language} | {rate:.1f} | {rate / by_hand:.2f} | {calls[language]} | {update:.2f} | "
            f"{update - by_hand_update:+.2f} |"
        )
    assert calls["javascript"] == 0
    assert all(calls[language] > 15 for language in LANGUAGES if language != "javascript")
