/** One set-up at a time per cache folder. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { StoppedError } from './errors.js';

/** A lock whose holder has not touched it for so long counts as left by a killed process. */
const STALE_MS = 10_000;
const REFRESH_MS = 2_000;
const RETRY_MS = 500;

/** File in the folder that tells those who wait for whom they do. */
const HOLDER = '.set-up-by';
const NAME = `process ${process.pid} on ${hostname()}`;

export interface LockOptions {
  log: (line: string) => void;
  signal?: AbortSignal | undefined;
  /** Called while waiting: true when the one that is waited for has already done what was wanted. */
  done: () => boolean;
}

/** This process slept for longer than its lock lives, as a suspended laptop does, and another set-up took over. */
export class LockLostError extends Error {}

/**
 * Runs `work` while holding the folder's lock. While another holds it, says for whom it waits and tries again.
 * `work` gets a signal that is aborted when `options.signal` is, or when the lock was lost.
 * @returns undefined if `options.done()` became true before it was our turn
 * @throws StoppedError when aborted, LockLostError when the lock was lost, and what `work` throws
 */
export async function withLock<T>(
  folder: string,
  options: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const lost = new AbortController();
  const release = await acquire(folder, options, () => lost.abort());
  if (!release) return undefined;
  const holder = join(folder, HOLDER);
  const isOurs = async () => !lost.signal.aborted && (await nameOfHolder(folder)) === NAME;
  try {
    await writeFile(holder, NAME);
  } catch (error) {
    await release();
    throw error;
  }
  try {
    const signal = options.signal ? AbortSignal.any([options.signal, lost.signal]) : lost.signal;
    return await work(signal);
  } catch (error) {
    // The one that took over removes our files: the errors which follow from that say nothing.
    if (options.signal?.aborted || (await isOurs())) throw error;
    throw new LockLostError();
  } finally {
    // To release a lost lock would take it from the one who holds it now.
    if (await isOurs()) {
      await rm(holder, { force: true });
      await release().catch(() => undefined);
    }
  }
}

async function acquire(
  folder: string,
  options: LockOptions,
  onCompromised: () => void,
): Promise<(() => Promise<void>) | undefined> {
  for (let waiting = false; ; waiting = true) {
    if (options.signal?.aborted) throw new StoppedError();
    if (options.done()) return undefined;
    try {
      return await lock(folder, {
        lockfilePath: join(folder, '.lock'),
        stale: STALE_MS,
        update: REFRESH_MS,
        onCompromised,
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
    }
    if (!waiting)
      options.log(
        `Another set-up is at work in ${folder} (${(await nameOfHolder(folder)) || 'it has just begun'}): waiting for it.`,
      );
    await sleep(RETRY_MS, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
  }
}

/** Empty if the holder has not written its name yet. */
async function nameOfHolder(folder: string): Promise<string> {
  return readFile(join(folder, HOLDER), 'utf8').catch(() => '');
}
