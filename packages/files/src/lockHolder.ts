/** Who holds a lock, and whether it still lives. */
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginningOf } from './processes.js';
import { readText } from './read.js';

export interface Holder {
  host: string;
  pid: number;
  /** When the process began, as its machine counts: a later process may get the same number. */
  began: string;
  /** Tells two locks of one process apart; locks of earlier versions have none. */
  id?: string;
}

export interface WatchOptions {
  /** Told which process is waited for, and for which it is not clear whether it lives. */
  log?: ((message: string) => void) | undefined;
  /** Milliseconds for which a holder that seems to be gone is watched: longer than two signs take. Default: 25,000. */
  watch?: number;
}

/** How far a sign's date may be from now, before or after, to be believed; milliseconds. */
const BELIEVED = 120_000;
const WATCH = 25_000;
/** Between two looks at a holder that is watched. */
const LOOK = 500;

/** What this process has seen of a lock, since when it is so, and when a sign of life was last seen; its own clock. */
interface Seen {
  text: string;
  modified: number;
  since: number;
  sign?: number;
}

const seen = new Map<string, Seen>();

/** For a lock that was taken over: a later one in its place is another. */
export const forget = (path: string) => seen.delete(path);

/** Undefined for what no holder wrote. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const { host, pid, began, id } = JSON.parse(text) as Partial<Record<keyof Holder, unknown>>;
    if (typeof host !== 'string' || typeof began !== 'string' || !Number.isSafeInteger(pid)) return undefined;
    return { host, pid: pid as number, began, ...(typeof id === 'string' && { id }) };
  } catch {
    return undefined;
  }
}

/**
 * Whether a lock's holder lives. On this machine the process itself tells. On another the date of the last sign does; as clocks may
 * differ, a date that is not believed is no proof: then, and where nobody's name is in the file, it is watched for a change.
 */
export async function isAlive(path: string, { watch = WATCH, log }: WatchOptions): Promise<boolean> {
  for (let told = false; ; ) {
    const look = await lookAt(path);
    if (!look) {
      seen.delete(path);
      return false;
    }
    const holder = parseHolder(look.text);
    if (holder?.host === hostname()) return beginningOf(holder.pid) === holder.began;
    if (holder && Math.abs(Date.now() - look.modified) < BELIEVED) return true;
    const now = performance.now();
    const before = seen.get(path);
    if (before?.text !== look.text) seen.set(path, { ...look, since: now });
    else if (before.modified !== look.modified) seen.set(path, { ...look, since: now, sign: now });
    const { since, sign } = seen.get(path) as Seen;
    if (sign !== undefined && now - sign < BELIEVED) return true;
    if (now - since >= watch) return false;
    if (!told) {
      const who = holder ? `process ${holder.pid} on ${holder.host}` : 'a process whose name is not in it';
      log?.(`${path} is held by ${who}; whether that still runs is seen within ${Math.ceil(watch / 1000)} s.`);
      told = true;
    }
    await sleep(Math.min(LOOK, watch));
  }
}

/** Opened, as only that lets a network file system tell what is true now. */
async function lookAt(path: string): Promise<{ text: string; modified: number } | undefined> {
  try {
    const text = await readText(path);
    return { text, modified: (await stat(path)).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // What cannot be read, as a folder in its place, is somebody's until it was watched.
    return { text: '', modified: 0 };
  }
}
