/**
 * Locks as files, on a disk that machines may share. A lock is a file that is created only if it is not there, with its holder's name
 * in it from the first moment. One whose process has ended, or on another machine gives no sign of life, is outdated: who takes it over
 * creates the file of the next number, which only one can.
 */
import { randomBytes } from 'node:crypto';
import { link, open, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileError } from './errors.js';
import { besides, removeLeftovers } from './leftovers.js';
import { forget, type Holder, isAlive, parseHolder, type WatchOptions } from './lockHolder.js';
import { beginningOf } from './processes.js';
import { namesIn, readText } from './read.js';
import { makeFolder } from './write.js';

export type { Holder, WatchOptions } from './lockHolder.js';

/** How often the holder shows that it lives; milliseconds. */
const SIGN = 10_000;

export interface Lock {
  /** Aborted where another took the lock over, as after this machine was suspended: what it guards is another's then. */
  readonly lost: AbortSignal;
  /** Looks whether it is lost, without waiting for the next sign. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** The lock was lost while it was held, as by a machine that was suspended for minutes. */
export class LockLostError extends Error {
  override name = 'LockLostError';
}

/**
 * Takes the lock, or gives undefined where another process holds it. Waits only where it is not clear whether that still lives.
 * @example
 * ```ts
 * const lock = await tryLock('runs/lock');
 * if (!lock) throw new Error('another process is at work');
 * // … work …
 * await lock.release();
 * ```
 */
export async function tryLock(path: string, options: WatchOptions = {}): Promise<Lock | undefined> {
  await makeFolder(dirname(path));
  const found = await files(path);
  if (await anyAlive(found, options)) return undefined;
  const number = 1 + Math.max(0, ...found.map(({ number }) => number));
  const own = `${path}.${number}`;
  const holder: Holder = {
    host: hostname(),
    pid: process.pid,
    began: beginningOf(process.pid) as string,
    id: randomBytes(8).toString('hex'),
  };
  const text = JSON.stringify(holder);
  if (!(await create(own, text))) return undefined;
  // Another process may have seen other files than this one: then both give way and try again.
  const others = (await files(path)).filter((file) => file.path !== own);
  if (await anyAlive(others, options)) {
    await rm(own, { force: true });
    return undefined;
  }
  for (const other of others) {
    await rm(other.path, { force: true, recursive: true });
    forget(other.path);
    await removeLeftovers(dirname(path), basename(other.path));
  }
  return held(own, text);
}

function held(own: string, text: string): Lock {
  const lost = new AbortController();
  let released = false;
  const check = async () => {
    if ((await show(own, text)) || released) return;
    clearInterval(signs);
    lost.abort(new LockLostError(`The lock ${own} was taken over by another process.`));
  };
  const signs = setInterval(check, SIGN);
  signs.unref();
  return {
    lost: lost.signal,
    check,
    async release() {
      released = true;
      clearInterval(signs);
      const there = await readText(own).catch(() => '');
      if (there === text) await rm(own, { force: true });
    },
  };
}

/**
 * Shows that the holder lives: writes the same text again, so that the clock of the disk, which all see, dates it.
 * @returns false where the lock is no longer its own. A disk that cannot be reached for a while proves nothing.
 */
async function show(own: string, text: string): Promise<boolean> {
  try {
    if ((await readText(own)) !== text) return false;
    const file = await open(own, 'r+');
    await file.write(text, 0).finally(() => file.close());
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

export interface LockOptions extends WatchOptions {
  /** Milliseconds between two looks, on average. */
  poll?: number;
  /** Milliseconds after which the waiting ends in an error that names the holder. Default: ten minutes. */
  patience?: number;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

const PATIENCE = 600_000;

/**
 * Does something with the lock held; waits for it.
 * @param action is given a signal that is aborted where the lock is lost.
 * @throws AbortError where the signal ends the waiting, LockLostError where the lock was lost and the action failed, Error where the patience is at its end.
 * @example
 * ```ts
 * import { appendWhole } from '@refconv/files';
 * await withLock('ledger.csv.lock', () => appendWhole('ledger.csv', 'baseline,0.93\n'), { log: console.log });
 * ```
 */
export async function withLock<T>(
  path: string,
  action: (lost: AbortSignal) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const { log, poll = 25, patience = PATIENCE, signal } = options;
  const begin = performance.now();
  for (let told = false; ; ) {
    const lock = await tryLock(path, options);
    if (lock) {
      try {
        return await action(lock.lost);
      } catch (error) {
        await lock.check();
        throw lock.lost.aborted ? lock.lost.reason : error;
      } finally {
        await lock.release();
      }
    }
    const waited = performance.now() - begin;
    const holder = told && waited < patience ? undefined : await holderOf(path);
    if (holder && waited >= patience) {
      throw new Error(
        `${nameOf(holder)} has held ${path} for ${Math.round(waited / 1000)} s or longer. See what it does, and end it; ` +
          `if there is no such process any more, delete ${path}.*.`,
      );
    }
    if (holder && !told) {
      log?.(`Waiting for ${nameOf(holder)}, which holds ${path}.`);
      told = true;
    }
    await sleep(poll * (0.2 + 1.6 * Math.random()), undefined, { signal });
  }
}

const nameOf = ({ pid, host }: Holder) => `process ${pid} on ${host}`;

/**
 * The process that holds a lock; undefined where none does. Waits only where it is not clear whether that still lives.
 * @example
 * ```ts
 * const holder = await holderOf('runs/lock');
 * if (holder) console.log(`process ${holder.pid} on ${holder.host} is at work`);
 * ```
 */
export async function holderOf(path: string, options: WatchOptions = {}): Promise<Holder | undefined> {
  for (const file of await files(path)) {
    if (await isAlive(file.path, options)) return parseHolder(await readText(file.path).catch(() => ''));
  }
  return undefined;
}

interface LockFile {
  path: string;
  number: number;
}

async function files(path: string): Promise<LockFile[]> {
  const prefix = `${basename(path)}.`;
  return (await namesIn(dirname(path)))
    .filter((name) => name.startsWith(prefix) && /^\d{1,15}$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(dirname(path), name), number: Number(name.slice(prefix.length)) }));
}

async function anyAlive(found: LockFile[], options: WatchOptions): Promise<boolean> {
  for (const file of found) if (await isAlive(file.path, options)) return true;
  return false;
}

/** Creates the file with its text in one step: a name for what is there already (link), which NFS keeps too. */
async function create(path: string, text: string): Promise<boolean> {
  const whole = besides(path, 'unfinished');
  try {
    await writeFile(whole, text, { flag: 'wx' });
    await link(whole, path).catch((error: NodeJS.ErrnoException) => {
      // File systems without links, such as FAT.
      if (error.code !== 'EPERM' && error.code !== 'ENOTSUP' && error.code !== 'ENOSYS') throw error;
      return writeFile(path, text, { flag: 'wx' });
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fileError(`Taking the lock ${path}`, error);
  } finally {
    await rm(whole, { force: true }).catch(() => undefined);
  }
}
