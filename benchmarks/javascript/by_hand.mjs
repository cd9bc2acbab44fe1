// Glue for guests/calls as a programmer would write it who takes care of right values only: no checks, no errors, no end.
// It does what wasm-bindgen's glue does: numbers are made unsigned, text is passed by the character as long as it is
// ASCII, the rest by the encoder, into memory that is then cut to size.

export async function load({ host }, module) {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
  let cached = new Uint8Array(0);
  const bytes = () => (cached.byteLength === 0 ? (cached = new Uint8Array(memory.buffer)) : cached);
  let length = 0;

  const read = (address, count) => decoder.decode(bytes().subarray(address >>> 0, (address >>> 0) + count));
  const write = (text) => {
    let size = text.length;
    let address = cabi_realloc(0, 0, 1, size) >>> 0;
    let view = bytes();
    let done = 0;
    for (; done < size; done++) {
      const code = text.charCodeAt(done);
      if (code > 0x7f) break;
      view[address + done] = code;
    }
    if (done !== size) {
      const rest = text.slice(done);
      address = cabi_realloc(address, size, 1, (size = done + rest.length * 3)) >>> 0;
      view = bytes().subarray(address + done, address + size);
      done += encoder.encodeInto(rest, view).written;
      address = cabi_realloc(address, size, 1, done) >>> 0;
    }
    length = done;
    return address;
  };

  let cachedNumbers = new Float64Array(0);
  const numbers = () => (cachedNumbers.length === 0 ? (cachedNumbers = new Float64Array(memory.buffer)) : cachedNumbers);
  const writeList = (list) => {
    const address = cabi_realloc(0, 0, 8, list.length * 8) >>> 0;
    numbers().set(list, address / 8);
    length = list.length;
    return address;
  };

  const instance = await WebAssembly.instantiate(module, {
    host: {
      numbers: (left, right) => host.numbers(left >>> 0, right >>> 0),
      reference: (given, right) => host.reference(given, right >>> 0),
      text: (address, count) => host.text(read(address, count)),
      item: () => host.item(),
      answer: () => BigInt(write(host.answer())) | (BigInt(length) << 32n),
    },
  });
  const { memory, cabi_realloc, ...functions } = instance.exports;
  return {
    ...functions,
    take_numbers: (left, right) => functions.take_numbers(left, right) >>> 0,
    take_reference: (given, right) => functions.take_reference(given, right) >>> 0,
    take_text: (text) => functions.take_text(write(text), length) >>> 0,
    take_list: (list) => functions.take_list(writeList(list), length) >>> 0,
    take_answer() {
      const answer = functions.take_answer();
      return read(Number(answer & 0xffffffffn), Number(answer >> 32n));
    },
  };
}
