import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const held = new Set<string>();

/**
 * Runs an action that only one process may run at a time, as told by a lock file; others wait. A lock file whose process
 * on this machine has ended is taken over; of another machine's process nothing can be known, so the log says which
 * file to delete.
 */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  { log, poll = 1000 }: { log?: (message: string) => void; poll?: number } = {},
): Promise<T> {
  for (let told = false; !(await create(path)); ) {
    const owner = await readFile(path, 'utf8').catch(() => '');
    if (hasEnded(path, owner)) {
      await rm(path, { force: true });
      continue;
    }
    if (!told) log?.(`Waiting for ${owner.trim() || 'another process'}. If it has ended, delete ${path}.`);
    told = true;
    await sleep(poll);
  }
  held.add(path);
  try {
    return await action();
  } finally {
    held.delete(path);
    await rm(path, { force: true });
  }
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(`process ${process.pid} on ${hostname()}\n`);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function hasEnded(path: string, owner: string): boolean {
  const [, pid, host] = /^process (\d+) on (.*)$/m.exec(owner) ?? [];
  if (host !== hostname()) return false;
  // A restarted container may give this process the number of the one that left the lock.
  if (Number(pid) === process.pid) return !held.has(path);
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
