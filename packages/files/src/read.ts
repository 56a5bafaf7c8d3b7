/** Reads files and nothing else: a FIFO, a device or a socket in a file's place could keep a reader waiting for ever. */
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileError } from './errors.js';

/** Opening a FIFO waits for a writer unless told not to; on a file the flag means nothing. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** What the system reads at once; Node's own `readFile` ends at 2 GiB. */
const AT_ONCE = 2 ** 30;

/** What stands in a file's place; undefined where it is one. */
function kindOf(status: Stats): string | undefined {
  if (status.isFile()) return undefined;
  if (status.isDirectory()) return 'a folder';
  if (status.isFIFO()) return 'a FIFO';
  return status.isSocket() ? 'a socket' : 'a device';
}

const notFile = (path: string, kind: string) =>
  Object.assign(new Error(`${path} is ${kind}; expected a file. Move it away.`), {
    code: kind === 'a folder' ? 'EISDIR' : 'EINVAL',
  });

const missing = (path: string, cause: unknown) => {
  const full = resolve(path);
  const where = full === path ? '' : ` (looked for ${full})`;
  return Object.assign(new Error(`There is no file ${path}${where}.`, { cause }), { code: 'ENOENT' });
};

/** Opening a socket gives the code ENXIO. */
const opening = (path: string, error: unknown) => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return missing(path, error);
  return code === 'ENXIO' ? notFile(path, 'a socket or a device') : fileError(`Reading ${path}`, error);
};

/**
 * A descriptor of a file, to be closed with `closeSync`.
 * @param path bytes where the name is no UTF-8.
 * @throws Error where it is no file, or cannot be opened; its `code` is the system's.
 * @example
 * ```ts
 * import { closeSync } from 'node:fs';
 * const file = openFileSync('images.tar'); // no FIFO or device keeps it waiting
 * closeSync(file);
 * ```
 */
export function openFileSync(path: string | Buffer): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, FLAGS);
  } catch (error) {
    throw opening(String(path), error);
  }
  const kind = kindOf(fstatSync(descriptor));
  if (kind === undefined) return descriptor;
  closeSync(descriptor);
  throw notFile(String(path), kind);
}

/**
 * The bytes of a file.
 * @throws Error where it is no file, is larger than `maxBytes`, or cannot be read; its `code` is the system's, `ENOENT` where there is none.
 * @example
 * ```ts
 * const bytes = await readBytes('picture.jpg', 2 ** 28);
 * ```
 */
export async function readBytes(path: string, maxBytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const file = await open(path, FLAGS).catch((error) => {
    throw opening(path, error);
  });
  try {
    const status = await file.stat();
    const kind = kindOf(status);
    if (kind !== undefined) throw notFile(path, kind);
    if (status.size > maxBytes) {
      throw new Error(`${path} has ${status.size} bytes; at most ${maxBytes} are read.`);
    }
    return await readAll(file, status.size).catch((error) => {
      throw fileError(`Reading ${path}`, error);
    });
  } finally {
    await file.close();
  }
}

async function readAll(file: FileHandle, size: number): Promise<Buffer> {
  // Files of /proc and the like say that they have no bytes.
  if (size < AT_ONCE) return file.readFile();
  const bytes = Buffer.allocUnsafe(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(AT_ONCE, size - done), done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}

/**
 * The text of a file; @throws as {@link readBytes} does.
 * @example
 * ```ts
 * const text = await readText('metrics.csv');
 * ```
 */
export async function readText(path: string, maxBytes?: number): Promise<string> {
  return (await readBytes(path, maxBytes)).toString('utf8');
}

/**
 * The names in a folder; none where there is no such folder.
 * @throws Error where it cannot be read: what cannot be asked is not known to be empty.
 * @example
 * ```ts
 * const runs = await namesIn('results/runs'); // [] where there is no such folder
 * ```
 */
export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw fileError(`Reading ${folder}`, error);
    return [];
  });
}
