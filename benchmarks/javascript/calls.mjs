// Calls between a host and guests/calls, through generated glue and through glue by hand, in turn: prints nanoseconds.
//
//     node calls.mjs FOLDER TURN

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as byHand from "./by_hand.mjs";

/** Texts of 40 characters, so many that an engine does not take them for constants. */
const TEXTS = Array.from({ length: 16 }, (_, start) => [..."Forty characters, of which some are blank, as in all texts"].slice(start, start + 40).join(""));
const ROUNDS = 30;
/** Calls a round: a millisecond or so, in which a machine with something else to do leaves one in peace now and then. */
const CALLS = { numbers: 200_000, reference: 200_000, item: 200_000, list: 50_000, text: 10_000, answer: 10_000, "long text": 500 };
const TAKEN = { numbers: "3, 4", reference: "item, 4", item: "", text: "TEXTS[done & 15]", answer: "" };
const LIST = Float64Array.from({ length: 20 }, (_, index) => index / 2);
const LONG_TEXTS = TEXTS.map((text) => text.repeat(100));

const [folder, turn] = process.argv.slice(2);
const path = (name) => pathToFileURL(resolve(join(folder, name)));
const module = await WebAssembly.compile(await readFile(path("calls.wasm")));
const ways = { bindings: await import(path("calls.js")), "by hand": byHand };

const makeHost = (item, asked = 0) => ({
  numbers: (left, right) => left + right,
  reference: (_item, right) => right,
  text: (text) => text.length,
  item: () => item,
  answer: () => TEXTS[asked++ & 15],
});

/** Make loops of their own for each way, so that an engine can learn nothing about one from the other. */
async function loops(way, { load }) {
  const item = {};
  const plugin = await load({ host: makeHost(item) }, module);
  plugin.keep(item);
  const names = ["plugin", "item", "TEXTS", "LONG_TEXTS", "LIST"];
  const compiled = (body) => new Function(...names, `/* ${way} */ ${body}`)(plugin, item, TEXTS, LONG_TEXTS, LIST);
  const repeated = (call) => compiled(`return (count) => { for (let done = 0; done < count; done++) plugin.${call}; };`);
  const made = {
    "guest, list": repeated("take_list(LIST)"),
    "guest, long text": repeated("take_text(LONG_TEXTS[done & 15])"),
  };
  for (const [kind, given] of Object.entries(TAKEN)) {
    made[`host, ${kind}`] = compiled(`return (count) => plugin.repeat_${kind}(item, count);`);
    made[`guest, ${kind}`] = repeated(`take_${kind}(${given})`);
  }
  return made;
}

const best = {};
const made = {};
const order = Number(turn) % 2 === 0 ? Object.entries(ways) : Object.entries(ways).reverse();
for (const [name, bindings] of order) made[name] = await loops(name, bindings);
const rows = Object.keys(made.bindings);
rows.push(...rows.splice(0, Number(turn) % rows.length));
for (let round = 0; round < ROUNDS; round++) {
  for (const what of rows) {
    const calls = CALLS[what.split(", ")[1]];
    for (const [name] of order) {
      const start = process.hrtime.bigint();
      made[name][what](calls);
      const taken = Number(process.hrtime.bigint() - start) / calls;
      (best[what] ??= {})[name] = Math.min(best[what][name] ?? Infinity, taken);
    }
    order.reverse();
  }
}
console.log(JSON.stringify({ node: process.versions.node, calls: best }));
