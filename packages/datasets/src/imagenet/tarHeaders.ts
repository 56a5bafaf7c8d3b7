/** Where the files lie in an uncompressed tar, without reading them (POSIX.1-2017, pax, "ustar Interchange Format"). */
import { closeSync, readSync } from 'node:fs';
import { openFileSync } from '@refconv/files';

const BLOCK = 512;

export interface TarEntry {
  name: string;
  /** Of the first byte of its contents in the file that was opened. */
  offset: number;
  size: number;
}

/**
 * The regular files of a tar in their order. Headers are read in larger pieces, contents are passed over.
 *
 * @param begin where the tar begins in the file, and `end` where it ends: for a tar within a tar.
 * @throws {Error} if a header is damaged or the tar ends within a file; names the place.
 */
export function* tarEntries(file: TarFile, begin = 0, end = file.size): Generator<TarEntry> {
  let longName: string | undefined;
  for (let at = begin; at + BLOCK <= end; ) {
    const header = file.bytes(at, BLOCK);
    if (header[0] === 0 && header.every((byte) => byte === 0)) return;
    if (number(header, 148, 8) !== checksum(header)) {
      throw new Error(`${file.path}: there is no tar header at byte ${at}; the file is damaged or no tar.`);
    }
    const size = number(header, 124, 12);
    const contents = at + BLOCK;
    if (contents + size > end) {
      throw new Error(`${file.path} ends at byte ${end}, within ${text(header, 0, 100)}: it is not complete.`);
    }
    const type = String.fromCharCode(header[156] as number);
    if (type === 'L') longName = file.text(contents, size).replace(/\0.*$/s, '');
    else if (type === 'x') longName = / path=([^\n]*)\n/.exec(file.text(contents, size))?.[1] ?? longName;
    else {
      if (type === '0' || type === '\0') {
        const prefix = text(header, 257, 5) === 'ustar' && header[262] === 0 ? text(header, 345, 155) : '';
        const short = text(header, 0, 100);
        yield { name: longName ?? (prefix ? `${prefix}/${short}` : short), offset: contents, size };
      }
      longName = undefined;
    }
    at = contents + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/** A file that is read here and there, forwards. */
export class TarFile {
  private readonly descriptor: number;
  private window = new Uint8Array(0);
  private start = 0;

  constructor(
    readonly path: string,
    readonly size: number,
    private readonly readAhead = 4096,
  ) {
    this.descriptor = openFileSync(path);
  }

  bytes(at: number, length: number): Uint8Array {
    if (at < this.start || at + length > this.start + this.window.length) {
      const fresh = new Uint8Array(Math.max(length, this.readAhead));
      const read = readSync(this.descriptor, fresh, 0, fresh.length, at);
      if (read < length) throw new Error(`${this.path} ends at byte ${at + read}; expected ${at + length} at least.`);
      this.window = fresh.subarray(0, read);
      this.start = at;
    }
    return this.window.subarray(at - this.start, at - this.start + length);
  }

  text(at: number, length: number): string {
    return Buffer.from(this.bytes(at, length)).toString('utf8');
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function text(header: Uint8Array, at: number, length: number): string {
  const bytes = Buffer.from(header.buffer, header.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end);
}

/** Octal digits, or from 8 GiB on a binary number with the first bit set (GNU and star). */
function number(header: Uint8Array, at: number, length: number): number {
  if (((header[at] as number) & 0x80) !== 0) {
    let value = (header[at] as number) & 0x7f;
    for (let i = at + 1; i < at + length; i++) value = value * 256 + (header[i] as number);
    return value;
  }
  let value = 0;
  for (let i = at; i < at + length; i++) {
    const digit = (header[i] as number) - 48;
    if (digit >= 0 && digit < 8) value = value * 8 + digit;
    else if (header[i] !== 32) break;
  }
  return value;
}

/** The sum of all bytes, those of the checksum counted as spaces. */
function checksum(header: Uint8Array): number {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i] as number;
  return sum;
}
