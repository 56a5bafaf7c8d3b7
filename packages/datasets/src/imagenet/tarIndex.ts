/** An index of the images in a tar, kept beside it, so that they are read in place. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { readBytes, writeAtomically } from '@refconv/files';
import { shared, type TextList } from '../loader/source.js';
import { TarFile, tarEntries } from './tarHeaders.js';

/** The images of a tar, or of the tars within it. */
export interface TarIndex {
  count: number;
  offsets: Float64Array;
  sizes: Uint32Array;
  /** Without folders. */
  names: TextList;
  /** The names of the tars within, sorted, without `.tar`; empty where there are none. */
  groups: string[];
  /** `[count]`: which of them an image lies in. */
  groupOf: Uint16Array;
}

/** "RCIX" and the version of this layout. */
const MAGIC = 0x58494352;
const VERSION = 2;
const HEADER = 64;
const HASH = 32;
const IMAGE = /\.(jpe?g|png)$/i;

/**
 * The index of a tar: read from `<tar>.index`, or made and written there. It is made anew where size or time of the tar
 * have changed. Where the folder cannot be written to, it is made each time, and the log says so.
 *
 * @throws {Error} if the tar is missing, damaged or has no images.
 */
export async function tarIndex(path: string, log?: (message: string) => void): Promise<TarIndex> {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status?.isFile()) throw new Error(`${path} does not exist; expected a tar with images.`);
  const file = `${path}.index`;
  if (existsSync(file)) {
    const known = await readBytes(file).then(
      (bytes) => decode(bytes, status),
      (error: Error) => log?.(error.message),
    );
    if (known) return known;
    log?.(`${file} is damaged, or of another state of the tar; it is made anew.`);
  }
  log?.(`Indexing ${path}, once`);
  const index = buildIndex(path, status.size, log);
  try {
    await writeAtomically(file, [encode(index, status)]);
  } catch (error) {
    log?.(`The index cannot be kept in ${file} (${(error as Error).message}); it will be made again the next time.`);
  }
  return index;
}

/** Reads the headers of a tar, and of the tars in it. */
export function buildIndex(path: string, size: number, log?: (message: string) => void): TarIndex {
  const rows = new Rows();
  const file = new TarFile(path, size);
  const found: { name: string; rows: number }[] = [];
  try {
    for (const entry of tarEntries(file)) {
      const name = entry.name.slice(entry.name.lastIndexOf('/') + 1);
      if (IMAGE.test(name)) rows.add(name, entry.offset, entry.size, found.length);
      else if (name.endsWith('.tar')) {
        for (const inner of tarEntries(file, entry.offset, entry.offset + entry.size)) {
          const image = inner.name.slice(inner.name.lastIndexOf('/') + 1);
          if (IMAGE.test(image)) rows.add(image, inner.offset, inner.size, found.length);
        }
        found.push({ name: name.slice(0, -4), rows: rows.count });
        if (found.length % 100 === 0) log?.(`${found.length} classes, ${rows.count} images`);
      }
    }
  } finally {
    file.close();
  }
  if (rows.count === 0) throw new Error(`${path} has no images (.jpg, .JPEG, .png), also in no tar within it.`);
  const groups = found.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1));
  const rank = new Map(groups.map((name, i) => [name, i]));
  const groupOf = rows.groupOf.slice(0, rows.count).map((group) => rank.get(found[group]?.name ?? '') ?? 0);
  return { ...rows.index(), groups, groupOf };
}

/** Columns that grow. */
class Rows {
  count = 0;
  groupOf = new Uint16Array(1024);
  private offsets = new Float64Array(1024);
  private sizes = new Uint32Array(1024);
  private starts = new Float64Array(1025);
  private bytes = Buffer.alloc(1 << 15);

  add(name: string, offset: number, size: number, group: number): void {
    const i = this.count++;
    if (i === this.offsets.length) {
      this.offsets = grown(this.offsets, new Float64Array(2 * i));
      this.sizes = grown(this.sizes, new Uint32Array(2 * i));
      this.groupOf = grown(this.groupOf, new Uint16Array(2 * i));
      this.starts = grown(this.starts, new Float64Array(2 * i + 1));
    }
    this.offsets[i] = offset;
    this.sizes[i] = size;
    this.groupOf[i] = group;
    const start = this.starts[i] as number;
    const length = Buffer.byteLength(name);
    while (start + length > this.bytes.length) this.bytes = grown(this.bytes, Buffer.alloc(2 * this.bytes.length));
    this.starts[i + 1] = start + this.bytes.write(name, start);
  }

  index(): Pick<TarIndex, 'count' | 'offsets' | 'sizes' | 'names'> {
    const { count } = this;
    const starts = intoShared(Float64Array, this.starts.subarray(0, count + 1));
    const bytes = intoShared(Uint8Array, this.bytes.subarray(0, this.starts[count]));
    return {
      count,
      offsets: intoShared(Float64Array, this.offsets.subarray(0, count)),
      sizes: intoShared(Uint32Array, this.sizes.subarray(0, count)),
      names: { bytes, starts },
    };
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

function intoShared<T extends Uint8Array | Uint32Array | Float64Array>(
  kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  from: ArrayLike<number> & { length: number },
): T {
  const to = shared(kind, from.length);
  to.set(from);
  return to;
}

interface TarState {
  size: number;
  mtimeMs: number;
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

/** Header, then the columns one after the other, each at a multiple of its values' bytes, then the SHA-256 of all before. */
function encode(index: TarIndex, { size, mtimeMs }: TarState): Uint8Array {
  const groups = Buffer.from(JSON.stringify(index.groups));
  const columns = columnsOf(index.count, index.names.bytes.length, groups.length);
  const out = Buffer.alloc(columns.end + HASH);
  const view = new DataView(out.buffer, out.byteOffset);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  [size, mtimeMs, index.count, index.names.bytes.length, groups.length].forEach((value, i) => {
    view.setFloat64(8 + 8 * i, value, true);
  });
  const put = (at: number, data: Uint8Array | Uint16Array | Uint32Array | Float64Array) =>
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
  put(columns.offsets, index.offsets);
  put(columns.starts, index.names.starts);
  put(columns.sizes, index.sizes);
  put(columns.groupOf, index.groupOf);
  put(columns.names, index.names.bytes);
  put(columns.groups, groups);
  put(columns.end, hashOf(out.subarray(0, columns.end)));
  return out;
}

/** Undefined where it is of another tar, another version, or damaged. */
function decode(file: Buffer, { size, mtimeMs }: TarState): TarIndex | undefined {
  if (file.length < HEADER || file.readUInt32LE(0) !== MAGIC || file.readUInt32LE(4) !== VERSION) return undefined;
  const [givenSize, givenTime, count, nameBytes, groupBytes] = Array.from({ length: 5 }, (_, i) =>
    file.readDoubleLE(8 + 8 * i),
  ) as [number, number, number, number, number];
  const columns = columnsOf(count, nameBytes, groupBytes);
  if (givenSize !== size || givenTime !== mtimeMs || file.length !== columns.end + HASH) return undefined;
  if (!hashOf(file.subarray(0, columns.end)).equals(file.subarray(columns.end))) return undefined;
  const get = <T extends Uint8Array | Uint32Array | Float64Array>(
    kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
    at: number,
    length: number,
  ): T => {
    const column = shared(kind, length);
    new Uint8Array(column.buffer).set(file.subarray(at, at + column.byteLength));
    return column;
  };
  const groupOf = new Uint16Array(count);
  new Uint8Array(groupOf.buffer).set(file.subarray(columns.groupOf, columns.groupOf + groupOf.byteLength));
  return {
    count,
    offsets: get(Float64Array, columns.offsets, count),
    sizes: get(Uint32Array, columns.sizes, count),
    names: { starts: get(Float64Array, columns.starts, count + 1), bytes: get(Uint8Array, columns.names, nameBytes) },
    groups: JSON.parse(file.toString('utf8', columns.groups, columns.groups + groupBytes)) as string[],
    groupOf,
  };
}

function columnsOf(count: number, nameBytes: number, groupBytes: number) {
  const offsets = HEADER;
  const starts = offsets + 8 * count;
  const sizes = starts + 8 * (count + 1);
  const groupOf = sizes + 4 * count;
  const names = groupOf + 2 * count;
  const groups = names + nameBytes;
  return { offsets, starts, sizes, groupOf, names, groups, end: groups + groupBytes };
}
