/** Runs the command as a user does: in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const bin = fileURLToPath(new URL('../bin/refconv.js', import.meta.url));

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

export function refconv(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** What it prints. @throws Error with its messages where it fails. */
export function succeed(...args: string[]): string {
  const { status, stdout, stderr } = refconv(...args);
  if (status !== 0) throw new Error(`refconv ${args.join(' ')}: exit status ${status}\n${stderr}`);
  return stdout;
}

/** Its message on stderr. @throws Error where it succeeds, or shows a stack instead of a message. */
export function fail(...args: string[]): string {
  const { status, stdout, stderr } = refconv(...args);
  if (status === 0) throw new Error(`refconv ${args.join(' ')} succeeded:\n${stdout}`);
  if (/^\s+at .*:\d+:\d+\)?$/m.test(stderr)) throw new Error(`refconv ${args.join(' ')} shows a stack:\n${stderr}`);
  return stderr;
}

/** A folder for one test file, removed after its tests. */
export function temporaryFolder(): (...path: string[]) => string {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-cli-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (...path) => join(folder, ...path);
}
