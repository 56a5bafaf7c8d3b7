/** A user's run: a run folder of an experiment, or what `refconv train` wrote. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type ImagePrediction, type PredictionReport, reportPredictions } from '@refconv/analysis/predictions';
import { readJson } from '@refconv/files';
import { type Result, type Spec, shortHash } from '@refconv/runs';
import { LEFT_OUT_FILE, type LeftOut, leftOutText } from '@refconv/training/leftOut';
import { type EpochMetrics, readCsv, readMetrics } from '../metrics.js';

export interface ComparedRun {
  /** No other run's of the comparison. */
  name: string;
  folder: string;
  epochs: EpochMetrics[];
  /** Of a finished run of an experiment. */
  result?: Result;
  spec?: Spec;
  classes?: readonly string[];
  predictions?: PredictionReport;
  /** What the page cannot show of it, and why. */
  missing: string[];
  /** What its training left out. */
  leftOut: string[];
}

/**
 * Reads runs by their folders.
 * @param names for the page; by default the folders'.
 * @throws Error for a folder that is no run, or where names and folders differ in number.
 */
export async function readRuns(folders: readonly string[], names?: readonly string[]): Promise<ComparedRun[]> {
  if (folders.length === 0) throw new Error('Which runs? Give their folders: refconv report compare RUN RUN …');
  if (names && names.length !== folders.length)
    throw new Error(`There are ${folders.length} runs and ${names.length} names: give each run one.`);
  const runs: ComparedRun[] = [];
  const used = new Set<string>();
  for (const [i, given] of folders.entries()) {
    const run = await readRun(resolve(given));
    let name = names?.[i] ?? run.name;
    for (let n = 2; used.has(name); n++) name = `${names?.[i] ?? run.name} (${n})`;
    used.add(name);
    runs.push({ ...run, name });
  }
  return runs;
}

async function readRun(folder: string): Promise<ComparedRun> {
  if (!existsSync(folder)) throw new Error(`There is no run ${folder}: no such folder.`);
  const epochs = await readMetrics(folder);
  if (!epochs) {
    throw new Error(
      `${folder} is no run: it has no metrics.csv. Give a folder that \`refconv train --output\` or an experiment wrote.`,
    );
  }
  const missing: string[] = [];
  const spec = await readIfWhole<Spec>(join(folder, 'spec.json'), missing);
  const result = await readIfWhole<Result>(join(folder, 'result.json'), missing);
  const classes = await classesOf(folder, missing);
  if (epochs.length === 0) missing.push('no epoch is finished yet');
  const predictions = await predictionsOf(folder, classes?.length, missing);
  const name = spec && !isNamed(folder) ? nameOf(spec, folder) : basename(folder);
  const leftOut = result?.leftOut ?? (await readIfWhole<LeftOut>(join(folder, LEFT_OUT_FILE), missing)) ?? {};
  return { name, folder, epochs, result, spec, classes, predictions, missing, leftOut: leftOutText(leftOut) };
}

/** Folders of experiments' runs are named by hashes. */
const isNamed = (folder: string) => !/^[0-9a-f]{64}$/.test(basename(folder));

const nameOf = ({ network, method, seed }: Spec, folder: string) =>
  `${network.id} ${method?.id ?? 'plain'} seed ${seed} ${shortHash(basename(folder))}`;

/** Undefined where it is missing, or damaged, which is told. */
const readIfWhole = <T>(path: string, missing: string[]): Promise<T | undefined> =>
  readJson<T>(path, 'what it says is left out').catch((error: Error) => {
    missing.push(error.message.replace(/\.$/, ''));
    return undefined;
  });

/** The classes' names stand in the trained model. */
async function classesOf(folder: string, missing: string[]): Promise<readonly string[] | undefined> {
  const model = await readIfWhole<{ userDefinedMetadata?: { refconv?: { classes?: string[] } } }>(
    join(folder, 'model', 'model.json'),
    missing,
  );
  return model?.userDefinedMetadata?.refconv?.classes;
}

async function predictionsOf(
  folder: string,
  classes: number | undefined,
  missing: string[],
): Promise<PredictionReport | undefined> {
  const lacks = 'accuracy by class, calibration and confusion';
  const rows = await readCsv(join(folder, 'predictions.csv'));
  if (!rows) {
    const finished = existsSync(join(folder, 'model'));
    missing.push(
      `${lacks}: it has no predictions.csv, ${finished ? 'as it was trained before these were written' : 'which is written when a training ends'}`,
    );
    return undefined;
  }
  const predictions = rows.map(
    ({ label, prediction, confidence }): ImagePrediction => ({
      label: Number(label),
      prediction: Number(prediction),
      confidence: Number(confidence),
    }),
  );
  const most = predictions.reduce((most, { label, prediction }) => Math.max(most, label, prediction), -1);
  try {
    return reportPredictions(predictions, classes ?? most + 1);
  } catch (error) {
    missing.push(`${lacks}: its predictions.csv cannot be used. ${(error as Error).message}`);
    return undefined;
  }
}
