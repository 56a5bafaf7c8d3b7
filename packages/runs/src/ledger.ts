/** The ledger: one row of CSV for each finished run. Its columns are in packages/runs/README.md. */
import { existsSync } from 'node:fs';
import { rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { appendWhole, namesIn, readCsvLines, readText, wholeLines, withLock, writeAtomically } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';
import { runFolder, SPEC, shortHash } from './folder.js';
import { evaluatedOn, type Result, scoreOf } from './result.js';
import { readResultFile } from './resultFile.js';
import type { Hash } from './spec.js';

/** The columns, and what stands in them. */
const COLUMNS = {
  hash: ({ hash }) => hash,
  network: ({ spec }) => spec.network.id,
  task: ({ spec }) => spec.task?.id ?? 'classification',
  method: ({ spec }) => spec.method?.id ?? '',
  from: ({ spec }) => spec.from ?? '',
  data: ({ spec }) => spec.data.name,
  seed: ({ spec }) => spec.seed,
  epochs: ({ spec }) => spec.recipe.epochs,
  batch_size: ({ spec }) => spec.recipe.batchSize,
  learning_rate: ({ spec }) => spec.recipe.learningRate,
  evaluated_on: ({ spec }) => evaluatedOn(spec),
  top1: ({ top1 = '' }) => top1,
  top5: ({ top5 = '' }) => top5,
  mean_iou: ({ meanIou = '' }) => meanIou,
  pixel_accuracy: ({ pixelAccuracy = '' }) => pixelAccuracy,
  ap: ({ ap = '' }) => ap,
  ap50: ({ ap50 = '' }) => ap50,
  voc_ap: ({ voc12 = '' }) => voc12,
  test_loss: ({ testLoss }) => testLoss,
  best_top1_on_test: ({ best }) => (best.chosenOn === 'test' ? (best.top1 ?? '') : ''),
  best_epoch_on_test: ({ best }) => (best.chosenOn === 'test' ? best.epoch : ''),
  train_loss: ({ trainLoss }) => trainLoss,
  merged_top1: ({ mergedTop1 = '' }) => mergedTop1,
  merged_mean_iou: ({ mergedMeanIou = '' }) => mergedMeanIou,
  merged_ap: ({ mergedAp = '' }) => mergedAp,
  parameters_in_training: ({ parametersInTraining }) => parametersInTraining,
  parameters: ({ parameters }) => parameters,
  flops_per_step: ({ flopsPerStep = '' }) => flopsPerStep,
  weights: ({ weights }) => weights,
  threads: ({ spec }) => spec.threads ?? '',
  results_version: ({ spec }) => spec.resultsVersion,
  peak_memory: ({ peakMemory }) => peakMemory,
  train_seconds: ({ trainSeconds }) => trainSeconds.toFixed(2),
  step_milliseconds: ({ stepMilliseconds }) => stepMilliseconds?.toFixed(2) ?? '',
  commit: ({ environment }) => environment.commit,
  changed: ({ environment }) => String(environment.changed),
  device: ({ environment }) => environment.device,
  cpu: ({ environment }) => environment.cpu,
  host: ({ environment }) => environment.host,
  tensorflow: ({ environment }) => environment.tensorflow,
  finished: ({ finished }) => finished,
} as const satisfies Record<string, (result: Result) => string | number>;

/** What ledgers have besides where a run is of a task of a user's own. */
const OWN_COLUMNS = {
  score: ({ score = '' }) => score,
  merged_score: ({ mergedScore = '' }) => mergedScore,
} as const satisfies Record<string, (result: Result) => string | number>;

type Column = keyof typeof COLUMNS | keyof typeof OWN_COLUMNS;

export type LedgerRow = Record<keyof typeof COLUMNS, string> & Partial<Record<keyof typeof OWN_COLUMNS, string>>;

/**
 * The number by which a run is compared with others of its task; 0 to 1.
 * @example
 * ```ts
 * const scores = (await readLedger('results')).map(scoreOfRow);
 * ```
 */
export const scoreOfRow = (row: LedgerRow): number =>
  Number(row[scoreOf({ task: { id: row.task } }).column as keyof LedgerRow]);

const ALL = { ...COLUMNS, ...OWN_COLUMNS };
const NAMES = Object.keys(COLUMNS) as Column[];
const ALL_NAMES = Object.keys(ALL) as Column[];
/** The columns of a ledger of such results. */
const namesOf = (results: readonly Result[]) => (results.some(({ score }) => score !== undefined) ? ALL_NAMES : NAMES);
const cellsOf = (result: Result, names: readonly Column[]) => names.map((name) => ALL[name](result));
const pathOf = (root: string) => join(root, 'ledger.csv');

const REMEDY = 'make it anew by `refconv experiment ledger`';
/** Of what only writes a line the others must not wait for long. */
const PATIENCE = 45_000;

/**
 * All rows: each run has one.
 * @throws Error where the file is damaged, or of a version with other columns, with the remedy.
 * @example
 * ```ts
 * const best = (await readLedger('results')).sort((a, b) => scoreOfRow(b) - scoreOfRow(a))[0];
 * ```
 */
export async function readLedger(root: string): Promise<LedgerRow[]> {
  const path = pathOf(root);
  const [header, ...rows] = (await readCsvLines(path, REMEDY)) ?? [[...NAMES]];
  if (header === undefined) throw new Error(`${path} is damaged (it has no header); ${REMEDY}.`);
  if (![NAMES, ALL_NAMES].some((names) => names.join() === header.join())) {
    throw new OtherColumnsError(`${path} has other columns than this version writes; ${REMEDY}.`);
  }
  return rows.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i]])) as LedgerRow);
}

/** The ledger is of another version; what it says is whole. */
class OtherColumnsError extends Error {}

/** @throws Error where the ledger has the columns of another version: a row of this one's would not fit. */
export async function checkLedger(root: string): Promise<void> {
  await readLedger(root).catch((error) => {
    // A damaged one is made anew when a row is added.
    if (error instanceof OtherColumnsError) throw error;
  });
}

type Log = (message: string) => void;

/**
 * Adds a run's row, in the place of one that an earlier run of the same spec has left. Any number of processes and machines may do so at the same time. A ledger that is damaged is made
 * anew from the run folders first, and kept beside with the ending `.corrupt`.
 * @example
 * ```ts
 * const [hash] = Object.keys(grid.runs);
 * const result = await readResult('results', hash);
 * if (result) await appendToLedger('results', result);
 * ```
 */
export async function appendToLedger(root: string, result: Result, log?: Log): Promise<void> {
  const path = pathOf(root);
  const append = async () => {
    if (!existsSync(path)) await writeAtomically(path, [stringify([namesOf([result])])]);
    let rows: LedgerRow[];
    try {
      rows = await readLedger(root);
    } catch (error) {
      if (error instanceof OtherColumnsError) throw error;
      log?.(`${(error as Error).message} It is made anew now; what was there is kept as ${path}.corrupt.`);
      await rename(path, `${path}.corrupt`);
      await rebuild(root, log);
      rows = await readLedger(root);
    }
    if (rows.some(({ hash }) => hash === result.hash)) return replaceRow(path, rows, result, log);
    // A line that a killed writer left half written goes.
    const text = await readText(path);
    const whole = wholeLines(text);
    if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
    const names = whole.startsWith(ALL_NAMES.join()) ? ALL_NAMES : namesOf([result]);
    const isNarrow = names === ALL_NAMES && !whole.startsWith(ALL_NAMES.join());
    if (isNarrow)
      await writeAtomically(path, [stringify([names, ...rows.map((row) => names.map((name) => row[name] ?? ''))])]);
    await appendWhole(path, stringify([cellsOf(result, names)]));
  };
  await withLock(`${path}.lock`, append, { log, patience: PATIENCE });
}

/** Whether a ledger's row says what the result does. */
export const isRowOf = (row: LedgerRow | undefined, result: Result): boolean =>
  row !== undefined && ALL_NAMES.every((name) => (row[name] ?? '') === String(ALL[name](result)));

/** Where a run was done again, after its folder was moved away, its row must not stay that of the first time. */
async function replaceRow(path: string, rows: readonly LedgerRow[], result: Result, log?: Log): Promise<void> {
  const isWide = rows.some((row) => Object.keys(row).length === ALL_NAMES.length);
  const names = isWide ? ALL_NAMES : namesOf([result]);
  const own = cellsOf(result, names).map(String);
  const lines = rows.map((row) => (row.hash === result.hash ? own : names.map((name) => row[name] ?? '')));
  const before = rows.find(({ hash }) => hash === result.hash);
  if (isRowOf(before, result)) return;
  log?.(`${path} had a row of an earlier run of ${shortHash(result.hash)}; it has that of this one now.`);
  await writeAtomically(path, [stringify([names, ...lines])]);
}

/**
 * Writes the ledger anew from the run folders.
 * @param warn is told of results that are damaged; theirs are the only rows that it lacks.
 * @returns the number of rows.
 * @example
 * ```ts
 * const count = await rebuildLedger('results', console.warn);
 * ```
 */
export async function rebuildLedger(root: string, warn?: Log): Promise<number> {
  return withLock(`${pathOf(root)}.lock`, () => rebuild(root, warn), { log: warn });
}

/**
 * The rows of all whole results, as a ledger that is whole has them.
 * @example
 * ```ts
 * const rows = await ledgerOfRuns('results');
 * ```
 */
export async function ledgerOfRuns(root: string, warn?: Log): Promise<LedgerRow[]> {
  const results = await resultsOf(root, warn);
  const names = namesOf(results);
  const row = (result: Result) => names.map((name) => [name, String(ALL[name](result))]);
  return results.map((result) => Object.fromEntries(row(result)) as LedgerRow);
}

async function rebuild(root: string, warn?: Log): Promise<number> {
  const results = await resultsOf(root, warn);
  const names = namesOf(results);
  await writeAtomically(pathOf(root), [stringify([names, ...results.map((result) => cellsOf(result, names))])]);
  return results.length;
}

async function resultsOf(root: string, warn?: Log): Promise<Result[]> {
  const results = new Map<Hash, Result>();
  for (const [folder, hash] of await foldersOf(root)) {
    try {
      const read = readResultFile(folder, hash);
      if (read && 'problem' in read) warn?.(read.problem);
      else if (read && !('rows' in read.result)) results.set(read.result.hash, read.result);
    } catch (error) {
      warn?.(`${(error as Error).message} Its row is missing.`);
    }
  }
  return [...results.values()];
}

/** The folders of runs: those that their hashes name, and those of `refconv train`, which a user has named. */
async function foldersOf(root: string): Promise<[folder: string, hash?: Hash][]> {
  const hashes = (await namesIn(join(root, 'runs'))).sort();
  const named = (await namesIn(root)).map((name) => join(root, name)).filter((path) => existsSync(join(path, SPEC)));
  return [
    ...hashes.map((hash): [string, Hash] => [runFolder(root, hash), hash]),
    ...named.sort().map((path): [string] => [path]),
  ];
}
