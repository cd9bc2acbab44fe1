/** Root of all that a plugin itself does wrong, but for the engine's own traps. */
export class PluginError extends Error {}
PluginError.prototype.name = "PluginError";

/** A function of the plugin failed: the `Err` of its result. The plugin stays usable. */
export class GuestError extends PluginError {}
GuestError.prototype.name = "GuestError";

/** The plugin broke the rules of its interface. */
export class GuestFault extends PluginError {}
GuestFault.prototype.name = "GuestFault";

/** The plugin panicked, and is closed. */
export class GuestPanic extends PluginError {
  constructor(message, file, line, column) {
    super(message);
    this.file = file;
    this.line = line;
    this.column = column;
  }
}
GuestPanic.prototype.name = "GuestPanic";

/** The plugin was closed, by its host or by what stopped it. */
export class PluginClosedError extends PluginError {}
PluginClosedError.prototype.name = "PluginClosedError";

const encoder = new TextEncoder();

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const scratch = new Uint8Array(49152);

const pair = new BigInt64Array(1);

const words = new Uint32Array(pair.buffer);

const wellFormed = "".isWellFormed ? (text) => text.isWellFormed() : (text) => !/\p{Surrogate}/u.test(text);

const isText = (value) => typeof value === "string" && wellFormed(value);

const isScalar = (value) => {
  if (typeof value !== "string" || value.length === 0) return false;
  const point = value.codePointAt(0);
  return point > 0xffff ? value.length === 2 : value.length === 1 && (point < 0xd800 || point > 0xdfff);
};

const isSingle = (value) =>
  typeof value === "number" && (Number.isFinite(Math.fround(value)) || !Number.isFinite(value));

const isArray = (Kind, value) =>
  value instanceof Kind || (ArrayBuffer.isView(value) && value[Symbol.toStringTag] === Kind.name);

const shown = (value) => {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "" ? `an object of class ${name}` : "an object";
};

const messageOf = (error) => {
  if (typeof error?.message === "string") return error.message;
  return typeof error === "string" ? error : shown(error);
};

const wrong = (what, expected, value) => new TypeError(`${what} is ${shown(value)}, expected ${expected}`);

const unfit = (what, type, expected, value) => {
  const Kind = typeof value === type && Number.isInteger(Number(value)) ? RangeError : TypeError;
  return new Kind(`${what} is ${shown(value)}, expected ${expected}`);
};

const beyond = (address, length) =>
  new GuestFault(`the plugin passed ${length} bytes at address ${address}, which is not inside of its memory`);

const misaligned = (address, alignment) =>
  new GuestFault(`the plugin passed a list at address ${address}, which is not aligned to ${alignment} bytes`);

const scalar = (value) => {
  if (value >>> 0 > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    throw new GuestFault(`the plugin passed ${value >>> 0} as a character, expected a Unicode scalar value`);
  }
  return String.fromCodePoint(value);
};

const none = (what) => new GuestFault(`${what} is null, which the plugin's interface rules out`);

const alien = (what, value) =>
  new GuestFault(`${what} is ${shown(value)}, which is no instance of the class that the host allows`);

const problemWith = (imports, [module, name, kind, form, detail]) => {
  const object = imports?.[module];
  if (object === null || (typeof object !== "object" && typeof object !== "function")) {
    return `imports.${module} is ${shown(object)}, expected an object with what the plugin imports from it`;
  }
  const value = object[name];
  const what = `${module}.${name}`;
  if (kind === "static") {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return undefined;
    const found = value[detail];
    if (typeof found === "function" && found !== Function.prototype[detail]) return undefined;
    return `${what}.${detail} is ${found === undefined ? "missing" : shown(found)}, expected ${form}`;
  }
  const isEveryones = name === "constructor" || name === "__proto__" || value === Object.prototype[name];
  const inherited = isEveryones && !Object.hasOwn(object, name);
  if (value === undefined || inherited) return `${what} is missing, expected ${form}`;
  if (kind === "value" || (kind === "type" && typeof value?.[Symbol.hasInstance] === "function")) return undefined;
  if (kind === "namespace" && typeof value === "object" && value !== null) return undefined;
  if (typeof value !== "function") return `${what} is ${shown(value)}, expected ${form}`;
  if (kind === "function" && value.length > detail) return `${what} takes ${value.length} arguments, expected ${form}`;
  return undefined;
};

const checkImports = (imports) => {
  const problems = new Set(NEEDED.map((needed) => problemWith(imports, needed)).filter(Boolean));
  if (problems.size !== 0) throw new TypeError([...problems].join("\n"));
};

const checkModule = (module) => {
  const found = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  const lacks = EXPORTS.filter((name) => !found.has(name));
  const differs = WebAssembly.Module.customSections(module, "externref.interface").some((section) => {
    const hash = new Uint8Array(section).reduce((state, byte) => Math.imul(state ^ byte, 0x01000193), 0x811c9dc5);
    return hash >>> 0 !== INTERFACE;
  });
  const own = "the one that these bindings were made for: make them again from this module";
  if (lacks.length !== 0) throw new TypeError(`the module lacks the export ${lacks.join(", ")}, which is in ${own}`);
  if (differs) throw new TypeError(`the module has another interface than ${own}`);
};

const importUnseen = (name) => import(/* webpackIgnore: true */ /* @vite-ignore */ name);

const urlOf = (text) => {
  try {
    return new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (cause) {
    const remedy = "expected one as of `new URL(...)`, or the module itself";
    throw new TypeError(`the source is ${shown(text)}, which is no URL: ${remedy}`, { cause });
  }
};

const saying = (where) => (cause) => {
  if (!(cause instanceof WebAssembly.CompileError)) throw cause;
  throw new WebAssembly.CompileError(`${where}: ${cause.message}`, { cause });
};

const fetched = (url) =>
  fetch(url).catch((cause) => {
    throw new Error(`${url} cannot be loaded: ${cause.message}`, { cause });
  });

const compileResponse = async (response) => {
  const { url, ok, status, statusText, headers } = response;
  const where = url || "the response";
  if (!ok) throw new Error(`${where} cannot be loaded: ${status} ${statusText}`);
  const type = headers.get("Content-Type")?.trim().toLowerCase();
  const isStream = type === "application/wasm" && WebAssembly.compileStreaming;
  const source = isStream ? response : await response.arrayBuffer();
  const module = isStream ? WebAssembly.compileStreaming(source, BUILTINS) : WebAssembly.compile(source, BUILTINS);
  return module.catch(saying(`${where}, of type ${type}`));
};

const compile = async (given) => {
  const source = await given;
  if (source instanceof WebAssembly.Module) return source;
  if (typeof Response !== "undefined" && source instanceof Response) return compileResponse(source);
  if (typeof source !== "string" && !(source instanceof URL)) return WebAssembly.compile(source, BUILTINS);
  const url = urlOf(source);
  if (url.protocol !== "file:") return compileResponse(await fetched(url));
  const { readFile } = await importUnseen("node:fs/promises");
  return WebAssembly.compile(await readFile(url), BUILTINS).catch(saying(url));
};

const compileOwn = async () => {
  let url;
  try {
    url = ownUrl();
  } catch (cause) {
    throw new TypeError("a bundler took the place of the bindings: give `load` the module as its source", { cause });
  }
  return compile(url);
};

let compiled;

const ownModule = () => {
  compiled ??= compileOwn().catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
};

const wasiFunctions = (module, granted, memory) => {
  const denied = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "wasi_snapshot_preview1") denied[name] = () => (name.startsWith("fd_") ? 8 : 76);
  }
  const nothing = (count, length) => {
    const view = new DataView(memory());
    view.setUint32(count >>> 0, 0, true);
    view.setUint32(length >>> 0, 0, true);
    return 0;
  };
  const proc_exit = (code) => {
    throw new PluginError(`the plugin exited with code ${code}`);
  };
  const empty = { args_get: () => 0, environ_get: () => 0, args_sizes_get: nothing, environ_sizes_get: nothing };
  const given = granted?.wasiImport ? { ...granted.wasiImport, proc_exit } : granted;
  return { ...denied, ...empty, proc_exit, ...given };
};

const trapUnless = (condition, message) => {
  if (!condition) throw new WebAssembly.RuntimeError(message);
};

const asString = (value) => {
  trapUnless(typeof value === "string", "illegal cast");
  return value;
};

const offsetIn = (text, offset) => {
  trapUnless(offset >>> 0 < asString(text).length, "string offset out of bounds");
  return offset >>> 0;
};

const stringFunctions = {
  cast: asString,
  test: (value) => (typeof value === "string" ? 1 : 0),
  fromCharCode: (unit) => String.fromCharCode(unit),
  fromCodePoint(point) {
    trapUnless(point >>> 0 <= 0x10ffff, "invalid code point");
    return String.fromCodePoint(point);
  },
  charCodeAt: (text, offset) => asString(text).charCodeAt(offsetIn(text, offset)),
  codePointAt: (text, offset) => asString(text).codePointAt(offsetIn(text, offset)),
  length: (text) => asString(text).length,
  concat: (first, second) => asString(first) + asString(second),
  substring: (text, start, end) => (start >>> 0 > end >>> 0 ? "" : asString(text).substring(start >>> 0, end >>> 0)),
  equals: (first, second) => ((first === null ? null : asString(first)) === (second === null ? null : asString(second)) ? 1 : 0),
  compare: (first, second) => (asString(first) === asString(second) ? 0 : first < second ? -1 : 1),
};
