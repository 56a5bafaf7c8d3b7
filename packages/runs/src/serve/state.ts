/** What the page is told, as JSON. */
import { closeSync, existsSync, fstatSync, readSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { namesIn, openFileSync, readCsv, readText } from '@refconv/files';
import { LOG, runFolder } from '../folder.js';
import { readGrid } from '../grid.js';
import type { Hash } from '../spec.js';
import { gridStatus } from '../status.js';

export interface ShownRun {
  network: string;
  arm: string;
  seed: number;
  hash: Hash;
  state: string;
  /** What else there is to say: a reason, what it waits for, its machine. */
  note?: string;
  epoch?: number;
  epochs?: number;
  /** 0 to 1. */
  score?: number;
  secondsLeft?: number;
  /** Of a run on this machine, in bytes. */
  memory?: number;
}

export interface ShownGrid {
  name: string;
  experiment: string;
  preset: string;
  runs: ShownRun[];
  /** Why it cannot be shown. */
  problem?: string;
}

/** What is shown of a run that was chosen. */
export interface ShownEpochs {
  /** By the columns of metrics.csv. */
  epochs: Record<string, string>[];
  /** The end of its log. */
  log: string;
}

/** The grids of a folder, those with runs under way first. */
export async function shownGrids(root: string): Promise<ShownGrid[]> {
  const names = await namesIn(join(root, 'grids'));
  const grids = await Promise.all(
    names.map((name) =>
      shownGrid(root, name).catch(
        (error: Error): ShownGrid => ({ name, experiment: '', preset: '', runs: [], problem: error.message }),
      ),
    ),
  );
  const running = ({ runs }: ShownGrid) => runs.filter(({ state }) => state === 'running').length;
  return grids.sort((a, b) => running(b) - running(a) || (a.name < b.name ? -1 : 1));
}

async function shownGrid(root: string, name: string): Promise<ShownGrid> {
  const grid = await readGrid(root, name);
  const rows = await gridStatus(root, grid);
  const runs = await Promise.all(
    rows.map(async ({ network, arm, seed, hash, state, waitsFor, queueUnknown }): Promise<ShownRun> => {
      const run = { network, arm, seed, hash, state: state.state };
      if (state.state === 'done') return { ...run, ...(state.score !== undefined && { score: state.score }) };
      if (state.state === 'failed') return { ...run, note: state.reason };
      if (state.state !== 'running') return { ...run, note: waitsFor ? `waits for ${waitsFor}` : (queueUnknown ?? '') };
      const { epoch, epochs, score, secondsLeft, holder } = state;
      const memory = holder.host === hostname() ? await memoryOf(holder.pid) : undefined;
      return {
        ...{ ...run, epoch, epochs, note: `on ${holder.host}` },
        ...(score !== undefined && { score }),
        ...(secondsLeft !== undefined && { secondsLeft }),
        ...(memory !== undefined && { memory }),
      };
    }),
  );
  return { name, experiment: grid.experiment, preset: grid.preset, runs };
}

/** The resident set of a process, in bytes; undefined where it is gone. */
async function memoryOf(pid: number): Promise<number | undefined> {
  const [, pages] = (await readText(`/proc/${pid}/statm`).catch(() => '')).split(' ');
  return pages === undefined ? undefined : 4096 * Number(pages);
}

/** How much of a log's end is shown. */
const TAIL = 8192;

/** One run's epochs, and the end of its log. */
export async function shownRun(root: string, hash: Hash): Promise<ShownEpochs> {
  const folder = runFolder(root, hash);
  return { epochs: await epochsOf(folder), log: tail(join(folder, LOG)) };
}

/** Of a training's folder. */
export const epochsOf = async (folder: string): Promise<Record<string, string>[]> =>
  (await readCsv(join(folder, 'metrics.csv')).catch(() => undefined)) ?? [];

/** The last lines of a text, as many as are shown. */
export const endOf = (text: string): string =>
  text.length > TAIL ? text.slice(text.indexOf('\n', text.length - TAIL) + 1) : text;

function tail(path: string): string {
  if (!existsSync(path)) return '';
  const file = openFileSync(path);
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, TAIL));
    const text = bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, size - bytes.length));
    return size > TAIL ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(file);
  }
}
