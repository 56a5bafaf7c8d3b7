/** Which process is which, and whether it still runs. */
import { existsSync, readFileSync } from 'node:fs';

const BOOT = '/proc/sys/kernel/random/boot_id';
const boot = existsSync(BOOT) ? readFileSync(BOOT, 'utf8').trim() : '';

/**
 * When a process of this machine began: the machine's start, and the process's since then (proc(5), field 22 of stat). A later
 * process of the same number has another. Undefined where it has ended.
 */
export function beginningOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    if (fields[0] === 'Z') return undefined;
    return `${boot} ${fields[19]}`;
  } catch {
    // Where there is no /proc a process can only be asked whether it is there.
    return boot === '' && runs(pid) ? 'unknown' : undefined;
  }
}

/** Whether there is a process of this number. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
