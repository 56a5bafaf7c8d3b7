/**
 * Locks as files, on a disk that machines may share. A lock is a file that is created only if it is not there (O_EXCL, which NFS keeps
 * since version 3). One whose process has ended, or on another machine gives no sign of life, is outdated: who takes it over
 * creates the file of the next number, which only one can.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often the holder shows that it lives, and how old its last sign may be on another machine; milliseconds. */
const SIGN = 10_000;
const SILENCE = 120_000;

export interface Holder {
  host: string;
  pid: number;
  /** When the process began, as its machine counts: a later process may get the same number. */
  began: string;
}

export interface Lock {
  release(): Promise<void>;
}

/** Takes the lock, or gives undefined where another process holds it. */
export async function tryLock(path: string): Promise<Lock | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const found = await files(path);
  if (await anyAlive(found)) return undefined;
  const number = 1 + Math.max(0, ...found.map(({ number }) => number));
  const own = `${path}.${number}`;
  if (!(await create(own))) return undefined;
  // Another process may have seen other files than this one: then both give way and try again.
  const others = (await files(path)).filter((file) => file.path !== own);
  if (await anyAlive(others)) {
    await rm(own, { force: true });
    return undefined;
  }
  for (const other of others) await rm(other.path, { force: true });
  const sign = setInterval(() => utimes(own, new Date(), new Date()).catch(() => undefined), SIGN);
  sign.unref();
  return {
    async release() {
      clearInterval(sign);
      await rm(own, { force: true });
    },
  };
}

export interface LockOptions {
  /** Told once which process is waited for. */
  log?: ((message: string) => void) | undefined;
  /** Milliseconds between two looks, on average. */
  poll?: number;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/** Does something with the lock held; waits for it. @throws AbortError where the signal ends the waiting. */
export async function withLock<T>(path: string, action: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const { log, poll = 25, signal } = options;
  for (let told = false; ; ) {
    const lock = await tryLock(path);
    if (lock) {
      try {
        return await action();
      } finally {
        await lock.release();
      }
    }
    const holder = told ? undefined : await holderOf(path);
    if (holder) {
      log?.(`Waiting for process ${holder.pid} on ${holder.host}, which holds ${path}.`);
      told = true;
    }
    await sleep(poll * (0.2 + 1.6 * Math.random()), undefined, { signal });
  }
}

/** The process that holds a lock; undefined where none does. */
export async function holderOf(path: string): Promise<Holder | undefined> {
  for (const file of await files(path)) if (await isAlive(file)) return read(file.path);
  return undefined;
}

interface LockFile {
  path: string;
  number: number;
}

async function files(path: string): Promise<LockFile[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(dirname(path), name), number: Number(name.slice(prefix.length)) }));
}

async function anyAlive(found: LockFile[]): Promise<boolean> {
  for (const file of found) if (await isAlive(file)) return true;
  return false;
}

async function isAlive({ path }: LockFile): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  if (!status) return false;
  const holder = await read(path);
  if (holder?.host === hostname()) return beginningOf(holder.pid) === holder.began;
  // Not yet written, or of another machine.
  return Date.now() - status.mtimeMs < SILENCE;
}

async function read(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    const holder: Holder = { host: hostname(), pid: process.pid, began: beginningOf(process.pid) as string };
    await file.writeFile(JSON.stringify(holder));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The machine's start and the process's since then (proc(5), field 22 of stat); undefined where it has ended. */
function beginningOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    if (fields[0] === 'Z') return undefined;
    return `${boot} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

const BOOT = '/proc/sys/kernel/random/boot_id';
const boot = existsSync(BOOT) ? readFileSync(BOOT, 'utf8').trim() : '';
