/** The ledger: one row of CSV for each finished run. Its columns are in packages/runs/README.md. */
import { existsSync } from 'node:fs';
import { appendFile, open, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock, writeAtomically } from '@refconv/files';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { readResult } from './folder.js';
import { evaluatedOn, type Result } from './result.js';

/** The columns, and what stands in them. */
const COLUMNS = {
  hash: ({ hash }) => hash,
  network: ({ spec }) => spec.network.id,
  method: ({ spec }) => spec.method?.id ?? '',
  from: ({ spec }) => spec.from ?? '',
  data: ({ spec }) => spec.data.name,
  seed: ({ spec }) => spec.seed,
  epochs: ({ spec }) => spec.recipe.epochs,
  batch_size: ({ spec }) => spec.recipe.batchSize,
  learning_rate: ({ spec }) => spec.recipe.learningRate,
  evaluated_on: ({ spec }) => evaluatedOn(spec),
  top1: ({ top1 }) => top1,
  top5: ({ top5 }) => top5,
  test_loss: ({ testLoss }) => testLoss,
  best_top1_on_test: ({ best }) => (best.chosenOn === 'test' ? best.top1 : ''),
  best_epoch_on_test: ({ best }) => (best.chosenOn === 'test' ? best.epoch : ''),
  train_loss: ({ trainLoss }) => trainLoss,
  merged_top1: ({ mergedTop1 }) => mergedTop1,
  parameters_in_training: ({ parametersInTraining }) => parametersInTraining,
  parameters: ({ parameters }) => parameters,
  flops_per_step: ({ flopsPerStep }) => flopsPerStep,
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

export type LedgerRow = Record<keyof typeof COLUMNS, string>;

const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
const rowOf = (result: Result) => names.map((name) => COLUMNS[name](result));
const pathOf = (root: string) => join(root, 'ledger.csv');

/** All rows: each run has one. */
export async function readLedger(root: string): Promise<LedgerRow[]> {
  const path = pathOf(root);
  if (!existsSync(path)) return [];
  const text = await readFile(path, 'utf8');
  checkColumns(path, text);
  // Without a line that is being written.
  const [, ...rows]: string[][] = parse(text.slice(0, text.lastIndexOf('\n') + 1));
  return rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])) as LedgerRow);
}

/** @throws Error where the ledger has the columns of another version: a row of this one's would not fit. */
export async function checkLedger(root: string): Promise<void> {
  const path = pathOf(root);
  if (existsSync(path)) checkColumns(path, await readFile(path, 'utf8'));
}

function checkColumns(path: string, text: string): void {
  if (text.startsWith(stringify([names]))) return;
  throw new Error(`${path} has other columns than this version writes; make it anew by \`refconv experiment ledger\`.`);
}

/** Adds a run's row if it is not there. Any number of processes and machines may do so at the same time. */
export async function appendToLedger(root: string, result: Result): Promise<void> {
  const path = pathOf(root);
  await withLock(`${path}.lock`, async () => {
    if (!existsSync(path)) await writeAtomically(path, [stringify([names])]);
    const text = await readFile(path, 'utf8');
    checkColumns(path, text);
    // A line that a killed writer left half written goes.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
    if (whole.includes(`\n${result.hash},`)) return;
    await appendFile(path, stringify([rowOf(result)]));
    const file = await open(path, 'r');
    await file.sync();
    await file.close();
  });
}

/** Writes the ledger anew from the run folders. @returns the number of rows. */
export async function rebuildLedger(root: string): Promise<number> {
  return withLock(`${pathOf(root)}.lock`, async () => {
    const hashes = await readdir(join(root, 'runs')).catch(() => []);
    const results = (await Promise.all(hashes.sort().map((hash) => readResult(root, hash)))).filter(
      (result) => result !== undefined,
    );
    await writeAtomically(pathOf(root), [stringify([names, ...results.map(rowOf)])]);
    return results.length;
  });
}
