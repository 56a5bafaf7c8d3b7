/** One process at a time trains into a folder. */
import { join } from 'node:path';
import { fileError, holderOf, type Lock, makeFolder, tryLock } from '@refconv/files';

/**
 * Takes a training's folder, until it is released or the process ends; makes it if it is not there.
 * @throws Error where another process trains into it, which the message names, or it cannot be written.
 * @example
 * ```ts
 * const lock = await lockTraining('runs/baseline');
 * // … what nobody else may do there at the same time …
 * await lock.release();
 * ```
 */
export async function lockTraining(folder: string): Promise<Lock> {
  await makeFolder(folder);
  const path = join(folder, 'training');
  const lock = await tryLock(path).catch((error) => {
    throw fileError(`Writing into ${folder}`, error);
  });
  if (lock) return lock;
  const holder = await holderOf(path);
  const who = holder ? `Process ${holder.pid} on ${holder.host}` : 'Another process';
  throw new Error(`${who} trains into ${folder}. Let it end, or stop it, or choose another folder.`);
}
