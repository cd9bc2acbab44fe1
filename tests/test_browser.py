"""Generated hosts in a real Chromium: from a wheel's files over HTTP, in a page and in a worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bound_guests import assemble, exported
from browser import find_chromium, quiet_page, running, served
from conftest import write_files
from javascript_guests import echo_guest
from javascript_hosts import SCRIPTS, node, run, write_bindings
from registry import npm_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.once

POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; "
    "connect-src 'self'; worker-src 'self'; img-src data:"
}
"""What a careful site allows: its own scripts, WebAssembly, and no text that becomes code."""

PAGE = '<!doctype html><meta charset="utf-8"><title>Plugin</title><link rel="icon" href="data:,">'


@pytest.fixture(scope="module")
def chromium(test_cache: Path) -> Iterator[Browser]:
    with running(find_chromium(test_cache)) as browser:
        yield browser


def test_bindings_do_what_they_should_in_chromium(chromium: Browser, tmp_path: Path) -> None:
    write_bindings(tmp_path, echo_guest())
    shutil.copy(SCRIPTS / "conformance.mjs", tmp_path)
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    script = """async () => {
        const [bindings, { results }] = [await import("/plug.js"), await import("/conformance.mjs")];
        return results(bindings, await WebAssembly.compileStreaming(fetch("/plug.wasm")));
    }"""
    with served(tmp_path, POLICY) as address, quiet_page(chromium) as page:
        page.goto(address)
        found = page.evaluate(script)
    assert len(found) > 100
    assert {name: problem for name, problem in found.items() if problem} == {}


WORKER = """
import { check } from "./typed.mjs";
check(1000).then(() => postMessage("all is well"), (error) => postMessage(String(error?.stack ?? error)));
"""

HOSTS = {
    "page": """async () => {
        const { check } = await import("/typed.mjs");
        return check(20000).then(() => "all is well", (error) => String(error?.stack ?? error));
    }""",
    "worker": """() => new Promise((resolve) => {
        const worker = new Worker("/worker.mjs", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message ?? "the worker did not start");
    })""",
}


@pytest.mark.parametrize("where", HOSTS)
def test_the_host_in_a_wheel_runs_as_it_is_served(
    chromium: Browser, javascript_wheel: Path, tmp_path: Path, where: str
) -> None:
    shutil.copytree(javascript_wheel, tmp_path, dirs_exist_ok=True)
    for script in ("assert.mjs", "typed.mjs"):
        shutil.copy(SCRIPTS / script, tmp_path)
    write_files(tmp_path, {"index.html": PAGE, "worker.mjs": WORKER})
    with served(tmp_path, POLICY) as address, quiet_page(chromium) as page:
        page.goto(address)
        assert page.evaluate(HOSTS[where]) == "all is well"


WEBPACK = """
const [webpack, context, path] = process.argv.slice(1);
require(webpack)({ mode: "production", context, entry: "./main.js", output: { path } }, (error, stats) => {
  if (error || stats.hasErrors() || stats.hasWarnings()) throw error ?? new Error(stats.toString());
});
"""


def esbuild(cache: Path, folder: Path, *arguments: str) -> None:
    """Bundle with esbuild."""
    executable = min(npm_program(cache, "esbuild").glob("@esbuild/*/bin/esbuild"))
    run([str(executable), "--bundle", "--log-level=error", *arguments], folder)


@pytest.mark.matrix
@pytest.mark.parametrize("bundler", ["vite", "webpack", "esbuild"])
def test_bundlers_find_the_module(chromium: Browser, test_cache: Path, tmp_path: Path, bundler: str) -> None:
    module = assemble('(module (func (export "answer") (result i32) (i32.const 42)))', exported("answer", [], ["s32"]))
    source, made = tmp_path / "source", tmp_path / "made"
    write_bindings(source, module, "plain")
    main = """
      import { load, PluginClosedError } from "./plain.js";
      const plugin = await load();
      document.title = `${plugin.answer()} ${new PluginClosedError("x")}`;
    """
    page_text = f'{PAGE}<script type="module" src="./main.js"></script>'
    write_files(source, {"main.js": main, "index.html": page_text})
    script = npm_program(test_cache, bundler) / bundler
    if bundler == "vite":
        run(["node", str(script / "bin" / "vite.js"), "build", "--outDir", str(made), "--base", "./"], source)
    elif bundler == "esbuild":
        esbuild(test_cache, source, "main.js", "--format=esm", "--minify", f"--outdir={made}")
        for file in ("index.html", "plain.wasm"):
            shutil.copy(source / file, made)
    else:
        run(["node", "--eval", WEBPACK, str(script), str(source), str(made)], source)
        shutil.copy(source / "index.html", made)
    assert not (made / "plain.js").exists()
    with served(made) as address, quiet_page(chromium) as page:
        page.goto(address)
        page.wait_for_function("document.title === '42 PluginClosedError: x'", timeout=60_000)


@pytest.mark.matrix
def test_a_bundle_that_is_no_es_module_needs_the_module(test_cache: Path, tmp_path: Path) -> None:
    module = assemble('(module (func (export "answer") (result i32) (i32.const 42)))', exported("answer", [], ["s32"]))
    write_bindings(tmp_path, module, "plain")
    esbuild(test_cache, tmp_path, "plain.js", "--format=cjs", "--outfile=plain.cjs")
    found = node(
        tmp_path,
        """
        import { readFile } from "node:fs/promises";
        import bundle from "./plain.cjs";
        const { load } = bundle;
        const refused = await load().catch((error) => error.message);
        out([refused, (await load(undefined, await readFile("plain.wasm"))).answer()]);
        """,
    )
    assert found == ["a bundler took the place of the bindings: give `load` the module as its source", 42]
