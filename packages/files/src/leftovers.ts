/** Names of what is being written, which say whose it is, so that what a killed process left can be told from what another is writing. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { runs } from './processes.js';

/** What another machine has not finished for so long never will be; milliseconds. */
const ABANDONED = 7 * 24 * 3600_000;

/** `unfinished`: being written; `old`: a folder that was moved out of the way of a new one. */
export type Ending = 'unfinished' | 'old';

/** The longest part of a name that is kept: a name has at most 255 bytes. */
const NAME = 60;
const stemOf = (name: string) => name.slice(0, NAME);

/** A path beside `path` for what is being written there; no other process has it. */
export function besides(path: string, ending: Ending): string {
  const own = `${process.pid}@${hostname()}.${randomBytes(4).toString('hex')}`;
  return join(dirname(path), `.${stemOf(basename(path))}.${own}.${ending}`);
}

const LEFTOVER = /^\.(.+)\.(\d+)@(.+)\.[0-9a-f]{8}\.(unfinished|old)$/s;
/** Of earlier versions, which did not say whose they are. */
const EARLIER = /^\.(.+)\.[0-9a-f]{8}\.(unfinished|old)$|^[^.].*\.unfinished$/s;

/**
 * Removes what killed processes left unfinished in a folder. A folder that was moved out of the way comes back if the new one never came.
 * @param of the file or folder whose leftovers these are; default: those of all.
 * @example
 * ```ts
 * await removeLeftovers('runs'); // of processes that were killed while they wrote there
 * ```
 */
export async function removeLeftovers(folder: string, of?: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const [, stem, pid, host, ending] = LEFTOVER.exec(name) ?? [];
    const path = join(folder, name);
    if (stem === undefined) {
      const earlier = of === undefined ? EARLIER.exec(name) : undefined;
      if (earlier) await remove(path, earlier[2] === 'old' ? earlier[1] : undefined);
    } else if ((of === undefined || stem === stemOf(of)) && (await isLeft(path, Number(pid), host as string))) {
      const moved = of !== undefined && stem === stemOf(of) ? of : stem;
      await remove(path, ending === 'old' ? moved : undefined);
    }
  }
}

async function isLeft(path: string, pid: number, host: string): Promise<boolean> {
  if (host === hostname()) return !runs(pid);
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && Date.now() - status.mtimeMs > ABANDONED;
}

/** @param moved the name that a folder had before it was moved out of the way. */
async function remove(path: string, moved: string | undefined): Promise<void> {
  const before = moved === undefined ? undefined : join(dirname(path), moved);
  if (before !== undefined && !existsSync(before)) await rename(path, before).catch(() => undefined);
  else await rm(path, { recursive: true, force: true }).catch(() => undefined);
}
