/** Finished runs for others to read, without what only tells about the machine that they were computed on; and to go on from elsewhere. */
import { copyFile, cp, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder, writeAtomically, writeWhole } from '@refconv/files';
import { isDone, json, MERGED, MODEL, RESULT, readAnalysis, readResult, runFolder, SPEC } from './folder.js';
import { readGrid, writeGrid } from './grid.js';
import { writeTables } from './launch.js';
import { rebuildLedger } from './ledger.js';
import { finishedModel } from './network.js';
import { placeOf } from './place.js';
import type { AnalysisResult, Environment, Result } from './result.js';
import { type Hash, neededRuns, type Spec } from './spec.js';

/** Files of a run that are copied as they are, where they are not larger. */
const COPIED =
  /^(metrics|points.*|rounds|connectivity|redundancy|skeletons|robustness.*|images|classes|confusion)\.csv$|^landscape\.json$|^pictures\.png$/;
const LARGEST = 1_000_000;

export interface Published {
  runs: number;
  /** Runs of the grid that are not finished, by network, arm and seed in parentheses. */
  left: string[];
  /** Files that are too large, as paths within the folder of runs. */
  omitted: string[];
}

/**
 * Adds what is finished of a grid to a folder that can be given away: specs, results, metrics and analyses; and makes its ledger and tables anew
 * from them. What is there of other grids stays.
 * @example
 * ```ts
 * const { runs, left } = await publish('results', 'comparison-smoke', 'results/published');
 * ```
 */
export async function publish(
  root: string,
  name: string,
  to: string,
  {
    models = false,
  }: {
    /** With the models that trainings which are not finished start from, so that these can be done where only the folder is; otherwise it has no weights. */
    models?: boolean;
  } = {},
): Promise<Published> {
  const grid = await readGrid(root, name);
  const finished = Object.keys(grid.runs).filter((hash) => isDone(root, hash));
  const omitted: string[] = [];
  for (const hash of finished) omitted.push(...(await publishRun(root, hash, to)));
  const left = grid.rows.filter(({ hash }) => !finished.includes(hash));
  const starts = models ? left.flatMap(({ hash }) => neededRuns(grid.runs[hash] as Spec)) : [];
  for (const hash of finished) await publishModel(root, hash, to, starts.includes(hash));
  await writeGrid(to, grid);
  await rebuildLedger(to);
  await writeTables(to, grid);
  return { runs: finished.length, left: left.map((row) => `(${placeOf(row)})`), omitted };
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

/** What a training starts from: the plain network that a run ended with. */
async function publishModel(root: string, hash: Hash, to: string, needed: boolean): Promise<void> {
  for (const name of [MERGED, MODEL]) await rm(join(runFolder(to, hash), name), { recursive: true, force: true });
  if (!needed) return;
  const from = finishedModel(root, hash, [MERGED, MODEL]);
  await writeWhole(join(runFolder(to, hash), basename(from)), {}, (unfinished) =>
    cp(from, unfinished, { recursive: true }),
  );
}

/** Without the machine's name, and the place of the images there. */
function withoutMachine<T extends Result | AnalysisResult>(result: T): T {
  const environment: Environment = { ...result.environment, host: '', data: basename(result.environment.data) };
  return { ...result, environment };
}
