/** Files that are either whole or not there, and errors that say what to do. */
import { mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

const REMEDIES: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the disk quota is used up; free some space',
  EFBIG: 'the file would be larger than is allowed here',
  EACCES: 'writing there is not permitted; choose another folder or change its permissions',
  EPERM: 'writing there is not permitted; choose another folder or change its permissions',
  EROFS: 'the file system is read-only; choose another folder',
  ENOTDIR: 'a part of its path is a file, not a folder; choose another folder',
  EEXIST: 'a file is in its place; choose another folder',
  ENAMETOOLONG: 'its path is too long; choose another folder',
};

/** An error of the file system, with what was tried and what can be done about it. */
export function fileError(action: string, error: unknown): Error {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new Error(`${action} failed: ${REMEDIES[code] ?? message}${code && ` (${code})`}.`, { cause: error });
}

/** Makes a folder if it is not there. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw fileError(`Making the folder ${folder}`, error);
  });
}

/** Ending of files that are being written. */
export const UNFINISHED = '.unfinished';

/**
 * Writes a file so that at any moment, also after a power cut, `path` is the old file or the whole new one: to another name, to
 * the disk itself (fsync), then renamed.
 */
export async function writeAtomically(path: string, parts: Iterable<Uint8Array | string>): Promise<void> {
  const unfinished = `${path}${UNFINISHED}`;
  try {
    const file = await open(unfinished, 'w');
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

/** Bytes that may still be written on the disk of a folder; infinite where the system does not say. */
export async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder);
    return blocks > 0 ? bavail * bsize : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
