/** Set-ups in processes of their own, for the tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonsOf, isComplete, type Plan } from '../plan.js';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Starts a set-up; `environment` goes over this process's own. */
export async function startSetup(
  plan: Plan,
  environment: NodeJS.ProcessEnv = {},
): Promise<{ child: ChildProcess; ended: Promise<Ended> }> {
  const file = join(tmpdir(), `refconv-plan-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(plan));
  const { child, ended } = startNode([fileURLToPath(new URL('./runPlan.js', import.meta.url)), file], environment);
  return { child, ended: ended.finally(() => rm(file)) };
}

export function startNode(
  args: string[],
  environment: NodeJS.ProcessEnv,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** Runs a set-up to its end. */
export async function runSetup(plan: Plan, environment?: NodeJS.ProcessEnv): Promise<Ended> {
  return (await startSetup(plan, environment)).ended;
}

/** What is in the cache under a final name but is not whole: must be empty at any time. */
export async function halfDone(plan: Plan): Promise<string[]> {
  const { cache, tensorflow } = plan;
  const names = existsSync(cache) ? await readdir(cache) : [];
  return names.filter((name) => {
    if (name.startsWith('.')) return false;
    if (name.startsWith('tensorflow-')) return !isComplete(tensorflow) || existsSync(join(cache, name, 'temporary'));
    const files = [...addonsOf(plan).map(({ name }) => `${name}.node`), 'tensorflow-version'];
    return !files.every((file) => existsSync(join(cache, name, file))) || existsSync(join(cache, name, 'temporary'));
  });
}

/** What a set-up should not leave behind. */
export async function leftovers(cache: string): Promise<string[]> {
  return existsSync(cache) ? (await readdir(cache)).filter((name) => name.startsWith('.')) : [];
}
