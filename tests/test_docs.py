"""What the documentation says is there, and nothing is there that it doesn't say."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

import pytest
from behaviours import BEHAVIOURS

from externref_build.cli.arguments import build_parser
from externref_build.config import load_config, parse_toml, schema

ROOT = Path(__file__).resolve().parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each sub-command."""
    [action] = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(action.choices)


def test_every_key_is_documented_with_its_default() -> None:
    rows = [line for line in text("docs/configuration.md").splitlines() if line.startswith("| `")]
    documented = [key for row in rows for key in re.findall(r"`([^`]+)`", row.split("|")[1])]
    properties = schema()["properties"]
    assert sorted(documented) == sorted(properties)
    for row in rows:
        for key in re.findall(r"`([^`]+)`", row.split("|")[1]):
            default = properties[key].get("default")
            if isinstance(default, str):
                assert f'`"{default}"`' in row.split("|")[2], key


def test_every_command_and_option_is_documented() -> None:
    sections = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", text("docs/cli.md"), re.MULTILINE | re.DOTALL))
    assert sections.keys() == commands().keys()
    for name, parser in commands().items():
        options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
        for option in options - {"--help", "--verbose", "--quiet", "--config-setting"}:
            assert option in sections[name], f"{name} {option}"


def test_every_part_of_the_package_is_explained() -> None:
    table = text("docs/architecture.md").partition("\n| part |")[2].partition("\n\n")[0]
    parts = {path.name for path in (ROOT / "externref_build").iterdir() if not path.name.startswith("_")}
    explained = {name.partition("/")[0] for row in table.splitlines() for name in re.findall(r"`([\w./]+)`", row)}
    assert parts - {"py.typed"} <= explained


PAGES = ["*.md", "docs/*.md", "sample_crate/*.md", "examples/*/*.md", "externref_build/sdk/*/*.md"]


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the names under which links lead to the headings of a page."""
    headings = re.findall(r"^#+ (.*)", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", [str(path.relative_to(ROOT)) for pages in PAGES for path in sorted(ROOT.glob(pages))])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if "://" not in link:
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_limits_of_other_tools_are_shown_by_tests() -> None:
    """Each row names tests that there are, and of tests of behaviours the case as well."""
    section = text("docs/processor.md").partition("## Where other tools stop\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)(?:\[(\w+)\])?`", row.split("|")[3])
        assert tests, row
        for file, name, case in tests:
            functions = {node.name for node in ast.walk(ast.parse(text(file))) if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"{file}::{name}"
            assert not case or case in {behaviour.name for behaviour in BEHAVIOURS}, case


def test_the_five_lines_of_the_readme_are_a_configuration(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", text("README.md"), re.DOTALL)
    [block] = [block for block in blocks if "tool.externref" in block]
    assert {"build-system", "tool"} == parse_toml(block).keys()
    (tmp_path / "pyproject.toml").write_text(block, encoding="utf-8")
    [module] = load_config(tmp_path, environ={}).modules
    assert module.package == "my_plugin"
    assert module.manifest_path == tmp_path / "guest/Cargo.toml"


def test_the_two_commands_of_the_readme_are_environments() -> None:
    tox = text("tox.ini")
    for environment in re.findall(r"tox -e (\w+)", text("README.md")):
        assert f"[testenv:{environment}]" in tox


def test_the_readme_names_versions_of_python_that_are_tested() -> None:
    lowest = parse_toml(text("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    assert f"Python {lowest}" in text("README.md")
    assert f"py{lowest.replace('.', '')}" in text("tox.ini")
    assert sys.version_info >= tuple(map(int, lowest.split(".")))


def test_tests_that_are_named_are_there() -> None:
    named = {
        name
        for page in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"`(test_\w+\.py)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert named <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}
