/** A cursor over bytes that a file brought: nothing is read past the end, and every count is checked before it is used. */

const MESSAGE = 2000;

/** What is wrong with a file of weights. Anything else that a reader throws is a defect of the reader. */
export class WeightsError extends Error {
  override name = 'WeightsError';

  /** What a file calls a thing may have megabytes: the message is cut. */
  constructor(message: string, options?: ErrorOptions) {
    super(message.length > MESSAGE ? `${message.slice(0, MESSAGE)}…` : message, options);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws WeightsError if the bytes are not UTF-8; `what` names them in the error. */
export function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new WeightsError(`${what} is not valid UTF-8; the file is damaged.`, { cause });
  }
}

/** A file's bytes, wherever they are: a part at a time, as a file can have more than fit into one array. */
export interface ByteSource {
  readonly size: number;
  /** Of at most what is there: {@link partOf} checks it. */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes that are in memory already; parts are views. */
export const memoryBytes = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/** @throws WeightsError where the file ends before; `what` names the part in the error. */
export function partOf(source: ByteSource, offset: number, length: number, what: string): Uint8Array {
  if (offset + length > source.size) throw endsInside(source.size, what, length, offset);
  return source.read(offset, length);
}

const endsInside = (size: number, what: string, count: number, at: number) =>
  new WeightsError(
    `The file ends at byte ${size}, inside ${what}: ${count} bytes are expected from byte ${at} on. ` +
      'It is truncated or damaged; fetch it again.',
  );

/** Little-endian, as all three formats are. */
export class ByteReader {
  readonly bytes: Uint8Array;
  offset: number;
  #view: DataView;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Steps over `count` bytes and returns where they begin. */
  #step(count: number, what: string): number {
    const at = this.offset;
    if (count > this.bytes.length - at) throw endsInside(this.bytes.length, what, count, at);
    this.offset += count;
    return at;
  }

  /** A view of the next bytes, not a copy. */
  take(count: number, what: string): Uint8Array {
    const at = this.#step(count, what);
    return this.bytes.subarray(at, at + count);
  }

  u8(what: string): number {
    return this.#view.getUint8(this.#step(1, what));
  }

  u16(what: string): number {
    return this.#view.getUint16(this.#step(2, what), true);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#step(4, what), true);
  }

  i32(what: string): number {
    return this.#view.getInt32(this.#step(4, what), true);
  }

  /** A 64-bit count. Beyond 2^53 it is no count of anything in a file. */
  u64(what: string): number {
    const value = this.#view.getBigUint64(this.#step(8, what), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new WeightsError(`The file states ${value} as ${what}, which no file can hold; it is damaged.`);
    }
    return Number(value);
  }

  /** Big-endian: pickle's floats are the exception. */
  f64BigEndian(what: string): number {
    return this.#view.getFloat64(this.#step(8, what), false);
  }

  /** The text up to the next newline, which is stepped over, of at most `limit` bytes. */
  line(limit: number, what: string): string {
    const length = this.bytes.subarray(this.offset, this.offset + limit + 1).indexOf(10);
    if (length < 0)
      throw new WeightsError(`No end of line within ${limit} bytes, inside ${what}; the file is damaged.`);
    const text = decodeText(this.take(length, what), what);
    this.offset++;
    return text;
  }
}
