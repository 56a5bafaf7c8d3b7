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
    if (count > this.bytes.length - at) {
      throw new WeightsError(
        `The file ends at byte ${this.bytes.length}, inside ${what}: ${count} bytes are expected from byte ${at} on. ` +
          'It is truncated or damaged; fetch it again.',
      );
    }
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
