/** A run's folder: everything that is known of it, in files that are whole or not there. */
import { existsSync, statSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mean } from '@refconv/analysis/statistics';
import { type Holder, holderOf, makeFolder, writeAtomically } from '@refconv/files';
import { parse as parseCsv } from 'csv-parse/sync';
import { type AnalysisResult, evaluatedOn, type Result } from './result.js';
import type { Hash, Spec } from './spec.js';

/** What a run's folder is made of. */
export const SPEC = 'spec.json';
export const ENVIRONMENT = 'environment.json';
export const RESULT = 'result.json';
export const FAILURE = 'failure.json';
export const CANCELLED = 'cancelled';
export const LOG = 'log.txt';
export const LOCK = 'lock';
/** The network as it was trained, and as a plain network. */
export const MODEL = 'model';
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
  /** Top-1 of a training: that of its final weights. */
  | { state: 'done'; top1?: number }
  /** Epochs are 0 for an analysis, which has none. */
  | { state: 'running'; holder: Holder; epoch: number; epochs: number; secondsLeft?: number; top1?: number }
  /** Inherited: what it starts from failed. */
  | { state: 'failed'; reason: string; inherited?: boolean }
  | { state: 'cancelled' }
  | { state: 'waiting'; epoch: number; epochs: number };

/** The folders of all runs: `ROOT/runs/HASH`. */
export const runFolder = (root: string, hash: Hash) => join(root, 'runs', hash);

/** Short enough to read, long enough to be the only one. */
export const shortHash = (hash: Hash) => hash.slice(0, 12);

export const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/** Makes a run's folder with its spec, if it is not there. */
export async function prepareRun(root: string, hash: Hash, spec: Spec): Promise<string> {
  const folder = runFolder(root, hash);
  if (existsSync(join(folder, SPEC))) return folder;
  await makeFolder(folder);
  await writeAtomically(join(folder, SPEC), [json(spec)]);
  return folder;
}

/** What a training resulted in; undefined where it is not finished, or the run is an analysis. */
export async function readResult(root: string, hash: Hash): Promise<Result | undefined> {
  const result = await readJson<Result & EarlierResult>(join(runFolder(root, hash), RESULT));
  return result === undefined || result.spec.analysis ? undefined : today(result);
}

/** How results were written before they said which images had chosen the best epoch. */
interface EarlierResult {
  bestTop1?: number;
  bestEpoch?: number;
}

function today({ bestTop1: top1, bestEpoch: epoch, ...result }: Result & EarlierResult): Result {
  if (top1 === undefined || epoch === undefined) return result;
  return { ...result, best: { top1, epoch, chosenOn: evaluatedOn(result.spec) } };
}

/** What an analysis resulted in; undefined where it is not finished, or the run is a training. */
export async function readAnalysis(root: string, hash: Hash): Promise<AnalysisResult | undefined> {
  const result = await readJson<AnalysisResult>(join(runFolder(root, hash), RESULT));
  return result?.spec.analysis ? result : undefined;
}

/** @throws Error where that cannot be looked at: a run that is done must not be taken for one that is not. */
export function isDone(root: string, hash: Hash): boolean {
  try {
    return statSync(join(runFolder(root, hash), RESULT), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}

export async function stateOf(root: string, hash: Hash, spec: Spec): Promise<State> {
  const folder = runFolder(root, hash);
  if (isDone(root, hash)) {
    const { top1 } = (await readResult(root, hash)) ?? {};
    return { state: 'done', ...(top1 !== undefined && { top1 }) };
  }
  const holder = await holderOf(join(folder, LOCK));
  const epochs = spec.analysis ? 0 : spec.recipe.epochs;
  if (holder) return { state: 'running', holder, ...(await progressOf(folder, epochs)) };
  const failure = await readJson<Failure>(join(folder, FAILURE));
  if (failure) return { state: 'failed', reason: failure.reason };
  if (existsSync(join(folder, CANCELLED))) return { state: 'cancelled' };
  const { epoch } = await progressOf(folder, epochs);
  return { state: 'waiting', epoch, epochs };
}

async function progressOf(folder: string, epochs: number) {
  const csv = await readFile(join(folder, 'metrics.csv'), 'utf8').catch(() => '');
  // Without a line that is being written.
  const whole = csv.slice(0, csv.lastIndexOf('\n') + 1);
  const rows: { seconds: string; test_top1: string; validation_top1?: string }[] = parseCsv(whole, { columns: true });
  const last = rows.at(-1);
  if (!last) return { epoch: 0, epochs };
  // In the first one the step is compiled.
  const usual = rows.length > 1 ? rows.slice(1) : rows;
  const perEpoch = mean(usual.map(({ seconds }) => Number(seconds)));
  const secondsLeft = perEpoch * (epochs - rows.length);
  return { epoch: rows.length, epochs, secondsLeft, top1: Number(last.validation_top1 ?? last.test_top1) };
}

/** Lets a run that failed or was cancelled be tried again, from its last checkpoint. */
export async function forgive(root: string, hash: Hash): Promise<void> {
  for (const name of [FAILURE, CANCELLED]) await rm(join(runFolder(root, hash), name), { force: true });
}

export async function markFailed(root: string, hash: Hash, reason: string): Promise<void> {
  const failure: Failure = { reason, at: new Date().toISOString() };
  await writeAtomically(join(runFolder(root, hash), FAILURE), [json(failure)]);
}
