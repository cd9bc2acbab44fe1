// Loads the game in the language that the address asks for, and lets time pass in it.

import * as THREE from "./three/three.module.js";

const LANGUAGES = { cpp: "./pong_cpp.js", rust: "./pong_rust.js", javascript: "./pong_javascript.js" };

// All that the game may touch: classes by their names, and the document.
const client = {
  ...THREE,
  HTMLElement,
  Document,
  document,
  WebGLRendererParameters: Object,
  WebGLShadowMap: Object,
  LightShadow: Object,
};

const wanted = new URLSearchParams(location.search).get("guest");
const language = Object.hasOwn(LANGUAGES, wanted) ? wanted : "cpp";

async function start() {
  const { load } = await import(LANGUAGES[language]);
  const game = await load({ client });
  game.start();
  return game;
}

function play(game) {
  const fit = () => game.resize(innerWidth, innerHeight, devicePixelRatio);
  addEventListener("resize", fit);
  fit();

  for (const [type, pressed] of [["keydown", true], ["keyup", false]]) {
    addEventListener(type, (event) => game.key(event.code, pressed));
  }

  let last;
  const frame = (now) => {
    game.update((now - (last ?? now)) / 1000);
    game.render();
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function complain(error) {
  const message = document.createElement("p");
  message.id = "error";
  message.textContent = `The game does not start: ${error.message}`;
  document.body.append(message);
}

document.querySelector(`a[href="?guest=${language}"]`).ariaCurrent = "page";

/** The game that is played, for the console of the browser. */
export const game = await start().catch((error) => {
  complain(error);
  throw error;
});
play(game);
