/** The scripts of this folder, as a user starts them and as values. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EXPERIMENTS } from '../all.js';
import type { Experiment } from '../experiment.js';

export const SCRIPTS = EXPERIMENTS.map(({ name }) => name);

export async function experimentOf(name: string): Promise<Experiment> {
  return (await import(`../${name}.js`)).experiment;
}

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a script in a process of its own, which gets SIGINT after four minutes. */
export function run(name: string, ...args: string[]): Promise<Outcome> {
  const script = fileURLToPath(new URL(`../${name}.js`, import.meta.url));
  return new Promise((resolve) => {
    const options = { timeout: 240_000, killSignal: 'SIGINT', maxBuffer: 2 ** 28 } as const;
    const child = execFile(process.execPath, [script, ...args], options, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
