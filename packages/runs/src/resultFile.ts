/** result.json as a file that may be damaged, half written or another run's: only a whole result of the run itself counts. */
import { closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, openFileSync, parseJson } from '@refconv/files';
import { type AnalysisResult, evaluatedOn, type Result, scoreOf } from './result.js';
import type { Hash, Spec } from './spec.js';

/** Of a training; losses may be beyond what a number can say. */
const NUMBERS = ['parametersInTraining', 'parameters', 'peakMemory', 'trainSeconds'] as const;

/** Of a training of the task. */
const numbersOf = (spec: Pick<Spec, 'task' | 'model'>): readonly string[] => {
  const { entry, merged } = scoreOf(spec);
  return [entry, merged, ...(spec.task ? [] : ['top5']), ...(spec.model ? [] : ['flopsPerStep']), ...NUMBERS];
};

export type ReadResult = { result: Result | AnalysisResult } | { problem: string } | undefined;

/**
 * The result in a run's folder: undefined where there is none, and where it is damaged what is wrong.
 * @param hash of the run; left out: that which the result itself says.
 * @throws Error where it cannot be read at the moment, as without permission or where a network file system is gone.
 */
export function readResultFile(folder: string, hash?: Hash): ReadResult {
  const path = join(folder, 'result.json');
  const damaged = (what: string) => ({
    problem: `${path} is damaged (${what}); start the run's grid again, and it is made anew from the last checkpoint.`,
  });
  let text: string;
  try {
    const file = openFileSync(path);
    try {
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EISDIR' || code === 'EINVAL') return damaged(message);
    throw error;
  }
  try {
    const value = parseJson(text);
    const wrong = problemOf(value, hash);
    return wrong === undefined ? { result: today(value as Result & EarlierResult) } : damaged(wrong);
  } catch (error) {
    return damaged((error as Error).message.slice(0, 80));
  }
}

function problemOf(value: unknown, hash: Hash | undefined): string | undefined {
  const isObject = (each: unknown): each is Record<string, unknown> => typeof each === 'object' && each !== null;
  if (!isObject(value) || !isObject(value.spec)) return 'it is not a result';
  if (value.hash !== (hash ?? value.hash) || hashOf(value.spec) !== value.hash)
    return 'it is the result of another run';
  if (typeof value.finished !== 'string' || !isObject(value.environment)) return 'it does not say when or where';
  if (value.spec.analysis) {
    return Array.isArray(value.rows) && Number.isFinite(value.seconds) ? undefined : 'it has no rows';
  }
  const missing = numbersOf(value.spec as Pick<Spec, 'task' | 'model'>).find((name) => !Number.isFinite(value[name]));
  if (missing) return `${missing} is no number`;
  return typeof value.weights === 'string' ? undefined : 'it has no hash of the weights';
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
