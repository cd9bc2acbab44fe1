// What generated bindings do, on every engine: `results` maps the name of each test to null, or to what was wrong.

const tests = new Map();
const test = (name, body) => tests.set(name, body);

export async function results(bindings, source) {
  const found = {};
  const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(await source);
  for (const [name, body] of tests) {
    try {
      await body({ ...bindings, start: (host, more) => start(bindings, module, host, more) });
      found[name] = null;
    } catch (error) {
      found[name] = String(error?.stack ?? error);
    }
  }
  return found;
}

const SCALARS = "bool char s8 u8 s16 u16 s32 u32 isize usize ptr s64 u64 f32 f64".split(" ");
const BUFFERS = "str bytes option_str option_bytes option_list_f64".split(" ");
const ARRAYS = {
  list_s8: Int8Array,
  list_u8: Uint8Array,
  list_s16: Int16Array,
  list_u16: Uint16Array,
  list_s32: Int32Array,
  list_u32: Uint32Array,
  list_s64: BigInt64Array,
  list_u64: BigUint64Array,
  list_f32: Float32Array,
  list_f64: Float64Array,
};

class Vector {
  constructor(x) {
    this.x = x;
  }
  add(other) {
    return new Vector(this.x + (typeof other === "number" ? other : other.x));
  }
  static zero() {
    return new Vector(0);
  }
}

const origin = new Vector(100);

/** Start the guest with a host that returns what it is given, but for the functions of `host`. */
async function start(bindings, module, host = {}, more = {}) {
  const echo = Object.fromEntries([...SCALARS, ...BUFFERS, ...Object.keys(ARRAYS)].map((name) => [name, (value) => value]));
  const others = {
    pass: (thing) => thing,
    pass_null: (thing) => thing,
    dropped: () => undefined,
    attempt: (text) => text,
    run: () => undefined,
    tell: () => undefined,
    tell_list: () => undefined,
    tell_char: () => undefined,
    fill: () => undefined,
    fold: (first) => first,
    translate: () => undefined,
  };
  const imports = {
    host: { ...echo, ...others, ...host },
    plain: { number: (_first, second) => second },
    client: { Vector, origin },
    ...more,
  };
  return bindings.load(imports, module);
}

// Assertions

function same(found, expected) {
  if (!equal(found, expected)) throw new Error(`found ${shown(found)}, expected ${shown(expected)}`);
}

function equal(found, expected) {
  if (ArrayBuffer.isView(expected) || Array.isArray(expected)) {
    const alike = found?.constructor === expected.constructor && found.length === expected.length;
    return alike && [...expected].every((value, index) => equal(found[index], value));
  }
  return Object.is(found, expected);
}

function shown(value) {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} ${[...value].slice(0, 10)}`;
  return typeof value === "string" ? JSON.stringify(value) : typeof value === "bigint" ? `${value}n` : String(value);
}

function thrown(body) {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error(`${body} threw nothing`);
}

function refused(body, name, message) {
  const error = thrown(body);
  if (error?.name !== name || !error.message.includes(message)) {
    throw new Error(`threw ${error?.stack ?? error}, expected ${name} with "${message}"`);
  }
  return error;
}

async function rejected(promise, name, message) {
  let error;
  await promise.then(
    () => undefined,
    (found) => {
      error = found;
    },
  );
  return refused(
    () => {
      if (error) throw error;
    },
    name,
    message,
  );
}

// Values at random, always the same

function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = generator(20240229);
const below = (limit) => Math.floor(random() * limit);
const word = () => below(2 ** 32) >>> 0;
const wide = () => (BigInt(word()) << 32n) | BigInt(word());
const pick = (values) => values[below(values.length)];

function integers(low, high) {
  const edges = [low, low + 1, -1, 0, 1, high - 1, high].filter((value) => value >= low && value <= high);
  return [...edges, ...Array.from({ length: 200 }, () => low + below(high - low + 1))];
}

function bigints(normal) {
  const edges = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n];
  return [...edges, ...Array.from({ length: 200 }, wide)].map(normal);
}

function floats(normal) {
  const edges = [0, -0, 1.5, NaN, Infinity, -Infinity, 5e-324, 2 ** -149, 3.4028234663852886e38, Number.MAX_VALUE];
  const bits = new BigUint64Array(1);
  const number = new Float64Array(bits.buffer);
  const others = Array.from({ length: 200 }, () => ((bits[0] = wide()), number[0]));
  return [...edges, ...others].map(normal);
}

function character() {
  const limit = pick([0x80, 0x80, 0x800, 0x10000, 0x110000]);
  const found = below(limit);
  return String.fromCodePoint(found >= 0xd800 && found < 0xe000 ? 0xfeff : found);
}

function text(length) {
  const ascii = random() < 0.4;
  let found = "";
  for (let count = 0; count < length; count++) found += ascii ? String.fromCharCode(below(128)) : character();
  return found;
}

const lengths = [...Array(80).keys(), 100, 1000, 16383, 16384, 16385, 40000, 200000];
const texts = () => ["\ufeff", "\ufeffmarked", "\0", "\u{1f600}", "e\u0301", ...lengths.map(text)];

const VALUES = {
  bool: () => [true, false],
  char: () => ["\0", "a", "\u{1f600}", "\u{10ffff}", "\ufeff", ...Array.from({ length: 300 }, character)],
  s8: () => integers(-128, 127),
  u8: () => integers(0, 255),
  s16: () => integers(-32768, 32767),
  u16: () => integers(0, 65535),
  s32: () => integers(-(2 ** 31), 2 ** 31 - 1),
  u32: () => integers(0, 2 ** 32 - 1),
  isize: () => integers(-(2 ** 31), 2 ** 31 - 1),
  usize: () => integers(0, 2 ** 32 - 1),
  ptr: () => integers(0, 2 ** 32 - 1),
  s64: () => bigints((value) => BigInt.asIntN(64, value)),
  u64: () => bigints((value) => BigInt.asUintN(64, value)),
  f32: () => floats(Math.fround),
  f64: () => floats((value) => value),
  str: texts,
  bytes: () => lengths.map((length) => Uint8Array.from({ length }, () => below(256))),
  option_str: () => [null, ...texts().slice(0, 40)],
  option_bytes: () => [null, new Uint8Array(0), Uint8Array.of(1, 2, 3)],
  option_list_f64: () => [null, new Float64Array(0), Float64Array.of(1, NaN, -0)],
};
for (const [name, Kind] of Object.entries(ARRAYS)) {
  const values = () => VALUES[name.slice(5)]();
  VALUES[name] = () => [new Kind(0), Kind.from(values()), Kind.from(values()).subarray(3, 50), Kind.from({ length: 9 }, () => pick(values()))];
}

for (const name of [...SCALARS, ...BUFFERS, ...Object.keys(ARRAYS)]) {
  test(`values of type ${name} survive the way to the guest, to the host and back`, async ({ start }) => {
    const seen = [];
    const copied = (value) => (ArrayBuffer.isView(value) ? value.slice() : value);
    const plugin = await start({
      [name](value) {
        seen.push(copied(value));
        return copied(value);
      },
    });
    for (const value of VALUES[name]()) {
      same(plugin[name](value), value);
      same(seen.pop(), value);
    }
  });
}

test("numbers become the nearest of type f32", async ({ start }) => {
  const plugin = await start();
  for (const value of [0.1, -1e-300, 2 ** 128 - 2 ** 103 - 2 ** 75]) same(plugin.f32(value), Math.fround(value));
});

// What is refused

const INTEGER = [[1.5, "TypeError"], [NaN, "TypeError"], [Infinity, "TypeError"], ["1", "TypeError"], [1n, "TypeError"], [null, "TypeError"], [undefined, "TypeError"], [true, "TypeError"], [{ valueOf: () => 1 }, "TypeError"], [Symbol("s"), "TypeError"]];
const REFUSED = {
  bool: [[0, "TypeError"], [1, "TypeError"], ["true", "TypeError"], [null, "TypeError"], [undefined, "TypeError"]],
  char: [["", "TypeError"], ["ab", "TypeError"], ["e\u0301", "TypeError"], ["\ud800", "TypeError"], ["\udc00", "TypeError"], [65, "TypeError"], [null, "TypeError"]],
  s8: [...INTEGER, [128, "RangeError"], [-129, "RangeError"], [2 ** 32, "RangeError"]],
  u8: [...INTEGER, [256, "RangeError"], [-1, "RangeError"]],
  s16: [...INTEGER, [32768, "RangeError"], [-32769, "RangeError"]],
  u16: [...INTEGER, [65536, "RangeError"], [-1, "RangeError"]],
  s32: [...INTEGER, [2 ** 31, "RangeError"], [-(2 ** 31) - 1, "RangeError"]],
  u32: [...INTEGER, [2 ** 32, "RangeError"], [-1, "RangeError"]],
  usize: [[2 ** 32, "RangeError"], [-1, "RangeError"]],
  s64: [[1, "TypeError"], ["1", "TypeError"], [null, "TypeError"], [2n ** 63n, "RangeError"], [-(2n ** 63n) - 1n, "RangeError"]],
  u64: [[1, "TypeError"], [undefined, "TypeError"], [2n ** 64n, "RangeError"], [-1n, "RangeError"]],
  f32: [["1", "TypeError"], [1n, "TypeError"], [null, "TypeError"], [undefined, "TypeError"], [1e300, "RangeError"], [-(2 ** 128), "RangeError"], [2 ** 128 - 2 ** 103, "RangeError"]],
  f64: [["1", "TypeError"], [1n, "TypeError"], [null, "TypeError"], [new Date(0), "TypeError"]],
  str: [[1, "TypeError"], [null, "TypeError"], [undefined, "TypeError"], [new String("a"), "TypeError"], ["a\ud800b", "TypeError"], ["\udfff", "TypeError"]],
  bytes: [["abc", "TypeError"], [[1, 2], "TypeError"], [null, "TypeError"], [new ArrayBuffer(2), "TypeError"], [Int8Array.of(1), "TypeError"]],
  option_str: [[1, "TypeError"], ["\ud800", "TypeError"]],
  list_f64: [[[1, 2], "TypeError"], [Float32Array.of(1), "TypeError"], [null, "TypeError"]],
  list_u64: [[BigInt64Array.of(1n), "TypeError"]],
  pass: [[null, "TypeError"], [undefined, "TypeError"]],
};

for (const [name, cases] of Object.entries(REFUSED)) {
  test(`arguments that are no ${name} are refused before the call`, async ({ start }) => {
    let called = 0;
    const plugin = await start({ [name]: (value) => (called++, value) });
    for (const [value, kind] of cases) refused(() => plugin[name](value), kind, `${name}(): argument "${name === "pass" ? "thing" : "value"}" is `);
    same(called, 0);
    same(plugin.closed, false);
  });
  test(`results that are no ${name} are refused`, async ({ start }) => {
    const right = name === "pass" ? {} : VALUES[name]()[1];
    for (const [value, kind] of cases) {
      const plugin = await start({ [name]: () => value });
      refused(() => plugin[name](right), kind, `host.${name}(): result is `);
      same(plugin.closed, true);
    }
  });
}

test("an error says what was found and what was expected", async ({ start }) => {
  const plugin = await start();
  same(thrown(() => plugin.u8(300)).message, 'u8(): argument "value" is 300, expected an integer from 0 to 255');
  same(thrown(() => plugin.str(plugin)).message, 'str(): argument "value" is an object of class Object, expected a string without lone surrogates');
  same(thrown(() => plugin.pass()).message, 'pass(): argument "thing" is undefined, expected a reference to Thing');
});

// References

test("a reference is the host's own object, of whatever kind", async ({ start }) => {
  const plugin = await start();
  const things = [{}, [], () => 1, Symbol("s"), 5, "text", 0, "", false, 7n, Object.create(null), document];
  for (const thing of things) same(plugin.pass(thing), thing);
});
const document = {};

test("null is nothing, and undefined is null", async ({ start }) => {
  const plugin = await start();
  same(plugin.pass_null(null), null);
  same(plugin.pass_null(undefined), null);
  same(plugin.pass_null(), null);
  same(await start({ pass_null: () => undefined }).then((other) => other.pass_null({})), null);
});

test("where the plugin tells nothing of a reference, any value passes as it is", async ({ start }) => {
  const plugin = await start();
  for (const value of [null, undefined, "x", 0, NaN, 1n, Symbol.iterator, false, [], () => 1]) same(plugin.any(value), value);
});

test("references that the guest holds are counted, and released when it is closed", async ({ start }) => {
  const dropped = [];
  const plugin = await start({ dropped: (thing) => dropped.push(thing) });
  const thing = { name: "kept" };
  same(plugin.liveReferences, 0);
  plugin.keep(thing, 2);
  plugin.keep({}, 3);
  same(plugin.liveReferences, 2);
  plugin.forget(2);
  same(dropped, [thing]);
  same(plugin.liveReferences, 1);
  plugin.close();
  same(plugin.liveReferences, 0);
  same(plugin.closed, true);
});

test("a closed plugin refuses every call", async ({ start, PluginClosedError, PluginError }) => {
  const plugin = await start();
  const { str } = plugin;
  plugin.close();
  plugin.close();
  for (const call of [() => plugin.run(), () => plugin.str("x"), () => str("x"), () => plugin.any(1)]) {
    const error = refused(call, "PluginClosedError", "the plugin is closed");
    same(error instanceof PluginClosedError && error instanceof PluginError && error instanceof Error, true);
  }
});

test("a plugin that is closed inside of a call takes and gives no more", async ({ start, PluginClosedError }) => {
  const fail = (message) => {
    throw new Error(message);
  };
  const hosts = {
    str: (value) => value,
    run: () => undefined,
    pass_null: (thing) => thing,
    attempt: () => fail("passed over"),
  };
  for (const [name, end] of Object.entries(hosts)) {
    const plugin = await start({ [name]: (...values) => (plugin.close(), end(...values)) });
    const error = thrown(() => plugin[name]("text"));
    if (name === "attempt") same(error.message, "passed over");
    else same(error instanceof PluginClosedError && error.message === "the plugin is closed", true);
    same(plugin.closed, true);
  }
});

test("`using` closes a plugin", async ({ start }) => {
  const plugin = await start();
  plugin[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  same(plugin.closed, true);
});

test("plugins do not share anything", async ({ start }) => {
  const [first, second] = [await start(), await start()];
  first.keep({}, 1);
  same(second.liveReferences, 0);
  first.close();
  same(second.str("text"), "text");
});

test("methods need no object", async ({ start }) => {
  const { str, u8 } = await start();
  same(str("text"), "text");
  same([1, 2, 3].map(u8), [1, 2, 3]);
});

// Failures

test("an exception of the host arrives as itself, and closes the plugin", async ({ start }) => {
  const plugin = await start({
    run: () => {
      throw mine;
    },
  });
  const mine = new SyntaxError("mine");
  plugin.keep({}, 1);
  same(thrown(() => plugin.run()), mine);
  same(plugin.closed, true);
  same(plugin.liveReferences, 0);
  const error = refused(() => plugin.run(), "PluginClosedError", "the plugin is closed, since it failed: mine");
  same(error.cause, mine);
});

test("a plugin that was stopped within is not resumed", async ({ start }) => {
  const stop = () => thrown(() => plugin.trap());
  let plugin = await start({ run: stop });
  refused(() => plugin.run(), "PluginClosedError", "the plugin is closed, since it failed");
  plugin = await start({ u8: (value) => (stop(), value) });
  refused(() => plugin.u8(1), "PluginClosedError", "the plugin is closed, since it failed");
  plugin = await start({ attempt: (text) => (stop(), text) });
  refused(() => plugin.attempt("a"), "PluginClosedError", "the plugin is closed, since it failed");
  const run = () => {
    throw undefined;
  };
  plugin = await start({ run, u8: (value) => (thrown(() => plugin.run()), value) });
  refused(() => plugin.u8(1), "PluginClosedError", "the plugin is closed, since it failed: undefined");
});

test("errors have their names, in what they print as well", async ({ start, ...classes }) => {
  for (const name of ["PluginError", "GuestError", "GuestFault", "GuestPanic", "PluginClosedError"]) {
    const error = new classes[name]("what", "src/lib.rs", 1, 2);
    same(error.name, name);
    same(Object.keys(error).includes("name"), false);
    same(String(error), `${name}: what`);
    if (error.stack.includes("what")) same(error.stack.startsWith(`${name}: what`), true);
  }
});

test("whatever the host throws arrives", async ({ start }) => {
  for (const what of [undefined, null, 5, "text", Object.create(null)]) {
    const plugin = await start({
      run: () => {
        throw what;
      },
    });
    same(thrown(() => plugin.run()), what);
    refused(() => plugin.run(), "PluginClosedError", "the plugin is closed");
  }
});

test("a failure of the host is an error in the guest, and comes back as one", async ({ start, GuestError }) => {
  for (const message of ["no such file", "", "\u{1f600}".repeat(200), "x".repeat(100000), "\ufeffmarked"]) {
    const plugin = await start({
      attempt: () => {
        throw new RangeError(message);
      },
    });
    const error = thrown(() => plugin.attempt("a"));
    same(error instanceof GuestError, true);
    same(error.message, message);
    same(error.name, "GuestError");
    same(plugin.closed, false);
  }
});

test("a lone surrogate in a message is replaced, since it must arrive", async ({ start }) => {
  const plugin = await start({
    attempt: () => {
      throw new Error("a\ud800b");
    },
  });
  refused(() => plugin.attempt("a"), "GuestError", "a\ufffdb");
});

test("what is no Error fails, too", async ({ start }) => {
  const plugin = await start({
    attempt: () => {
      throw "a text";
    },
  });
  refused(() => plugin.attempt("a"), "GuestError", "a text");
});

test("a function that can fail and doesn't returns its result", async ({ start }) => {
  const plugin = await start({ attempt: (text) => text.toUpperCase() });
  same(plugin.attempt("abc"), "ABC");
  same(plugin.attempt(""), "");
});

test("a result of a wrong type is no failure for the guest, but the host's mistake", async ({ start }) => {
  const plugin = await start({ attempt: () => 5 });
  refused(() => plugin.attempt("a"), "TypeError", "host.attempt(): result is 5");
  same(plugin.closed, true);
});

test("a failure belongs to the call that failed", async ({ start }) => {
  const plugin = await start({
    run: () => {
      same(plugin.attempt("inside"), "inside");
    },
  });
  refused(() => plugin.fail_late(), "GuestError", "boom");
  same(plugin.attempt("after"), "after");
});

test("a panic has a message and a place", async ({ start, GuestPanic, PluginError }) => {
  const plugin = await start();
  plugin.keep({}, 1);
  const error = refused(() => plugin.panic(), "GuestPanic", "boom");
  same(error instanceof GuestPanic && error instanceof PluginError, true);
  same([error.message, error.file, error.line, error.column], ["boom", "src/lib.rs", 12, 9]);
  same(plugin.closed, true);
  same(plugin.liveReferences, 0);
  refused(() => plugin.run(), "PluginClosedError", "since it failed: boom");
});

test("a trap is the engine's own, and closes the plugin", async ({ start }) => {
  const plugin = await start();
  same(thrown(() => plugin.trap()) instanceof WebAssembly.RuntimeError, true);
  same(plugin.closed, true);
  refused(() => plugin.str("x"), "PluginClosedError", "since it failed");
});

test("a stack that overflows closes the plugin", async ({ start }) => {
  const plugin = await start();
  thrown(() => plugin.overflow());
  same(plugin.closed, true);
});

test("a stack that overflows lets go of all, however deep in calls of host and guest", async ({ start }) => {
  const deeper = (depth, call) => (depth === 0 ? call() : deeper(depth - 1, call));
  for (let depth = 0; depth < 40; depth++) {
    const plugin = await start({ run: () => plugin.run() });
    for (let slot = 0; slot < 4; slot++) plugin.keep({}, slot);
    const error = thrown(() => deeper(depth, () => plugin.run()));
    same(plugin.liveReferences, 0);
    refused(() => plugin.u8(1), "PluginClosedError", `since it failed: ${error.message}`);
  }
});

test("a trap inside of a call is no failure for the guest outside", async ({ start }) => {
  const plugin = await start({ attempt: () => plugin.trap() });
  same(thrown(() => plugin.attempt("a")) instanceof WebAssembly.RuntimeError, true);
  same(plugin.closed, true);
});

// Guests that break the rules

const FAULTS = {
  bad_text: "text that is not UTF-8: 2 bytes at address 32",
  far_text: "32 bytes at address 4294967280, which is not inside of its memory",
  far_bytes: "1 bytes at address 262144",
  odd_list: "a list at address 12, which is not aligned to 8 bytes",
  far_list: "which is not inside of its memory",
  bad_char: "55296 as a character",
  no_thing: "no_thing(): result is null",
};
for (const [name, message] of Object.entries(FAULTS)) {
  test(`${name}: what the guest returns is checked`, async ({ start, GuestFault }) => {
    const plugin = await start();
    same(refused(() => plugin[name](), "GuestFault", message) instanceof GuestFault, true);
    same(plugin.closed, false);
  });
}

const TOLD = {
  tell_bad_text: "text that is not UTF-8",
  tell_far_text: "32 bytes at address 4294967280",
  tell_odd_list: "not aligned to 8 bytes",
  tell_bad_char: "1114112 as a character",
  tell_no_thing: 'host.pass(): argument "thing" is null',
  fold_nothing: "function 0, which is not in its table",
  fold_far: "function 99, which is not in its table",
};
for (const [name, message] of Object.entries(TOLD)) {
  test(`${name}: what the guest passes is checked, and the host not called`, async ({ start }) => {
    let called = 0;
    const count = () => void called++;
    const plugin = await start({ tell: count, tell_list: count, tell_char: count, pass: count, fold: count });
    refused(() => plugin[name](), "GuestFault", message);
    same(called, 0);
    same(plugin.closed, true);
  });
}

test("narrow results are narrow, whatever the guest returns", async ({ start }) => {
  const plugin = await start();
  same(plugin.wide_bool(), true);
  same(plugin.wide_u8(), 255);
  same(plugin.wide_s8(), -128);
});

// Memory

test("memory may grow inside of a call", async ({ start }) => {
  const long = "\u00e9".repeat(300000);
  const plugin = await start({
    str(value) {
      plugin.grow(3);
      same(plugin.str === undefined, false);
      return value + long;
    },
  });
  same(plugin.str(long), long + long);
  plugin.grow(1);
  same(plugin.bytes(Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
});

test("the host may call the guest inside of a call", async ({ start }) => {
  const plugin = await start({ str: (value) => (value === "" ? "." : plugin.str(value.slice(1)) + value) });
  same(plugin.str("abc"), ".cbcabc");
});

test("a list is lent, and can be filled where the guest allows it", async ({ start }) => {
  let lent;
  const plugin = await start({
    fill(list) {
      lent = list;
      list.forEach((value, index) => (list[index] = value * 2));
    },
  });
  const given = Int32Array.of(1, 2, 3);
  same(plugin.fill(given), Int32Array.of(2, 4, 6));
  same(given, Int32Array.of(1, 2, 3));
  plugin.grow(1);
  same(lent.length, 0);
});

test("a list that was lent can be returned, though the memory grows for the result", async ({ start }) => {
  const plugin = await start();
  const bytes = Uint8Array.from({ length: 50000 }, (_, index) => index);
  const numbers = Float64Array.from({ length: 9000 }, (_, index) => index);
  for (let count = 0; count < 5; count++) {
    same(plugin.bytes(bytes), bytes);
    same(plugin.list_f64(numbers), numbers);
  }
});

test("a list that comes back is a copy", async ({ start }) => {
  const plugin = await start();
  const first = plugin.list_f64(Float64Array.of(1, 2));
  plugin.grow(1);
  same(first, Float64Array.of(1, 2));
  same(first.buffer.byteLength, 16);
});

test("what only looks like an array is none", async ({ start }) => {
  const plugin = await start();
  const alike = { [Symbol.toStringTag]: "Uint8Array", length: 2 ** 31 };
  refused(() => plugin.bytes(alike), "TypeError", "is an object of class Object, expected an array of type Uint8Array");
  same(plugin.closed, false);
});

test("lists that are longer than any memory are refused", async ({ start }) => {
  const plugin = await start();
  const endless = (Kind, length) => Object.defineProperty(new Kind(1), "length", { value: length });
  refused(() => plugin.bytes(endless(Uint8Array, 2 ** 32)), "RangeError", "a list has 4294967296 bytes");
  refused(() => plugin.list_f64(endless(Float64Array, 2 ** 29 + 1)), "RangeError", "a list has 4294967304 bytes");
  same(plugin.bytes(Uint8Array.of(1)), Uint8Array.of(1));
});

test("arrays from another realm are arrays", async ({ start }) => {
  const plugin = await start();
  const foreign = Object.setPrototypeOf(Uint8Array.of(1, 2), Object.create(Object.getPrototypeOf(Uint8Array.prototype)));
  same(foreign instanceof Uint8Array, false);
  same(plugin.bytes(foreign), Uint8Array.of(1, 2));
});

// Functions of the guest

test("a function of the guest can be called, now and later", async ({ start }) => {
  const kept = [];
  const plugin = await start({
    fold(first, step) {
      kept.push(step);
      return [1, 2, 3].reduce(step2(step), first);
    },
  });
  const step2 = (step) => (sum, value) => step(sum, value);
  same(plugin.fold(10), 16);
  same(plugin.fold(0), 6);
  same(kept[0] === kept[1], true);
  same(kept[0](2, 3), 5);
  refused(() => kept[0](2 ** 31, 0), "RangeError", "argument 1 is 2147483648");
  plugin.close();
  refused(() => kept[0](2, 3), "PluginClosedError", "the plugin is closed");
});

test("a function of the guest that traps closes the plugin", async ({ start }) => {
  const plugin = await start({ fold: (first, step) => step(first, 1) });
  same(thrown(() => plugin.fold_trap()) instanceof WebAssembly.RuntimeError, true);
  same(plugin.closed, true);
});

test("a function of the guest takes and returns text", async ({ start }) => {
  let found;
  const plugin = await start({ translate: (how) => void (found = how("h\u00e9llo")) });
  plugin.translate();
  same(found, "h\u00e9llo");
});

// Host objects

test("the guest makes, asks, changes and calls objects of the classes that are given", async ({ start }) => {
  const plugin = await start();
  const made = plugin.vector(2);
  same(made instanceof Vector, true);
  same(plugin.sum(made, new Vector(3)).x, 5.5);
  same(plugin.twice(made), 4 + 100);
  same(made.x, 4);
});

test("an object of another class is out of reach", async ({ start }) => {
  const touched = [];
  const other = { get x() { return touched.push("x"); }, add: () => touched.push("add") };
  const plugin = await start();
  for (const call of [() => plugin.twice(other), () => plugin.sum(other, new Vector(1)), () => plugin.twice(5)]) {
    refused(call, "TypeError", "expected an instance of client.Vector");
  }
  refused(() => plugin.twice(null), "TypeError", "is null, expected a reference to Vector");
  same(plugin.closed, false);
  refused(() => plugin.x_of(other), "GuestFault", "which is no instance of the class that the host allows");
  same(touched, []);
});

test("a class may say what counts as its instance", async ({ start }) => {
  const Shape = { [Symbol.hasInstance]: (value) => "x" in value, zero: () => ({ x: 1, add: (other) => other }) };
  function Made(x) {
    this.x = x;
  }
  Object.defineProperty(Made, Symbol.hasInstance, { value: Shape[Symbol.hasInstance] });
  Made.zero = Shape.zero;
  const plugin = await start({}, { client: { Vector: Made, origin: { x: 5 } } });
  same(plugin.twice({ x: 1 }), 2 + 5);
});

// What a host lacks

test("a host that lacks something is told all of it at once", async ({ load, start }) => {
  const error = await rejected(load({ host: { str: 5, bool: (a, b) => a }, client: {} }), "TypeError", "host.str is 5, expected a function (value)");
  for (const line of [
    "host.bool takes 2 arguments, expected a function (value)",
    "host.u8 is missing, expected a function (value)",
    "imports.plain is undefined, expected an object with what the plugin imports from it",
    "client.Vector is missing, expected a class",
    "client.origin is missing, expected an object",
  ]) {
    if (!error.message.split("\n").includes(line)) throw new Error(`${error.message}\nlacks: ${line}`);
  }
  await rejected(load(), "TypeError", "imports.host is undefined");
  await rejected(load(null), "TypeError", "imports.host is undefined");
  await rejected(start({}, { client: { Vector: {}, origin } }), "TypeError", "client.Vector is an object of class Object, expected a class");
  await rejected(start({}, { client: { Vector: class {}, origin } }), "TypeError", "client.Vector.zero is missing, expected a function of its own");
});

test("a host may be an instance of a class", async ({ load, start }) => {
  class Host {
    #secret = 5;
    u8(value) {
      return value + this.#secret;
    }
  }
  const functions = Object.getOwnPropertyNames(Host.prototype);
  same(functions, ["constructor", "u8"]);
  const instance = new Host();
  const rest = {};
  await start({}, {}).then((plugin) => plugin.close());
  for (const name of [...SCALARS, ...BUFFERS, ...Object.keys(ARRAYS)]) rest[name] = (value) => value;
  const plugin = await start({ u8: (value) => instance.u8(value) });
  same(plugin.u8(1), 6);
});

// Names

test("an export whose name the plugin needs gets an underscore", async ({ start }) => {
  const plugin = await start();
  same(plugin.then_(), 7);
  same(plugin.close_(), 8);
  same(plugin.constructor(3), 3);
  same(plugin.then, undefined);
});

test("functions without an interface pass core values", async ({ start }) => {
  const plugin = await start();
  same(plugin.number(1, 2n, 0.5), 2n);
  same(plugin.two(), [-1, -2n]);
  refused(() => plugin.number("1", 2n, 0.5), "TypeError", "expected an integer of 32 bits");
  refused(() => plugin.number(1, 2, 0.5), "TypeError", "expected a bigint of 64 bits");
  refused(() => plugin.number(2 ** 32, 2n, 0.5), "RangeError", "expected an integer of 32 bits");
});
