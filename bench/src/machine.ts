/** Where the benchmark runs: the processor, the programs and the limits. */
import { execFile } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { WorkerFailed, WorkerProcess } from '@refconv/analysis/measurement';
import type { Limits } from './protocol.js';

const run = promisify(execFile);

export interface Machine {
  processor: string;
  cores: number;
  memoryGB: number;
  /** Of the checkout; ends with "-dirty" where files differ from it. */
  commit: string;
}

export async function machine(): Promise<Machine> {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const described = run('git', ['describe', '--always', '--dirty', '--exclude=*'], { cwd: folder });
  const commit = await described.then(({ stdout }) => stdout.trim()).catch(() => 'unknown');
  const processor = cpus()[0]?.model ?? 'unknown';
  return { processor, cores: availableParallelism(), memoryGB: totalmem() / 1e9, commit };
}

export interface Python {
  program: string;
  /** Why PyTorch takes no part; undefined where it does. */
  missing: string | undefined;
}

/** The Python of `REFCONV_BENCH_PYTHON`, else python3, and whether it has PyTorch. */
export async function findPython(): Promise<Python> {
  const program = process.env.REFCONV_BENCH_PYTHON || 'python3';
  const tried = run(program, ['-c', 'import torch']);
  const missing = await tried.then(
    () => undefined,
    (error: { code?: string; stderr?: string; message: string }) => {
      const reason = error.code === 'ENOENT' ? 'there is no such program' : error.stderr?.trim().split('\n').at(-1);
      return `PyTorch cannot be imported by ${program} (${reason || error.message}); REFCONV_BENCH_PYTHON names another Python.`;
    },
  );
  return { program, missing };
}

export function pythonScript(name: string): string {
  return fileURLToPath(new URL(`../pytorch/${name}`, import.meta.url));
}

export function nodeScript(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** The limits as each library reaches them; empty where one could not be asked. */
export type MachineLimits = Partial<Record<'tensorflow' | 'pytorch', Limits>>;

/**
 * Measures the machine's limits, and keeps the better of these and earlier figures.
 * @param milliseconds how long each figure is tried for.
 * @returns the limits and what went wrong.
 */
export async function measureLimits(python: Python, cores: number, milliseconds: number, earlier: MachineLimits) {
  const commands: [keyof MachineLimits, string, string[]][] = [
    ['tensorflow', process.execPath, [nodeScript('limits.js'), `${milliseconds}`]],
  ];
  if (!python.missing) {
    commands.push(['pytorch', python.program, ['-B', pythonScript('limits.py'), `${milliseconds}`, `${cores}`]]);
  }
  const limits: MachineLimits = { ...earlier };
  const failures: string[] = [];
  for (const [library, program, args] of commands) {
    const worker = new WorkerProcess(`limits of ${library}`, program, args);
    try {
      const measured = await worker.ask<Limits>();
      const before = earlier[library];
      limits[library] = {
        ...measured,
        matmulGflops: Math.max(measured.matmulGflops, before?.matmulGflops ?? 0),
        bandwidthGBs: Math.max(measured.bandwidthGBs, before?.bandwidthGBs ?? 0),
      };
    } catch (error) {
      if (!(error instanceof WorkerFailed)) throw error;
      failures.push(error.message);
    } finally {
      await worker.stop();
    }
  }
  return { limits, failures };
}
