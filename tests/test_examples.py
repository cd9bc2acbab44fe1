"""The guests of examples/, without the browser and the libraries that their own tests run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from javascript_hosts import node, run

from externref_build.build.engine import build_project
from externref_build.build.progress import Progress
from externref_build.config import load_config

pytestmark = pytest.mark.once

PONG = Path(__file__).resolve().parent.parent / "examples" / "pong"

THREE = """
    export * from {three};
    export class WebGLRenderer {
      shadowMap = {};
      domElement = new HTMLElement();
      setPixelRatio() {}
      setSize(...size) { WebGLRenderer.sizes.push(size); }
      render(...shown) { WebGLRenderer.shown.push(...shown); }
      static sizes = [];
      static shown = [];
    }
"""
"""Real three.js, but for what needs a screen."""

PLAY = """
    const KEYS = [
      [10, "KeyS", true], [20, "KeyS", false], [30, "KeyW", true], [60, "KeyA", true],
      [900, "KeyW", false], [900, "ArrowDown", true], [1000, "ArrowDown", false], [1000, "ArrowUp", true],
    ];
    globalThis.HTMLElement = class HTMLElement {
      children = [];
      append(child) { this.children.push(child); }
    };
    globalThis.Document = class Document {
      elements = { table: new HTMLElement(), left: new HTMLElement(), right: new HTMLElement() };
      getElementById(id) { return this.elements[id] ?? null; }
    };
    const THREE = await import("./three/three.module.js");
    const { WebGLRenderer } = THREE;
    const parts = { WebGLRendererParameters: Object, WebGLShadowMap: Object, LightShadow: Object };
    const played = {};
    for (const language of ["cpp", "rust", "javascript"]) {
      globalThis.document = new Document();
      const { load } = await import(`./pong_${language}.js`);
      const game = await load({ client: { ...THREE, ...parts, HTMLElement, Document, document } });
      game.start();
      game.resize(800, 500, 2);
      const places = [];
      for (let frame = 0; frame < 1800; frame++) {
        for (const [at, key, pressed] of KEYS) if (at === frame) game.key(key, pressed);
        game.update(1 / 60);
        if (frame === 0) game.render();
        const [scene] = WebGLRenderer.shown.slice(-2);
        places.push(["ball", "left", "right"].map((name) => scene.getObjectByName(name).position.toArray()));
      }
      const { table, left, right } = document.elements;
      const score = [left, right].map(({ textContent }) => Number(textContent ?? 0));
      const [scene, camera] = WebGLRenderer.shown.slice(-2);
      const objects = scene.children.map((object) => [object.type, object.position, object.scale, object.castShadow]);
      played[language] = { places, score, objects, aspect: camera.aspect, canvases: table.children.length };
    }
    out(played);
"""


def test_pong_is_the_same_game_in_every_language(toolchain: None, test_cache: Path, tmp_path: Path) -> None:
    unwanted = shutil.ignore_patterns("build", "target", "three", ".externref-build", "*.egg-info", "pong_[cr]*")
    folder = Path(shutil.copytree(PONG, tmp_path / "pong", ignore=unwanted))
    environment = {**os.environ, "CARGO_TARGET_DIR": str(test_cache / "pong-target")}
    build_project(load_config(folder, environ={}), progress=Progress(quiet=True), environ=environment)

    page = folder / "src" / "pong" / "page"
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    three = folder / "node_modules" / "three" / "build" / "three.module.js"
    (page / "three").mkdir()
    (page / "three" / "three.module.js").write_text(THREE.replace("{three}", f'"{three.as_uri()}"'))
    played = node(page, PLAY)
    assert played["cpp"] == played["javascript"]
    assert played["rust"] == played["javascript"]
    assert min(played["cpp"]["score"]) > 0
    assert played["cpp"]["aspect"] == 1.6
    assert played["cpp"]["canvases"] == 1
