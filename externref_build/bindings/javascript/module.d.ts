/** Root of all that a plugin itself does wrong, but for the engine's own traps. */
export class PluginError extends Error {}

/** A function of the plugin failed: the `Err` of its result. The plugin stays usable. */
export class GuestError extends PluginError {
  private readonly guestError;
}

/** The plugin broke the rules of its interface, with text that is not UTF-8, for example. */
export class GuestFault extends PluginError {
  private readonly guestFault;
}

/** The plugin panicked, and is closed. */
export class GuestPanic extends PluginError {
  constructor(message: string, file: string, line: number, column: number);
  /** The source file, as the guest's compiler named it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The plugin was closed, by its host or by what stopped it. */
export class PluginClosedError extends PluginError {
  private readonly pluginClosedError;
}

/** A URL, a response of `fetch` or its promise, an ArrayBuffer or a view of one, or a compiled WebAssembly.Module. */
export type Source = string | object;

declare const brand: unique symbol;

/** An object of the host's, of which only the name is known. */
export interface Opaque<Name extends string> {
  readonly [brand]: Name;
}

/** An array that shares its memory with no other thread: from TypeScript 5.7 on, a `Uint8Array<ArrayBuffer>`. */
export type Unshared<Kind extends { slice(): unknown }> = ReturnType<Kind["slice"]>;

/** A class, or another object that says what its instances are. */
export type Class<Instance> =
  | { readonly prototype: Instance }
  | { [Symbol.hasInstance](value: unknown): boolean };

/** Functions of `wasi_snapshot_preview1`, or an object that has them, such as a `WASI` of `node:wasi`. */
export type Wasi = Record<string, unknown> | { readonly wasiImport: object; initialize?(instance: object): void };
