/** A run's folder: everything that is known of it, in files that are whole or not there. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mean } from '@refconv/analysis/statistics';
import { type Holder, hashOf, holderOf, makeFolder, readCsv, readJson, writeAtomically } from '@refconv/files';
import { type AnalysisResult, type Result, scoreOf, scoreValue } from './result.js';
import { readResultFile } from './resultFile.js';
import type { Hash, Spec } from './specSchema.js';

/** What a run's folder is made of. */
export const SPEC = 'spec.json';
export const ENVIRONMENT = 'environment.json';
export const RESULT = 'result.json';
export const FAILURE = 'failure.json';
export const CANCELLED = 'cancelled';
export const LOG = 'log.txt';
/** Of segmentation: some test images, their label images, and what the network makes of them. */
export const PICTURES = 'pictures.png';
export const LOCK = 'lock';
/** The network as it was trained, with the averages of its weights, and as a plain network. */
export const MODEL = 'model';
export const AVERAGED = 'averaged';
export const MERGED = 'merged';

/** Exit statuses of a worker: another process is at the run; stopped, to be started again. */
export const BUSY = 75;
export const STOPPED = 130;

export interface Failure {
  reason: string;
  /** When, ISO 8601. */
  at: string;
}

export type State =
  /** Top-1 of a training, or its task's measure: that of its final weights. */
  | { state: 'done'; score?: number }
  /** Epochs are 0 for an analysis, which has none. */
  | { state: 'running'; holder: Holder; epoch: number; epochs: number; secondsLeft?: number; score?: number }
  /** Inherited: what it starts from failed. */
  | { state: 'failed'; reason: string; inherited?: boolean }
  | { state: 'cancelled' }
  | { state: 'waiting'; epoch: number; epochs: number };

/**
 * The folders of all runs: `ROOT/runs/HASH`.
 * @example
 * ```ts
 * import { join } from 'node:path';
 * const [hash] = Object.keys(grid.runs);
 * const metrics = join(runFolder('results', hash), 'metrics.csv');
 * ```
 */
export const runFolder = (root: string, hash: Hash) => join(root, 'runs', hash);

/**
 * Short enough to read, long enough to be the only one.
 * @example
 * ```ts
 * const [hash] = Object.keys(grid.runs);
 * shortHash(hash); // its beginning, as messages have it
 * ```
 */
export const shortHash = (hash: Hash) => hash.slice(0, 12);

export const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

/** Makes a run's folder with its spec, if it is not there; a spec in it that is damaged, or another run's, is written anew. */
export async function prepareRun(root: string, hash: Hash, spec: Spec): Promise<string> {
  const folder = runFolder(root, hash);
  const there = await readSpec(root, hash).catch(() => undefined);
  if (there) return folder;
  await makeFolder(folder);
  await writeAtomically(join(folder, SPEC), [json(spec)]);
  return folder;
}

/**
 * The spec in a run's folder; undefined where there is none.
 * @throws Error where it is damaged, or not that of the run which the folder is named by.
 */
export async function readSpec(root: string, hash: Hash): Promise<Spec | undefined> {
  const path = join(runFolder(root, hash), SPEC);
  const remedy = "start the run's grid again, and it is written anew";
  const spec = await readJson<Spec>(path, remedy);
  if (spec === undefined || hashOf(spec) === hash) return spec;
  throw new Error(`${path} is the spec of another run, ${shortHash(hashOf(spec))}; ${remedy}.`);
}

/**
 * What a training resulted in; undefined where it is not finished, or the run is an analysis.
 * @example
 * ```ts
 * const [hash] = Object.keys(grid.runs);
 * const result = await readResult('results', hash); // undefined until it is finished
 * ```
 */
export async function readResult(root: string, hash: Hash): Promise<Result | undefined> {
  const result = wholeResult(root, hash);
  return result && 'rows' in result ? undefined : result;
}

/**
 * What an analysis resulted in; undefined where it is not finished, or the run is a training.
 * @example
 * ```ts
 * const [hash] = Object.keys(grid.runs);
 * const analysis = await readAnalysis('results', hash); // undefined until it is finished
 * ```
 */
export async function readAnalysis(root: string, hash: Hash): Promise<AnalysisResult | undefined> {
  const result = wholeResult(root, hash);
  return result && 'rows' in result ? result : undefined;
}

function wholeResult(root: string, hash: Hash): Result | AnalysisResult | undefined {
  const read = readResultFile(runFolder(root, hash), hash);
  return read && 'result' in read ? read.result : undefined;
}

/** Whether it has a whole result. @throws Error where that cannot be read: a run that is done must not be taken for one that is not. */
export const isDone = (root: string, hash: Hash) => wholeResult(root, hash) !== undefined;

/**
 * Where a run stands: waiting, running, done, failed or cancelled, and what is known besides.
 * @example
 * ```ts
 * const [[hash, spec]] = Object.entries(grid.runs);
 * const state = await stateOf('results', hash, spec);
 * ```
 */
export async function stateOf(root: string, hash: Hash, spec: Spec): Promise<State> {
  const folder = runFolder(root, hash);
  const result = readResultFile(folder, hash);
  if (result && 'result' in result) {
    const score = 'rows' in result.result ? undefined : scoreValue(result.result);
    return { state: 'done', ...(score !== undefined && { score }) };
  }
  const holder = await holderOf(join(folder, LOCK));
  const epochs = spec.analysis ? 0 : spec.recipe.epochs;
  if (holder) return { state: 'running', holder, ...(await progressOf(folder, epochs, spec)) };
  const failure = await readFailure(folder);
  if (failure) return { state: 'failed', reason: failure.reason };
  if (result) return { state: 'failed', reason: result.problem };
  if (existsSync(join(folder, CANCELLED))) return { state: 'cancelled' };
  const { epoch } = await progressOf(folder, epochs, spec);
  return { state: 'waiting', epoch, epochs };
}

/** How far a training has come, by the metrics.csv of its folder. @param epochs in all. */
export async function progressOf(folder: string, epochs: number, task: Pick<Spec, 'task'>) {
  // What is damaged of it the next process writes anew from its checkpoint.
  const rows = (await readCsv(join(folder, 'metrics.csv')).catch(() => undefined)) ?? [];
  const last = rows.at(-1);
  if (!last) return { epoch: 0, epochs };
  // In the first one the step is compiled.
  const usual = rows.length > 1 ? rows.slice(1) : rows;
  const perEpoch = mean(usual.map(({ seconds }) => Number(seconds)));
  const secondsLeft = perEpoch * (epochs - rows.length);
  const { column } = scoreOf(task);
  const score = Number(last[`validation_${column}`] ?? last[`test_${column}`]);
  return { epoch: rows.length, epochs, secondsLeft, score };
}

/** Why a run failed; undefined where it did not. */
export async function readFailure(folder: string): Promise<Failure | undefined> {
  try {
    const failure = await readJson<Failure>(join(folder, FAILURE), '`refconv experiment retry` takes it away');
    if (failure === undefined || (typeof failure?.reason === 'string' && failure.reason !== '')) return failure;
    throw new Error(
      `${join(folder, FAILURE)} does not say why the run failed; \`refconv experiment retry\` takes it away.`,
    );
  } catch (error) {
    return { reason: (error as Error).message, at: '' };
  }
}

/**
 * Lets a run that failed or was cancelled be tried again, from its last checkpoint.
 * @example
 * ```ts
 * const [hash] = Object.keys(grid.runs);
 * await letRetry('results', hash);
 * ```
 */
export async function letRetry(root: string, hash: Hash): Promise<void> {
  for (const name of [FAILURE, CANCELLED])
    await rm(join(runFolder(root, hash), name), { force: true, recursive: true });
}

export async function markFailed(root: string, hash: Hash, reason: string): Promise<void> {
  const failure: Failure = { reason, at: new Date().toISOString() };
  await writeAtomically(join(runFolder(root, hash), FAILURE), [json(failure)]);
}
