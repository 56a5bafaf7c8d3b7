/** Finished runs for others to read: without weights, and without what only tells about the machine that they were computed on. */
import { copyFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder, writeAtomically } from '@refconv/files';
import { isDone, json, RESULT, readAnalysis, readResult, runFolder, SPEC } from './folder.js';
import { readGrid, writeGrid } from './grid.js';
import { writeTables } from './launch.js';
import { rebuildLedger } from './ledger.js';
import type { AnalysisResult, Environment, Result } from './result.js';

/** Files of a run that are copied as they are, where they are not larger. */
const COPIED = /^(metrics|points.*|rounds|connectivity|redundancy|skeletons|robustness.*)\.csv$|^landscape\.json$/;
const LARGEST = 1_000_000;

export interface Published {
  runs: number;
  /** Runs of the grid that are not finished. */
  left: number;
  /** Files that are too large, as paths within the folder of runs. */
  omitted: string[];
}

/**
 * Adds what is finished of a grid to a folder that can be given away: specs, results, metrics and analyses; and makes its ledger and tables anew
 * from them. What is there of other grids stays.
 */
export async function publish(root: string, name: string, to: string): Promise<Published> {
  const grid = await readGrid(root, name);
  const finished = Object.keys(grid.runs).filter((hash) => isDone(root, hash));
  const omitted: string[] = [];
  for (const hash of finished) omitted.push(...(await publishRun(root, hash, to)));
  await writeGrid(to, grid);
  await rebuildLedger(to);
  await writeTables(to, grid);
  return { runs: finished.length, left: Object.keys(grid.runs).length - finished.length, omitted };
}

async function publishRun(root: string, hash: string, to: string): Promise<string[]> {
  const result = (await readResult(root, hash)) ?? (await readAnalysis(root, hash));
  if (!result) return [];
  const [from, folder] = [runFolder(root, hash), runFolder(to, hash)];
  await makeFolder(folder);
  const omitted: string[] = [];
  for (const file of await readdir(from)) {
    if (!COPIED.test(file)) continue;
    const { size } = await stat(join(from, file));
    if (size > LARGEST) omitted.push(join(hash, file));
    else await copyFile(join(from, file), join(folder, file));
  }
  await writeAtomically(join(folder, SPEC), [json(result.spec)]);
  // Last: a folder that has it is whole.
  await writeAtomically(join(folder, RESULT), [json(withoutMachine(result))]);
  return omitted;
}

/** Without the machine's name, and the place of the images there. */
function withoutMachine<T extends Result | AnalysisResult>(result: T): T {
  const environment: Environment = { ...result.environment, host: '', data: basename(result.environment.data) };
  return { ...result, environment };
}
