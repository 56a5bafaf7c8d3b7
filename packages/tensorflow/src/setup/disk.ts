/** Free space, and the size of what is there. */
import { constants, type Dirent } from 'node:fs';
import { access, lstat, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SetupError } from './errors.js';

/** Bytes that this user can still write on the folder's disk. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Bytes in the files of a folder, however deep; what vanishes while it is looked at counts as nothing. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return folderBytes(path);
    return (await lstat(path).catch(() => undefined))?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** "1.23 GB", "45 MB": decimal units, as disks are sold. */
export function inUnits(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}

/**
 * Makes sure that the folder exists and can be written in.
 * @throws SetupError if not
 */
export async function makeWritable(folder: string): Promise<void> {
  const probe = join(folder, `.partial-probe-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, 'to see whether it works');
    await rm(probe, { force: true });
  } catch (error) {
    throw new SetupError(
      `The cache folder ${folder} cannot be written: ${await whyNot(folder, error as Error)}.`,
      'Set REFCONV_CACHE to a folder that you can write in (it will hold TensorFlow), or change the permissions of this one.',
    );
  }
}

/** Node's recursive mkdir says ENOENT also where the true reason is another, such as a read-only disk: asks the nearest parent. */
async function whyNot(folder: string, error: Error): Promise<string> {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    try {
      await access(at, constants.W_OK);
      break;
    } catch (refusal) {
      if ((refusal as NodeJS.ErrnoException).code !== 'ENOENT') return (refusal as Error).message;
    }
  }
  return error.message;
}

/**
 * Checks that there is room for what is about to be written.
 * @throws SetupError if not
 */
export async function checkFree(folder: string, needed: number): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= needed) return;
  throw new SetupError(
    `Not enough room in ${folder}: ${inUnits(needed)} are needed while TensorFlow is set up, ${inUnits(free)} are free.`,
    'Free some space, or set REFCONV_CACHE to a folder on another disk.',
  );
}
