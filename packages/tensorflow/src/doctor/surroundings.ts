/** The parts of the report that are read off the machine. */
import { readFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { folderBytes, freeBytes } from '../setup/disk.js';
import { run } from '../setup/run.js';
import { compiler } from '../setup/tools.js';
import type { Problem, Report } from './report.js';

const THREAD_VARIABLES = ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS'];

/** Node, and a problem if the version is one that the project does not support. */
export function describeNode(version: string = process.versions.node): { node: Report['node']; problem?: Problem } {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major === 24;
  if (supported) return { node: { version, supported } };
  const tooOld = major < 20 || (major === 20 && minor < 19);
  return {
    node: { version, supported },
    problem: {
      severity: tooOld ? 'error' : 'warning',
      message: `Node ${version} is ${tooOld ? 'too old' : 'not one that this project is tested with'}.`,
      remedy: 'Use Node 20.19 or later, 22.12 or later, or 24.',
    },
  };
}

export function describeSystem(): Report['system'] {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const name = /^PRETTY_NAME="?(.*?)"?$/m.exec(readOr('/etc/os-release', ''))?.[1] ?? process.platform;
  return { platform: process.platform, architecture: process.arch, name, glibc: header.glibcVersionRuntime };
}

/** Threads, and a problem if TensorFlow would start many more of them than it may run at a time. */
export function describeThreads(): { threads: Report['threads']; problem?: Problem } {
  const processors = availableParallelism();
  const [limit, period] = readOr('/sys/fs/cgroup/cpu.max', 'max').split(' ').map(Number);
  const quota = limit && period ? limit / period : undefined;
  const set = THREAD_VARIABLES.flatMap((name): [string, string][] => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const threads = { processors, quota, variables: Object.fromEntries(set) };
  if (!quota || quota >= processors || threads.variables.TF_NUM_INTRAOP_THREADS) return { threads };
  return {
    threads,
    problem: {
      severity: 'warning',
      message: `TensorFlow will start ${processors} threads, but this container may only use ${quota} processors' time.`,
      remedy: `Set TF_NUM_INTRAOP_THREADS=${Math.max(1, Math.round(quota))}.`,
    },
  };
}

/** What the cache holds. @param inUse names of the folders that the current settings need */
export async function describeCache(folder: string, inUse: ReadonlySet<string>): Promise<Report['cache']> {
  const names = await readdir(folder).catch((): string[] => []);
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const state = await lstat(path).catch(() => undefined);
      return {
        name,
        bytes: state?.isDirectory() ? await folderBytes(path) : (state?.size ?? 0),
        inUse: inUse.has(name),
      };
    }),
  );
  return { folder, freeBytes: await freeBytes(folder).catch(() => undefined), entries };
}

export async function describePrograms(): Promise<Report['programs']> {
  const [program = 'c++', ...args] = compiler();
  const [python, pip, cc] = await Promise.all([
    firstLine('python3', ['--version']),
    firstLine('python3', ['-m', 'pip', '--version']),
    firstLine(program, [...args, '--version']),
  ]);
  return { python, pip, compiler: cc };
}

async function firstLine(program: string, args: string[]): Promise<string | undefined> {
  const result = await run(program, args).catch(() => undefined);
  return result?.code === 0 ? result.stdout.split('\n')[0]?.trim() : undefined;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
