/** Child processes of the set-up: asynchronous (so that the lock is kept fresh meanwhile) and stoppable as a whole. */
import { spawn } from 'node:child_process';
import { SetupError, StoppedError } from './errors.js';

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  /** What was written on either stream, in the order of arrival. */
  output: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

/**
 * Runs a program to its end and returns what it wrote. It gets a process group of its own, which is killed whole when the
 * signal is aborted: a compiler's own children too.
 * @throws StoppedError if the signal is aborted; an Error with `code: 'ENOENT'` if there is no such program
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { signal, ...rest } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new StoppedError());
    const child = spawn(program, args, { ...rest, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const kill = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // The group has ended meanwhile.
      }
    };
    signal?.addEventListener('abort', kill);
    child.once('error', (error) => {
      signal?.removeEventListener('abort', kill);
      reject(error);
    });
    child.once('close', (code, killedBy) => {
      signal?.removeEventListener('abort', kill);
      if (signal?.aborted) reject(new StoppedError());
      else resolve({ code, signal: killedBy, stdout, output });
    });
  });
}

/** The last lines of a program's output, indented for an error message. */
export function lastLines(output: string, count = 15): string {
  const lines = output.trimEnd().split('\n').slice(-count);
  return lines.map((line) => `  ${line}`).join('\n');
}

/** The error for a full disk where a program's output tells of one, else undefined. */
export function diskFull(output: string, folder: string): SetupError | undefined {
  if (!/No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(output)) return undefined;
  return new SetupError(
    `The disk (or your quota) became full while ${folder} was written.`,
    'Free some space, or set REFCONV_CACHE to a folder on another disk. Nothing unfinished was left behind.',
  );
}
