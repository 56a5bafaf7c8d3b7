/** Files and folders that are either whole or not there. */
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileError } from './errors.js';
import { besides, removeLeftovers } from './leftovers.js';

/**
 * Makes a folder if it is not there, and those around it. Step by step: Node's own `recursive` never ends where the system has no
 * place for a folder, as in /proc.
 * @throws Error that says why it cannot be made.
 * @example
 * ```ts
 * await makeFolder('runs/baseline');
 * ```
 */
export async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  const there = (path: string) =>
    stat(path).catch((error: NodeJS.ErrnoException) => {
      // Of what cannot be asked nobody knows whether it is there.
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw fileError(`Making the folder ${folder}`, error);
      return undefined;
    });
  for (let path = resolve(folder); !(await there(path)); path = dirname(path)) {
    missing.unshift(path);
    if (path === dirname(path)) break;
  }
  if (missing.length === 0) missing.push(resolve(folder));
  for (const path of missing) {
    await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      // There already, or another process was faster.
      if (error.code === 'EEXIST' && (await there(path))?.isDirectory()) return;
      throw fileError(`Making the folder ${folder}`, error);
    });
  }
}

/**
 * Makes a folder, and sees that files can be written in it, before work is done whose result it is to hold.
 * @throws Error that says why not.
 * @example
 * ```ts
 * await requireWritable('runs/baseline'); // before hours of work, not after
 * ```
 */
export async function requireWritable(folder: string): Promise<void> {
  await makeFolder(folder);
  const probe = besides(join(folder, 'probe'), 'unfinished');
  try {
    await (await open(probe, 'wx')).close();
  } catch (error) {
    throw fileError(`Writing in ${folder}`, error);
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}

/**
 * Writes a file so that at any moment, also after a power cut, `path` is the old file or the whole new one: to a name that is its
 * own, to the disk itself (fsync), then renamed. Any number of processes may write the same file: the last one's stays.
 * @example
 * ```ts
 * await writeAtomically('spec.json', [JSON.stringify({ seed: 1 })]);
 * ```
 */
export async function writeAtomically(path: string, parts: Iterable<Uint8Array | string>): Promise<void> {
  const unfinished = besides(path, 'unfinished');
  await removeLeftovers(dirname(path), basename(path));
  try {
    const file = await open(unfinished, 'wx');
    try {
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw fileError(`Writing ${path}`, error);
  }
}

/**
 * Adds to the end of a file, which is made if it is not there, and brings it to the disk. Where that fails, as on a disk that is full, the
 * file is as long as before. For one process at a time.
 * @example
 * ```ts
 * await appendWhole('ledger.csv', 'baseline,0.93\n'); // a disk that is full leaves the file as it was
 * ```
 */
export async function appendWhole(path: string, text: string | Uint8Array): Promise<void> {
  try {
    const file = await open(path, 'a');
    try {
      const { size } = await file.stat();
      try {
        await file.writeFile(text);
        await file.sync();
      } catch (error) {
        await file.truncate(size).catch(() => undefined);
        throw error;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(`Writing ${path}`, error);
  }
}

export interface ReplaceOption {
  /** Whether a file or folder of this name is replaced, with all that is in it. Default: false. */
  replace?: boolean;
}

/**
 * Makes a file or folder under another name, brings it to the disk, and renames it.
 * @param write makes it at the path that it is given.
 * @throws Error if there is one already that may not be replaced, or if it cannot be written; what was there then stays.
 * @example
 * ```ts
 * import { mkdir, writeFile } from 'node:fs/promises';
 * import { join } from 'node:path';
 * await writeWhole('model', { replace: true }, async (unfinished) => {
 *   await mkdir(unfinished);
 *   await writeFile(join(unfinished, 'notes.txt'), 'whole, or not there');
 * });
 * ```
 */
export async function writeWhole(
  path: string,
  { replace = false }: ReplaceOption,
  write: (unfinished: string) => Promise<void>,
): Promise<void> {
  const target = resolve(path);
  await makeFolder(dirname(target));
  await removeLeftovers(dirname(target), basename(target));
  const there = await stat(target).catch(() => undefined);
  const taken = there && !(there.isDirectory() && (await readdir(target)).length === 0);
  if (taken && !replace)
    throw new Error(`${path} is there already. Give another path, or \`replace: true\` to replace it.`);
  const [unfinished, old] = [besides(target, 'unfinished'), besides(target, 'old')];
  try {
    await write(unfinished);
    await synchronize(unfinished);
    // A folder that is not empty cannot be replaced by renaming alone.
    if (there?.isDirectory()) await rename(target, old);
    try {
      await rename(unfinished, target);
    } catch (error) {
      if (there?.isDirectory()) await rename(old, target);
      throw error;
    }
    await syncFolder(dirname(target));
  } catch (error) {
    throw fileError(`Writing ${path}`, error);
  } finally {
    for (const left of [unfinished, old]) await rm(left, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Brings a file, or all files of a folder, to the disk itself. */
async function synchronize(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) {
    for (const name of await readdir(path)) await synchronize(join(path, name));
    await syncFolder(path);
    return;
  }
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Brings the folder's list of names to the disk; Windows cannot, and has no need to. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Bytes that may still be written on the disk of a folder; infinite where the system does not say.
 * @example
 * ```ts
 * if ((await freeBytes('runs')) < 2 ** 30) console.log('less than 1 GiB is left');
 * ```
 */
export async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder);
    return blocks > 0 ? bavail * bsize : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
