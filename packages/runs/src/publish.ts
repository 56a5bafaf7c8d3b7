/** Finished runs for others to read, without what only tells about the machine that they were computed on; and to go on from elsewhere. */
import { copyFile, cp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { makeFolder, namesIn, writeAtomically, writeWhole } from '@refconv/files';
import { isDone, json, MERGED, MODEL, RESULT, readAnalysis, readResult, runFolder, SPEC } from './folder.js';
import { type Grid, keepsGrid, readGrid, writeGrid } from './grid.js';
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

/** A run's models: each grid says for itself which it needs. */
const MODELS = [MERGED, MODEL];
/** Analyses of the network as it was trained, beside the one that it started from; the others look at what is left in the end. */
const OF_TRAINED = ['connectivity', 'redundancy', 'skeletons'];

/**
 * Adds what is finished of a grid to a folder that can be given away: specs, results, metrics and analyses; and makes its ledger and tables anew
 * from them. What is there of other grids stays.
 * @throws Error where the folder has runs that were done there, or another grid of that name: neither is replaced.
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
    warn,
  }: {
    /** With the models that runs which are not finished start from, so that these can be done where only the folder is; otherwise it has no weights. */
    models?: boolean;
    /** Is told of results in the folder that are damaged. */
    warn?: (problem: string) => void;
  } = {},
): Promise<Published> {
  const grid = await readGrid(root, name);
  const finished = Object.keys(grid.runs).filter((hash) => isDone(root, hash));
  await checkFolder(root, finished, to);
  const keeps = await keepsGrid(to, grid);
  const needed = new Set(models ? modelsNeeded(root, grid, finished) : []);
  const kept = await startsOfOthers(to, name);
  const omitted: string[] = [];
  for (const hash of finished) omitted.push(...(await publishRun(root, hash, to)));
  for (const hash of finished) await publishModels(root, hash, to, { needed, keeps: kept.has(hash) });
  if (!keeps) await writeGrid(to, grid);
  await rebuildLedger(to, warn);
  await writeTables(to, await readGrid(to, name));
  const left = grid.rows.filter(({ hash }) => !finished.includes(hash));
  return { runs: finished.length, left: left.map((row) => `(${placeOf(row)})`), omitted };
}

/** @throws Error where the folder is that of the runs, or another one in which runs were done: they would lose their models. */
async function checkFolder(root: string, finished: readonly Hash[], to: string): Promise<void> {
  const place = (path: string) => realpath(path).catch(() => resolve(path));
  if ((await place(root)) === (await place(to)))
    throw new Error(`${to} is the folder that the runs are in: give --to another one.`);
  for (const hash of finished) {
    const there = (await readResult(to, hash)) ?? (await readAnalysis(to, hash));
    if (there?.environment.host)
      throw new Error(
        `${runFolder(to, hash)} was done in that folder, and was not published into it; nothing is replaced. Give --to another folder, or move that run away.`,
      );
  }
}

/** The runs that unfinished ones of a folder's other grids start from. @throws Error where a grid is damaged: what it needs is not known. */
async function startsOfOthers(folder: string, name: string): Promise<Set<Hash>> {
  const names = (await namesIn(join(folder, 'grids'))).filter((other) => other !== name);
  const grids = await Promise.all(names.map((other) => readGrid(folder, other)));
  const starts = grids.flatMap(({ runs }) =>
    Object.entries(runs)
      .filter(([hash]) => !isDone(folder, hash))
      .flatMap(([, spec]) => neededRuns(spec).flatMap((start) => [start, ...neededRuns(runs[start] as Spec)])),
  );
  return new Set(starts);
}

/** The models of finished runs that a grid's unfinished ones read, as HASH/NAME. @throws Error where there is none. */
function modelsNeeded(root: string, { runs }: Pick<Grid, 'runs'>, finished: readonly Hash[]): string[] {
  const done = new Set(finished);
  const model = (hash: Hash, names: readonly string[]) =>
    done.has(hash) ? [join(hash, basename(finishedModel(root, hash, names)))] : [];
  const plain = (hash: Hash) => model(hash, MODELS);
  return Object.entries(runs).flatMap(([hash, spec]) => {
    if (done.has(hash)) return [];
    const { from, analysis } = spec;
    if (typeof from !== 'string' || !analysis || !OF_TRAINED.includes(analysis.id))
      return neededRuns(spec).flatMap(plain);
    return [...model(from, [MODEL]), ...neededRuns(runs[from] as Spec).flatMap(plain)];
  });
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

/** Those that are needed; of the others in the folder those go that no other grid there needs. */
async function publishModels(
  root: string,
  hash: Hash,
  to: string,
  { needed, keeps }: { needed: ReadonlySet<string>; keeps: boolean },
): Promise<void> {
  for (const name of MODELS) {
    const [from, there] = [join(runFolder(root, hash), name), join(runFolder(to, hash), name)];
    const copies = needed.has(join(hash, name));
    if (copies || !keeps) await rm(there, { recursive: true, force: true });
    if (copies) await writeWhole(there, {}, (unfinished) => cp(from, unfinished, { recursive: true }));
  }
}

/** Without the machine's name, and the place of the images there. */
function withoutMachine<T extends Result | AnalysisResult>(result: T): T {
  const environment: Environment = { ...result.environment, host: '', data: basename(result.environment.data) };
  return { ...result, environment };
}
