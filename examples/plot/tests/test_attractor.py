"""The plot as its users get it: the wheel in a fresh environment, its command, and what the guest can reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

PROJECT = Path(__file__).resolve().parent.parent
REFERENCE = Path(__file__).resolve().parent / "reference.png"
"""In few colours, so that it is small."""

TOLERATED = 0.02
"""Part of the pixels that may differ visibly: versions of matplotlib place texts and edges differently."""

DRAW = """
import json
from matplotlib.figure import Figure
from attractor.drawing import draw

axes = Figure().add_subplot()
draw(axes, 400)
print(json.dumps([[list(line.get_xdata()), list(line.get_ydata())] for line in axes.lines]))
"""
REACH = """
from attractor.drawing import ALLOWED
from attractor.lorenz_host import Lorenz

for allowed, argument in [({"Axes": ALLOWED["Axes"]}, None), (ALLOWED, "no axes")]:
    try:
        with Lorenz.load(allowed) as guest:
            guest.draw(argument, 1)
    except TypeError as error:
        print(error)
"""

Point = tuple[float, float, float]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment that has the project's wheel."""
    built = os.environ.get("TOX_PACKAGE")
    if built is None:
        pytest.fail("no wheel of externref-build; start the tests with: tox -e examples", pytrace=False)
    links = " ".join(filter(None, [os.environ.get("PIP_FIND_LINKS"), str(Path(built).parent)]))
    environment = {**os.environ, "PIP_FIND_LINKS": links, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(folder)], check=True)
    bin_ = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([bin_ / "python", "-m", "pip", "install", "--quiet", PROJECT], check=True, env=environment)
    return bin_


def run(*command: Path | str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_the_command_draws_the_attractor(programs: Path, tmp_path: Path) -> None:
    picture = tmp_path / "lorenz.png"
    run(programs / "externref-plot", picture)
    drawn, reference = Image.open(picture).convert("RGB"), Image.open(REFERENCE).convert("RGB")
    assert drawn.size == reference.size
    histogram = ImageChops.difference(drawn, reference).convert("L").histogram()
    differing = sum(histogram[64:]) / sum(histogram)
    assert differing < TOLERATED, f"{picture} differs from {REFERENCE} in {differing:.2%} of its pixels"
    assert REFERENCE.stat().st_size < 100_000


def test_the_guest_draws_what_it_computes(programs: Path) -> None:
    drawn = json.loads(run(programs / "python", "-c", DRAW).stdout)
    assert drawn == [path(20, 400), path(20.001, 400)]


def test_what_is_not_allowed_is_out_of_reach(programs: Path) -> None:
    missing, alien = run(programs / "python", "-c", REACH).stdout.splitlines()
    assert missing == "`client` lacks Series, which the plugin uses"
    assert alien.startswith("draw: axes is 'no axes', expected ")


def test_a_picture_that_cannot_be_written_is_an_error(programs: Path, tmp_path: Path) -> None:
    for name, words in [("lorenz.foo", "Format 'foo' is not supported"), ("none/lorenz.png", "No such file")]:
        said = run(programs / "externref-plot", tmp_path / name, status=1).stderr
        assert said.startswith(f"error: {tmp_path / name} cannot be drawn: ")
        assert words in said


def path(z: float, steps: int) -> list[list[float]]:
    """Compute a path as the guest should: by the method of Runge and Kutta, in the same order of operations."""
    at: Point = (1, 1, z)
    xs, zs = [], []
    for _ in range(steps):
        xs.append(at[0])
        zs.append(at[2])
        first = velocity(at)
        second = velocity(plus(at, first, 0.005 / 2))
        third = velocity(plus(at, second, 0.005 / 2))
        fourth = velocity(plus(at, third, 0.005))
        total = [a + (b + c) * 2 + d for a, b, c, d in zip(first, second, third, fourth, strict=True)]
        at = plus(at, (total[0], total[1], total[2]), 0.005 / 6)
    return [xs, zs]


def velocity(at: Point) -> Point:
    x, y, z = at
    return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z


def plus(at: Point, way: Point, factor: float) -> Point:
    return at[0] + way[0] * factor, at[1] + way[1] * factor, at[2] + way[2] * factor
