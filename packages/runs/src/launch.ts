/** Starts a planned grid where the caller says, and writes its tables. */
import { join } from 'node:path';
import { listed } from '@refconv/datasets/text';
import { writeAtomically } from '@refconv/files';
import { analysisCsv, analysisMarkdown, analysisTableOf, unfinishedParts } from './analysisTable.js';
import { isDone } from './folder.js';
import { type Grid, gridFolder } from './grid.js';
import { type Outcome, runQueue } from './queue.js';
import { type SlurmOptions, type Submission, submit } from './slurm.js';
import { otherStarts } from './starts.js';
import { tableCsv, tableMarkdown, tableOf } from './table.js';
import { measuredWorkers } from './throughput.js';
import { checkVersion } from './version.js';

export interface LaunchOptions extends SlurmOptions {
  launcher: 'local' | 'slurm';
  /** `auto`: as many as do most together, which is measured. */
  workers?: number | 'auto';
  memory?: number;
  /** Stops the runs here after their steps, with checkpoints; the same call goes on. */
  signal?: AbortSignal;
  /** Takes what happens, line by line. Default: console.log. */
  log?: (line: string) => void;
}

/** What has become of a grid: what its runs here ended as, with its tables as Markdown, or what Slurm was given. */
export type Launched = (Outcome & { launcher: 'local'; table: string }) | (Submission & { launcher: 'slurm' });

/**
 * Does a grid's runs here, and writes its tables; or hands the runs to Slurm.
 * @throws Error where runs that are not done were planned with another results version.
 * @example
 * ```ts
 * const launched = await launch('results', grid, { launcher: 'local', workers: 2 });
 * if (launched.launcher === 'local') console.log(launched.done, launched.failed, launched.table);
 * ```
 */
export async function launch(root: string, grid: Grid, options: LaunchOptions): Promise<Launched> {
  for (const [hash, spec] of Object.entries(grid.runs)) {
    if (!isDone(root, hash)) checkVersion(`The grid ${grid.name}`, spec);
  }
  const { launcher, memory, signal, log } = options;
  if (launcher === 'slurm') return { launcher, ...(await submit(root, grid, options)) };
  const workers = options.workers === 'auto' ? await measuredWorkers(root, grid, { memory, log }) : options.workers;
  const outcome = await runQueue(root, grid, { workers, memory, signal, log });
  return { launcher, ...outcome, table: await writeTables(root, grid) };
}

/**
 * Writes table.csv, where the grid has analyses analysis.csv, and table.md of both into the grid's folder. @returns the Markdown.
 * @example
 * ```ts
 * console.log(await writeTables('results', grid));
 * ```
 */
export async function writeTables(root: string, grid: Grid): Promise<string> {
  const others = await otherStarts(root, grid);
  const [rows, analyses] = [await tableOf(root, grid, others), await analysisTableOf(root, grid)];
  const folder = gridFolder(root, grid.name);
  const unfinished = unfinishedParts(root, grid);
  const markdown = [
    tableMarkdown(grid, rows),
    ...(analyses.length > 0 ? [analysisMarkdown(analyses)] : []),
    ...[...others.values()].map((problem) => `${problem}\n`),
    ...(unfinished.length > 0 ? [`Left out until all parts are done: ${listed(unfinished)}.\n`] : []),
  ].join('\n');
  await writeAtomically(join(folder, 'table.csv'), [tableCsv(rows)]);
  if (analyses.length > 0) await writeAtomically(join(folder, 'analysis.csv'), [analysisCsv(analyses)]);
  await writeAtomically(join(folder, 'table.md'), [markdown]);
  return `${markdown}\nWritten: ${join(folder, 'table.md')}, and CSV beside it`;
}
