// A host for tests/guests/typed, on every engine: `check` rejects if something is wrong.

import * as assert from "./assert.mjs";
import { load, GuestError, GuestPanic, PluginClosedError } from "./typed.js";

class Item {
  constructor(name, bytes = new Uint8Array(0)) {
    this.name = name;
    this.bytes = bytes;
  }
}

class Vector3 {
  constructor(x, y, z) {
    Object.assign(this, { x, y, z });
  }
  static origin() {
    return new Vector3(0, 0, 0);
  }
  add(other) {
    const { x, y, z } = typeof other === "number" ? { x: other, y: other, z: other } : other;
    return new Vector3(this.x + x, this.y + y, this.z + z);
  }
  normalized() {
    const length = Math.hypot(this.x, this.y, this.z);
    if (length === 0) throw new RangeError("a point without direction");
    return new Vector3(this.x / length, this.y / length, this.z / length);
  }
}

class Object3D {
  name = "";
  position = Vector3.origin();
  parent = null;
  lookAt(point) {
    this.seen = point;
  }
}

class Mesh extends Object3D {
  constructor(name) {
    super();
    this.name = name;
  }
  vertices() {
    return Float32Array.of(1, 2, 3);
  }
}

class Scene extends Object3D {
  name = "scene";
  children = [];
  add(object) {
    object.parent = this;
    this.children.push(object);
  }
  find(name) {
    return this.children.find((child) => child.name === name);
  }
}

function makeHost() {
  const shelf = new Map([["known", new Item("known")]]);
  const log = [];
  const scene = new Scene();
  const echoes = "bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 char usize isize ptr str string bytes byte_vec list_s8 list_s16 list_u16 list_s32 list_u32 list_s64 list_u64 list_f32 list_f64 vec_f64 option_str option_string option_bytes option_list_f64 option_vec_u32 any";
  const host = Object.fromEntries(echoes.split(" ").map((name) => [`echo_${name}`, (value) => value]));
  Object.assign(host, {
    mixed: (flag, text, wide, list, letter, bytes) => [flag, text, wide, list, letter, bytes].map(String).join("|"),
    double: (numbers) => numbers.forEach((number, index) => (numbers[index] = number * 2)),
    fill: (bytes, value) => bytes?.fill(value).length ?? 0,
    tick: () => void log.push("tick"),
    reenter: (text) => host.plugin.sum_of_words(text),
    find: (shelf, name) => shelf.get(name),
    make: (name, bytes) => new Item(name, bytes.slice()),
    name_of: (item) => item.name,
    put_back: (shelf, item, note) => void shelf.set(item.name, item).set("note", note),
    look: (item) => item !== null,
    parse(text) {
      if (!/^-?\d+$/.test(text)) throw new SyntaxError(`${text} is no number`);
      return Number(text);
    },
    fail_with(message) {
      if (message !== null) throw new Error(message);
    },
    obtain(name) {
      if (!shelf.has(name)) throw new Error(`no ${name}`);
      return shelf.get(name);
    },
    seek(name) {
      if (name === "") throw new Error("nothing to seek");
      return shelf.get(name);
    },
    read: (name) => `read ${name}`,
    exists: (name) => shelf.has(name),
  });
  const client = { Vector3, Object3D, Mesh, Scene, scene, clock: 12.5, log: (line) => void log.push(line) };
  return { shelf, log, scene, host, client };
}

async function start() {
  const made = makeHost();
  made.plugin = made.host.plugin = await load({ host: made.host, client: made.client });
  return made;
}

/** Use the plugin in every way, and some `calls` times to see that it keeps nothing. */
export async function check(calls) {
  const { plugin, shelf, log, scene } = await start();

  // Values

  assert.equal(plugin.mix(true, "gr\u00fcezi", 2n ** 64n - 1n, Float32Array.of(0.5, 2), "\u{1f43b}", null), "true|gr\u00fcezi|18446744073709551615|0.5,2|\u{1f43b}|null");
  assert.deepEqual(plugin.doubled(Float64Array.of(1, 2.5)), Float64Array.of(2, 5));
  assert.deepEqual(plugin.filled(new Uint8Array(3), 7), Uint8Array.of(7, 7, 7));
  assert.equal(plugin.filled(null, 7), null);
  assert.equal(plugin.greeting(), "gr\u00fcezi \u{1f43b}");
  assert.equal(plugin.first_word("  two words"), "two");
  assert.equal(plugin.first_word(" "), null);
  assert.equal(plugin.long_text(3_000_000).length, 3_000_000);
  assert.equal(plugin.reentered("a bc"), "a bc:3");
  for (const text of ["", "\0", "\ufeffx", "\u00df".repeat(70_000)]) {
    assert.equal(plugin.through_str(text), text);
    assert.equal(plugin.through_option_string(text), text);
  }
  assert.deepEqual(plugin.through_list_u64(BigUint64Array.of(0n, 2n ** 64n - 1n)), BigUint64Array.of(0n, 2n ** 64n - 1n));
  assert.deepEqual(plugin.through_option_list_f64(new Float64Array(0)), new Float64Array(0));
  assert.equal(plugin.through_char("\u{10ffff}"), "\u{10ffff}");

  // References

  assert.equal(plugin.fetch(shelf, "known"), shelf.get("known"));
  const made = plugin.fetch(shelf, "new");
  assert.ok(made instanceof Item);
  assert.deepEqual(made.bytes, new TextEncoder().encode("new"));
  assert.equal(plugin.longer(made, shelf.get("known")), shelf.get("known"));
  assert.equal(plugin.longer(null, null), null);
  assert.equal(plugin.label("<", made, ">"), "<new>");
  plugin.give_back(shelf, made, "a note");
  assert.equal(shelf.get("new"), made);
  assert.equal(shelf.get("note"), "a note");
  assert.equal(plugin.show(null), false);
  assert.equal(plugin.show(made), true);
  for (const any of [5, "text", Symbol("s"), made, null]) assert.equal(plugin.through_any(any), any);
  assert.equal(plugin.liveReferences, 0);
  assert.equal(plugin.keep(made), 1);
  assert.equal(plugin.keep(made), 2);
  assert.equal(plugin.liveReferences, 2);
  plugin.release();
  assert.equal(plugin.liveReferences, 0);

  // Failures

  assert.equal(plugin.parse_twice("21"), 42);
  assert.throws(() => plugin.parse_twice("x"), new GuestError("x is no number"));
  plugin.maybe_fail(null);
  assert.throws(() => plugin.maybe_fail(""), new GuestError(""));
  assert.equal(plugin.failure_of("\u{1f43b}"), "\u{1f43b}");
  assert.equal(plugin.failure_of(null), null);
  assert.throws(() => plugin.obtained("x"), new GuestError("not obtained: no x"));
  assert.equal(plugin.sought("x"), null);
  assert.equal(plugin.sought("known"), shelf.get("known"));
  assert.throws(() => plugin.sought(""), new GuestError("nothing to seek"));
  assert.equal(plugin.read_loudly("x"), "READ X");
  assert.equal(plugin.is_there("known"), true);
  assert.equal(plugin.divide(-7n, 2n), -3n);
  assert.throws(() => plugin.divide(1n, 0n), new GuestError("no quotient"));
  assert.throws(() => plugin.fail_silently(), new GuestError(""));
  assert.equal(plugin.closed, false);

  // Host objects

  assert.equal(plugin.add_mesh("cube", 3, 4, 12), 3);
  assert.equal(scene.children.length, 1);
  assert.ok(scene.children[0].seen === scene.children[0].position);
  assert.deepEqual(log, ["cube at 12.5"]);
  assert.equal(plugin.rename_object("cube", "box"), "scene");
  assert.equal(scene.children[0].name, "box");
  assert.equal(plugin.rename_object("cube", "box"), null);
  assert.deepEqual(plugin.doubled_point(new Vector3(1, 2, 3)), new Vector3(2, 4, 6));
  assert.equal(plugin.position_of(scene.children[0]), scene.children[0].position);
  assert.equal(plugin.position_of(null), null);
  assert.throws(() => plugin.add_mesh("nowhere", -1, -1, -1), new GuestError("a point without direction"));

  // Nothing leaks

  let memory;
  const lean = await start();
  lean.host.double = (numbers) => (memory = numbers.buffer.byteLength);
  const size = () => (lean.plugin.doubled(Float64Array.of(1)), memory);
  const item = new Item("kept");
  const callAll = () => {
    lean.plugin.through_str("a text that is passed on");
    lean.plugin.through_bytes(Uint8Array.of(1, 2, 3));
    lean.plugin.longer(item, null);
    lean.plugin.failure_of("a failure");
  };
  for (let count = 0; count < 1000; count++) callAll();
  const before = size();
  for (let count = 0; count < calls; count++) callAll();
  assert.equal(size(), before);
  assert.equal(lean.plugin.liveReferences, 0);

  // The end

  for (const [end, check] of [
    [
      (plugin) => plugin.give_up("gr\u00fcezi"),
      (error) => {
        assert.ok(error instanceof GuestPanic);
        assert.equal(error.message, "gr\u00fcezi");
        assert.match(error.file, /src[/\\]failures\.rs$/);
        assert.ok(error.line > 0 && error.column > 0);
        assert.match(error.stack, /give_up[^]*typed\.mjs/);
      },
    ],
    [(plugin) => plugin.element(Uint32Array.of(1), 5), (error) => assert.match(error.message, /index out of bounds/)],
    [(plugin) => plugin.trap(), (error) => assert.ok(error instanceof WebAssembly.RuntimeError)],
  ]) {
    const { plugin } = await start();
    plugin.keep(new Item("kept"));
    assert.throws(
      () => end(plugin),
      (error) => (check(error), true),
    );
    assert.equal(plugin.closed, true);
    assert.equal(plugin.liveReferences, 0);
    assert.throws(() => plugin.greeting(), PluginClosedError);
  }
}
