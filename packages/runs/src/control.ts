/** What can be done with a grid's runs from outside of their processes: try them again, stop them, remove what is left of them. */
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CANCELLED, isDone, letRetry, prepareRun, RESULT, runFolder, stateOf } from './folder.js';
import type { RunList } from './grid.js';
import type { Hash } from './spec.js';

export { cancelJobs } from './slurmJobs.js';

/** Runs of a grid: all, or those named. */
function chosen({ runs }: Pick<RunList, 'runs'>, hashes?: readonly Hash[]) {
  return Object.entries(runs).filter(([hash]) => !hashes || hashes.includes(hash));
}

/**
 * Lets runs that failed or were cancelled be started again. @returns how many.
 * @example
 * ```ts
 * const count = await retryRuns('results', grid);
 * ```
 */
export async function retryRuns(root: string, grid: Pick<RunList, 'runs'>, hashes?: readonly Hash[]): Promise<number> {
  let retried = 0;
  for (const [hash, spec] of chosen(grid, hashes)) {
    if (!['failed', 'cancelled'].includes((await stateOf(root, hash, spec)).state)) continue;
    await letRetry(root, hash);
    retried++;
  }
  return retried;
}

/**
 * Has runs stop with checkpoints, on whatever machine they are, and keeps those that wait from being started. @returns how many.
 * @example
 * ```ts
 * const count = await cancelRuns('results', grid);
 * ```
 */
export async function cancelRuns(root: string, grid: Pick<RunList, 'runs'>, hashes?: readonly Hash[]): Promise<number> {
  const open = chosen(grid, hashes).filter(([hash]) => !isDone(root, hash));
  for (const [hash, spec] of open) await writeFile(join(await prepareRun(root, hash, spec), CANCELLED), '');
  return open.length;
}

/**
 * Removes what is not needed any more.
 * @param isCheckpoint whether a file of a finished run's folder goes; of runs that failed or were cancelled all goes, but where a damaged result can be made anew.
 * @returns how many files and folders.
 * @example
 * ```ts
 * import { isCheckpoint } from '@refconv/training/checkpoint';
 * const count = await cleanRuns('results', grid, isCheckpoint);
 * ```
 */
export async function cleanRuns(
  root: string,
  grid: Pick<RunList, 'runs'>,
  isCheckpoint: (name: string) => boolean,
): Promise<number> {
  let removed = 0;
  for (const [hash, spec] of chosen(grid)) {
    const folder = runFolder(root, hash);
    if (!existsSync(folder)) continue;
    const { state } = await stateOf(root, hash, spec);
    // A result that is damaged is made anew from the last checkpoint.
    const whole = state === 'cancelled' || (state === 'failed' && !existsSync(join(folder, RESULT)));
    const files = (await readdir(folder)).filter((file) => state === 'done' && isCheckpoint(file));
    for (const path of whole ? [folder] : files.map((file) => join(folder, file))) {
      await rm(path, { recursive: true });
      removed++;
    }
  }
  return removed;
}
