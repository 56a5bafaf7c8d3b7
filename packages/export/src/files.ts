/** Results that are either whole or not there. */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

export interface OverwriteOption {
  /** Whether a file or folder of this name is replaced, with all that is in it. Default: false. */
  overwrite?: boolean;
}

/**
 * Makes a file or folder under another name, brings it to the disk, and renames it.
 * @param write makes it at the path that it is given.
 * @throws Error if there is one already that may not be replaced, or if it cannot be written; what was there then stays.
 */
export async function writeWhole(
  path: string,
  { overwrite = false }: OverwriteOption,
  write: (unfinished: string) => Promise<void>,
): Promise<void> {
  const target = resolve(path);
  const there = await stat(target).catch(() => undefined);
  const taken = there && !(there.isDirectory() && (await readdir(target)).length === 0);
  if (taken && !overwrite) {
    throw new Error(`${path} is there already. Give another path, or \`overwrite: true\` to replace it.`);
  }
  const beside = (ending: string) =>
    join(dirname(target), `.${basename(target)}.${crypto.randomUUID().slice(0, 8)}.${ending}`);
  const [unfinished, old] = [beside('unfinished'), beside('old')];
  try {
    await mkdir(dirname(target), { recursive: true });
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
  } catch (cause) {
    throw new Error(`${path} cannot be written. ${(cause as Error).message}`, { cause });
  } finally {
    for (const left of [unfinished, old]) await rm(left, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Brings a file, or all files of a folder, to the disk itself. */
async function synchronize(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) {
    for (const name of await readdir(path)) await synchronize(join(path, name));
    return;
  }
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
