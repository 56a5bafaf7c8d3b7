/** Starts a planned grid where the user says, and writes its tables. */
import { join } from 'node:path';
import { counted, listed } from '@refconv/datasets/text';
import { writeAtomically } from '@refconv/files';
import { analysisCsv, analysisMarkdown, analysisTableOf, unfinishedParts } from './analysisTable.js';
import { isDone } from './folder.js';
import { type Grid, gridFolder, settingsText } from './grid.js';
import { placeOf } from './place.js';
import { runQueue } from './queue.js';
import { type SlurmOptions, submit } from './slurm.js';
import type { Hash } from './spec.js';
import { tableCsv, tableMarkdown, tableOf } from './table.js';
import { measuredWorkers } from './throughput.js';
import { checkVersion } from './version.js';

export interface LaunchOptions extends SlurmOptions {
  launcher: 'local' | 'slurm';
  /** `auto`: as many as do most together, which is measured. */
  workers?: number | 'auto';
  memory?: number;
}

/**
 * Does a grid's runs here, stopping at Ctrl-C with checkpoints, or hands them to Slurm. Sets the exit status: 1 where a run failed, 130 where
 * it was stopped.
 * @throws Error where runs that are not done were planned with another results version.
 * @example
 * ```ts
 * await launch('results', grid, { launcher: 'local', workers: 2 });
 * ```
 */
export async function launch(root: string, grid: Grid, options: LaunchOptions): Promise<void> {
  for (const [hash, spec] of Object.entries(grid.runs)) {
    if (!isDone(root, hash)) checkVersion(`The grid ${grid.name}`, spec);
  }
  if (options.launcher === 'slurm') {
    const { jobs, left } = await submit(root, grid, options);
    const tasks = jobs.reduce((sum, job) => sum + Object.keys(job.tasks).length, 0);
    const ids = jobs.map(({ id }) => id).join(', ');
    console.log(
      [
        `${counted(tasks, 'run')} submitted${ids && `, as jobs ${ids}`}`,
        ...(left.length > 0
          ? [
              `${counted(left.length, 'run')} left out, starting from one that failed or was cancelled: ${listed(placesOf(grid, left))}`,
            ]
          : []),
        ...(grid.armsLeftOut ? [settingsText(grid)] : []),
        `refconv experiment status ${grid.name} tells where they stand`,
      ].join('; '),
    );
    return;
  }
  const stop = new AbortController();
  const interrupt = () => {
    console.error('\nStopping the runs after their steps, with checkpoints; the same command goes on.');
    stop.abort();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const { memory } = options;
  const workers = options.workers === 'auto' ? await measuredWorkers(root, grid, { memory }) : options.workers;
  const { done, failed, left } = await runQueue(root, grid, { workers, memory, signal: stop.signal });
  process.off('SIGINT', interrupt);
  process.off('SIGTERM', interrupt);
  console.log(await writeTables(root, grid));
  console.log(`${done} done, ${failed.length} failed, ${left} left`);
  if (stop.signal.aborted) process.exitCode = 130;
  else if (failed.length + left > 0) process.exitCode = 1;
}

const placesOf = ({ rows }: Grid, hashes: readonly Hash[]) =>
  rows.filter(({ hash }) => hashes.includes(hash)).map((row) => `(${placeOf(row)})`);

/**
 * Writes table.csv, where the grid has analyses analysis.csv, and table.md of both into the grid's folder. @returns the Markdown.
 * @example
 * ```ts
 * console.log(await writeTables('results', grid));
 * ```
 */
export async function writeTables(root: string, grid: Grid): Promise<string> {
  const [rows, analyses] = [await tableOf(root, grid), await analysisTableOf(root, grid)];
  const folder = gridFolder(root, grid.name);
  const unfinished = unfinishedParts(root, grid);
  const markdown = [
    tableMarkdown(grid, rows),
    ...(analyses.length > 0 ? [analysisMarkdown(analyses)] : []),
    ...(unfinished.length > 0 ? [`Left out until all parts are done: ${listed(unfinished)}.\n`] : []),
  ].join('\n');
  await writeAtomically(join(folder, 'table.csv'), [tableCsv(rows)]);
  if (analyses.length > 0) await writeAtomically(join(folder, 'analysis.csv'), [analysisCsv(analyses)]);
  await writeAtomically(join(folder, 'table.md'), [markdown]);
  return `${markdown}\nWritten: ${join(folder, 'table.md')}, and CSV beside it`;
}
