// The same game written by hand: what the other languages are measured against.

import {
  AmbientLight, BoxGeometry, Color, DirectionalLight, Mesh, MeshStandardMaterial, PerspectiveCamera, PointLight, Scene,
  SphereGeometry, WebGLRenderer,
} from "./three/three.module.js";

const HALF_WIDTH = 8;
const HALF_HEIGHT = 4.5;
const PADDLE_X = 7.25;
const PADDLE_WIDTH = 0.3;
const PADDLE_HEIGHT = 1.8;
const RADIUS = 0.22;

const STEP = 1 / 240;
const LONGEST = 0.1;
const PAUSE = 1;
const SERVE = 7;
const FASTER = 1.06;
const FASTEST = 18;
const SLANT = 1.1;
const PLAYER = 9;
const COMPUTER = 4.6;

const NIGHT = 0x0b1020;
const FELT = 0x16324f;
const CHALK = 0xdfe7ee;
const CYAN = 0x35c4d7;
const CORAL = 0xff6f59;
const SUN = 0xffd166;
const GHOSTS = 14;

const LEFT = 0;
const RIGHT = 1;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

class Paddle {
  y = 0;
  up = false;
  down = false;

  constructor(taken) {
    this.taken = taken;
  }

  step(ball) {
    const moved = this.taken
      ? (this.up - this.down) * PLAYER * STEP
      : clamp(ball.y - this.y, -COMPUTER * STEP, COMPUTER * STEP);
    const limit = HALF_HEIGHT - PADDLE_HEIGHT / 2;
    this.y = clamp(this.y + moved, -limit, limit);
  }
}

class Ball {
  x = 0;
  y = 0;
  speed = SERVE;

  constructor(side, dy) {
    this.send(side === LEFT ? -1 : 1, dy);
  }

  send(dx, dy) {
    const length = Math.sqrt(dx * dx + dy * dy);
    this.dx = dx / length;
    this.dy = dy / length;
  }
}

class Match {
  ball = new Ball(RIGHT, 0.55);
  paddles = [new Paddle(true), new Paddle(false)];
  score = [0, 0];
  leftOver = 0;
  pause = PAUSE;

  steer(side, direction, pressed) {
    const paddle = this.paddles[side];
    paddle.taken = true;
    if (direction > 0) paddle.up = pressed;
    else paddle.down = pressed;
  }

  advance(seconds) {
    this.leftOver += clamp(seconds, 0, LONGEST);
    while (this.leftOver >= STEP) {
      this.leftOver -= STEP;
      this.step();
    }
  }

  step() {
    const { ball } = this;
    for (const paddle of this.paddles) paddle.step(ball);
    if (this.pause > 0) {
      this.pause -= STEP;
      return;
    }
    ball.x += ball.dx * ball.speed * STEP;
    ball.y += ball.dy * ball.speed * STEP;
    this.bounceOffWalls();
    this.bounceOffPaddles();
    if (ball.x > HALF_WIDTH) this.point(LEFT, RIGHT);
    else if (ball.x < -HALF_WIDTH) this.point(RIGHT, LEFT);
  }

  bounceOffWalls() {
    const { ball } = this;
    const limit = HALF_HEIGHT - RADIUS;
    if (Math.abs(ball.y) > limit && ball.y * ball.dy > 0) {
      ball.y = Math.sign(ball.y) * limit;
      ball.dy = -ball.dy;
    }
  }

  bounceOffPaddles() {
    const { ball } = this;
    const paddle = this.paddles[ball.dx > 0 ? RIGHT : LEFT];
    const off = (ball.y - paddle.y) / (PADDLE_HEIGHT / 2 + RADIUS);
    const near = Math.abs(PADDLE_X - Math.abs(ball.x)) < PADDLE_WIDTH / 2 + RADIUS;
    if (near && Math.abs(off) <= 1 && ball.x * ball.dx > 0) {
      ball.speed = Math.min(ball.speed * FASTER, FASTEST);
      ball.send(-Math.sign(ball.dx), off * SLANT);
    }
  }

  point(winner, loser) {
    this.score[winner]++;
    const played = this.score[LEFT] + this.score[RIGHT];
    this.ball = new Ball(loser, played % 2 === 0 ? 0.55 : -0.55);
    this.pause = PAUSE;
  }
}

class Stage {
  constructor() {
    this.renderer = new WebGLRenderer({ antialias: true });
    this.renderer.shadowMap.enabled = true;
    document.getElementById("table").append(this.renderer.domElement);

    this.scene = new Scene();
    this.scene.background = new Color(NIGHT);
    addLights(this.scene);
    addTable(this.scene);
    this.paddles = [[CYAN, "left", -PADDLE_X], [CORAL, "right", PADDLE_X]].map(([colour, name, x]) => {
      const paddle = block(PADDLE_WIDTH, PADDLE_HEIGHT, 0.5, glowing(colour, 0.35));
      paddle.name = name;
      paddle.position.set(x, 0, 0.25);
      this.scene.add(paddle);
      return paddle;
    });
    this.ball = new Mesh(new SphereGeometry(RADIUS, 32, 16), glowing(SUN, 0.5));
    this.ball.name = "ball";
    this.ball.castShadow = true;
    const glow = new PointLight(new Color(SUN), 8, 6);
    glow.position.set(0, 0, 0.8);
    this.ball.add(glow);
    this.ball.position.set(0, 0, RADIUS);
    this.scene.add(this.ball);
    this.trail = trail(this.scene);

    this.camera = new PerspectiveCamera(32, 1.6, 0.1, 100);
    this.camera.position.set(0, -10.5, 17.5);
    this.camera.lookAt(0, -0.5, 0);
    this.scores = ["left", "right"].map((id) => document.getElementById(id));
  }

  resize(width, height, ratio) {
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height);
  }

  show({ ball, paddles }) {
    this.paddles[LEFT].position.set(-PADDLE_X, paddles[LEFT].y, 0.25);
    this.paddles[RIGHT].position.set(PADDLE_X, paddles[RIGHT].y, 0.25);
    this.ball.position.set(ball.x, ball.y, RADIUS);
    let { x, y } = ball;
    for (const ghost of this.trail) {
      [ghost.x, x] = [x, ghost.x];
      [ghost.y, y] = [y, ghost.y];
      ghost.position.set(ghost.x, ghost.y, RADIUS);
    }
  }

  showScore({ score }) {
    this.scores.forEach((element, side) => {
      element.textContent = score[side];
    });
  }

  render() {
    this.renderer.render(this.scene, this.camera);
  }
}

function addLights(scene) {
  scene.add(new AmbientLight(new Color(CHALK), 1));
  const lamp = new DirectionalLight(new Color(CHALK), 2.2);
  lamp.position.set(-4, -5, 10);
  lamp.castShadow = true;
  lamp.shadow.camera.left = -HALF_WIDTH - 1;
  lamp.shadow.camera.right = HALF_WIDTH + 1;
  scene.add(lamp);
}

function addTable(scene) {
  const table = block(2 * HALF_WIDTH, 2 * HALF_HEIGHT, 0.4, matte(FELT));
  table.position.set(0, 0, -0.2);
  scene.add(table);
  const chalk = matte(CHALK);
  for (const side of [-1, 1]) {
    const wall = block(2 * HALF_WIDTH, 0.2, 0.6, chalk);
    wall.position.set(0, side * (HALF_HEIGHT + 0.1), 0.1);
    scene.add(wall);
  }
  for (let dash = -4; dash <= 4; dash++) {
    const net = block(0.1, 0.5, 0.02, chalk);
    net.position.set(0, dash, 0.01);
    scene.add(net);
  }
}

function trail(scene) {
  const sphere = new SphereGeometry(RADIUS, 16, 8);
  return Array.from({ length: GHOSTS }, (_, index) => {
    const rest = 1 - (index + 1) / (GHOSTS + 1);
    const material = glowing(SUN, 0.8);
    material.transparent = true;
    material.opacity = 0.6 * rest * rest;
    const ghost = new Mesh(sphere, material);
    ghost.scale.set(rest, rest, rest);
    scene.add(ghost);
    ghost.position.set(0, 0, RADIUS);
    return { position: ghost.position, x: 0, y: 0 };
  });
}

function block(width, height, depth, material) {
  const mesh = new Mesh(new BoxGeometry(width, height, depth), material);
  mesh.castShadow = true;
  mesh.receiveShadow = true;
  return mesh;
}

function matte(colour) {
  const material = new MeshStandardMaterial();
  material.color = new Color(colour);
  material.roughness = 0.8;
  return material;
}

function glowing(colour, share) {
  const material = matte(colour);
  material.emissive = new Color(colour).multiplyScalar(share);
  return material;
}

/** Load the game, as the other languages do. */
export async function load() {
  let match;
  let stage;
  const keys = { KeyW: [LEFT, 1], KeyS: [LEFT, -1], ArrowUp: [RIGHT, 1], ArrowDown: [RIGHT, -1] };
  return {
    start() {
      match = new Match();
      stage = new Stage();
    },
    resize(width, height, ratio) {
      stage.resize(width, height, ratio);
    },
    key(code, pressed) {
      if (Object.hasOwn(keys, code)) match.steer(...keys[code], pressed);
    },
    update(seconds) {
      const before = match.score.join();
      match.advance(seconds);
      stage.show(match);
      if (match.score.join() !== before) stage.showScore(match);
    },
    render() {
      stage.render();
    },
  };
}
