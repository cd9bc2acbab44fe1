let buffer;

let bytes = new Uint8Array(0);

let view;

let size = 0;

const caches = [];

const current = () => {
  if (bytes.length === 0) {
    buffer = guest.memory.buffer;
    bytes = new Uint8Array(buffer);
    view = new DataView(buffer);
  }
  return bytes;
};

const forgetMemory = () => {
  guest.memory = { get buffer() { return refuse(); } };
  buffer = view = undefined;
  bytes = new Uint8Array(0);
  for (const clear of caches) clear();
};

const reallocate = (old, oldLength, alignment, length) => {
  try {
    return guest.cabi_realloc(old, oldLength, alignment, length) >>> 0;
  } catch (error) {
    throw abort(error);
  }
};

const allocate = (length, alignment) => (length === 0 ? alignment : reallocate(0, 0, alignment, length));

const allocated = (address, length) => {
  const memory = current();
  if (length > 0xffffffff) throw new RangeError(`a list has ${length} bytes, more than any plugin's memory`);
  if (address + length > memory.length) throw abort(beyond(address, length));
  return memory;
};

const sendText = (text, what) => {
  const length = text.length;
  if (length > 64) return sendEncoded(text, what, 0, 0);
  const address = allocate(length, 1);
  const memory = allocated(address, length);
  let index = 0;
  for (; index + 4 <= length; index += 4) {
    const first = text.charCodeAt(index);
    const second = text.charCodeAt(index + 1);
    const third = text.charCodeAt(index + 2);
    const fourth = text.charCodeAt(index + 3);
    if ((first | second | third | fourth) > 127) return sendEncoded(text, what, address, length);
    view.setInt32(address + index, first | (second << 8) | (third << 16) | (fourth << 24), true);
  }
  for (; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 127) return sendEncoded(text, what, address, length);
    memory[address + index] = unit;
  }
  size = length;
  return address;
};

const sendEncoded = (text, what, old, oldLength) => {
  if (!wellFormed(text)) {
    if (oldLength !== 0) reallocate(old, oldLength, 1, 0);
    throw wrong(what, "a string without lone surrogates", text);
  }
  const isLong = text.length * 3 > scratch.length;
  const encoded = isLong ? encoder.encode(text) : scratch;
  const length = isLong ? encoded.length : encoder.encodeInto(text, scratch).written;
  const address = reallocate(old, oldLength, 1, length);
  const memory = allocated(address, length);
  if (length > 96) {
    memory.set(encoded.subarray(0, length), address);
  } else {
    for (let index = 0; index < length; index++) memory[address + index] = encoded[index];
  }
  size = length;
  return address;
};

const shortText = (memory, address, end) => {
  let text = "";
  let index = address;
  for (; index + 8 <= end; index += 8) {
    const a = memory[index];
    const b = memory[index + 1];
    const c = memory[index + 2];
    const d = memory[index + 3];
    const e = memory[index + 4];
    const f = memory[index + 5];
    const g = memory[index + 6];
    const h = memory[index + 7];
    if ((a | b | c | d | e | f | g | h) > 127) return undefined;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; index < end; index++) {
    if (memory[index] > 127) return undefined;
    text += String.fromCharCode(memory[index]);
  }
  return text;
};

const receiveText = (start, length) => {
  const memory = current();
  const address = start >>> 0;
  const end = address + (length >>> 0);
  if (end > memory.length) throw beyond(address, length >>> 0);
  if (end - address <= 12) {
    const text = shortText(memory, address, end);
    if (text !== undefined) return text;
  }
  try {
    return decoder.decode(new Uint8Array(buffer, address, end - address));
  } catch (cause) {
    const where = `${end - address} bytes at address ${address}`;
    throw new GuestFault(`the plugin passed text that is not UTF-8: ${where}`, { cause });
  }
};

const receiveBytes = (start, length) => {
  const memory = current();
  const address = start >>> 0;
  const end = address + (length >>> 0);
  if (end > memory.length) throw beyond(address, length >>> 0);
  return new Uint8Array(buffer, address, end - address);
};

const copyOfOwn = (values) => (lends && values?.byteOffset > 0 && values.buffer === buffer ? values.slice() : values);

const sendBytes = (given) => {
  const values = copyOfOwn(given);
  const { length } = values;
  const address = allocate(length, 1);
  const memory = allocated(address, length);
  memory.set(values, address);
  size = length;
  return address;
};

const receiveList = (Kind, start, count) => {
  const memory = current();
  const address = start >>> 0;
  const length = (count >>> 0) * Kind.BYTES_PER_ELEMENT;
  if (address + length > memory.length) throw beyond(address, length);
  if (address % Kind.BYTES_PER_ELEMENT !== 0) throw misaligned(address, Kind.BYTES_PER_ELEMENT);
  return new Kind(buffer, address, count >>> 0);
};

const listSender = (Kind) => {
  const width = Kind.BYTES_PER_ELEMENT;
  const shift = Math.log2(width);
  const kept = { view: new Kind(0) };
  caches.push(() => (kept.view = new Kind(0)));
  return (given) => {
    const values = copyOfOwn(given);
    const { length } = values;
    const address = allocate(length * width, width);
    if (kept.view.length === 0) kept.view = new Kind(current().buffer);
    const { view } = kept;
    const start = address >>> shift;
    if (start + length > view.length || (address & (width - 1)) !== 0) {
      allocated(address, length * width);
      throw abort(misaligned(address, width));
    }
    view.set(values, start);
    size = length;
    return address;
  };
};

const sendInt8Array = listSender(Int8Array);

const sendInt16Array = listSender(Int16Array);

const sendUint16Array = listSender(Uint16Array);

const sendInt32Array = listSender(Int32Array);

const sendUint32Array = listSender(Uint32Array);

const sendBigInt64Array = listSender(BigInt64Array);

const sendBigUint64Array = listSender(BigUint64Array);

const sendFloat32Array = listSender(Float32Array);

const sendFloat64Array = listSender(Float64Array);

const pack = (address) => {
  words[0] = address;
  words[1] = size;
  return pair[0];
};

const unpack = (result) => {
  pair[0] = result;
  size = words[1];
  return words[0];
};

const report = (error, place) => {
  if (state.closed) throw error;
  const address = sendText(decoder.decode(encoder.encode(messageOf(error))));
  current();
  view.setUint32(place >>> 0, address, true);
  view.setUint32((place >>> 0) + 4, size, true);
};

const fail = (address, length) => {
  state.failure = receiveText(address, length);
};

const settle = (outer) => {
  const { failure } = state;
  state.failure = outer;
  if (failure !== undefined) throw new GuestError(failure);
};

const panic = (address, length, file, fileLength, line, column) => {
  const lenient = new TextDecoder();
  const message = lenient.decode(receiveBytes(address, length));
  const place = lenient.decode(receiveBytes(file, fileLength));
  const limit = Error.stackTraceLimit;
  if (limit > 0) Reflect.set(Error, "stackTraceLimit", limit + 15); // a panic itself makes that many calls
  const error = new GuestPanic(message, place, line >>> 0, column >>> 0);
  if (limit > 0) Reflect.set(Error, "stackTraceLimit", limit);
  throw error;
};

const guestFunction = (index) => {
  if (state.closed) refuse();
  const entry = index >>> 0 < guest.__indirect_function_table.length ? guest.__indirect_function_table.get(index >>> 0) : null;
  if (entry === null) throw new GuestFault(`the plugin passed function ${index >>> 0}, which is not in its table`);
  return entry;
};

const refuse = () => {
  const why = state.failed ? `, since it failed: ${messageOf(state.reason)}` : "";
  throw new PluginClosedError(`the plugin is closed${why}`, { cause: state.reason });
};

const abort = (error) => {
  if (!state.closed) {
    state.failed = true;
    state.reason = error;
  }
  close();
  return error;
};

const held = (table) => {
  let count = 0;
  for (let slot = 0; slot < table.length; slot++) count += table.get(slot) === null ? 0 : 1;
  return count;
};

const release = (table) => {
  for (let slot = 0; slot < table.length; slot++) table.set(slot, null);
};
