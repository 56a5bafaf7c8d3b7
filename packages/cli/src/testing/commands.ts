/** Runs the command for tests: all in one process that stays, or each in a process of its own, as a user's. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLine } from './readLine.js';

export const bin = fileURLToPath(new URL('../../bin/refconv.js', import.meta.url));

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

type Run = (...args: string[]) => Outcome;

function inOwnProcess(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

let server: Run | undefined;

function inOneProcess(...args: string[]): Outcome {
  server ??= startServer();
  return server(...args);
}

/** Of what it writes, what is new since the last command is a command's. */
function startServer(): Run {
  const folder = mkdtempSync(join(tmpdir(), 'refconv-commands-'));
  const [asked, answered, out, errors] = ['asked', 'answered', 'out', 'errors'].map((name) => join(folder, name)) as [
    ...[string, string, string, string],
  ];
  spawnSync('mkfifo', [asked, answered]);
  const script = fileURLToPath(new URL('./commandServer.js', import.meta.url));
  spawn(process.execPath, [script, asked, answered], { stdio: ['ignore', openSync(out, 'a'), openSync(errors, 'a')] });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const to = openSync(asked, 'w');
  const from = openSync(answered, 'r');
  const seen = { out: 0, errors: 0 };
  const since = (name: 'out' | 'errors', file: string) => {
    const all = readFileSync(file);
    const text = all.subarray(seen[name]).toString();
    seen[name] = all.length;
    return text;
  };
  return (...args) => {
    writeSync(to, `${JSON.stringify(args)}\n`);
    const status = readLine(from);
    const written = { stdout: since('out', out), stderr: since('errors', errors) };
    if (status === undefined) throw new Error(`refconv ${args.join(' ')} ended the process:\n${written.stderr}`);
    return { status: Number(status), ...written };
  };
}

const callsOf = (refconv: Run) => ({
  refconv,

  /** What it prints. @throws Error with its messages where it fails. */
  succeed(...args: string[]): string {
    const { status, stdout, stderr } = refconv(...args);
    if (status !== 0) throw new Error(`refconv ${args.join(' ')}: exit status ${status}\n${stderr}`);
    return stdout;
  },

  /** Its message on stderr. @throws Error where it succeeds, or shows a stack instead of a message. */
  fail(...args: string[]): string {
    const { status, stdout, stderr } = refconv(...args);
    if (status === 0) throw new Error(`refconv ${args.join(' ')} succeeded:\n${stdout}`);
    if (/^\s+at .*:\d+:\d+\)?$/m.test(stderr)) throw new Error(`refconv ${args.join(' ')} shows a stack:\n${stderr}`);
    return stderr;
  },
});

export const { refconv, succeed, fail } = callsOf(inOneProcess);

/** For what stays in a process, as files that register, or is of it, as other processes that it starts. */
export const ownProcess = callsOf(inOwnProcess);

/** A folder for one test file, removed after its tests. */
export function temporaryFolder(): (...path: string[]) => string {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-cli-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (...path) => join(folder, ...path);
}
