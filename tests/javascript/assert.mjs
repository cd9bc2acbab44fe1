// Assertions for every engine, spelled like those of node:assert/strict.

export function ok(value) {
  if (!value) throw new Error(`found ${shown(value)}, expected something`);
}

export function equal(found, expected) {
  if (!Object.is(found, expected)) throw new Error(`found ${shown(found)}, expected ${shown(expected)}`);
}

export function deepEqual(found, expected) {
  if (!alike(found, expected)) throw new Error(`found ${shown(found)}, expected ${shown(expected)}`);
}

export function match(text, pattern) {
  if (!pattern.test(text)) throw new Error(`found ${shown(text)}, expected what matches ${pattern}`);
}

/** Expect an error: like another one, of a class, or one that a function finds good. */
export function throws(body, expected) {
  let error;
  try {
    body();
  } catch (found) {
    error = found;
  }
  if (error === undefined) throw new Error(`${body} threw nothing, expected ${shown(expected)}`);
  if (expected instanceof Error) {
    deepEqual([error.name, error.message], [expected.name, expected.message]);
  } else if (!(expected.prototype instanceof Error ? error instanceof expected : expected(error))) {
    throw new Error(`threw ${shown(error)}, expected ${shown(expected)}`);
  }
}

function alike(found, expected) {
  if (typeof expected !== "object" || expected === null) return Object.is(found, expected);
  if (typeof found !== "object" || found === null) return false;
  const keys = Object.keys(expected);
  return (
    Object.getPrototypeOf(found) === Object.getPrototypeOf(expected) &&
    Object.keys(found).length === keys.length &&
    keys.every((key) => alike(found[key], expected[key]))
  );
}

function shown(value) {
  if (value instanceof Error) return value.stack;
  return typeof value === "object" && value !== null ? `${value.constructor?.name} ${JSON.stringify(value)}` : String(value);
}
