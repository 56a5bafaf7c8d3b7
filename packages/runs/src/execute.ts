/** Does one run: from its spec to its result, in the folder that its hash names. */
import { join } from 'node:path';
import { importAgain, tryLock } from '@refconv/files';
import { isFirstWorker } from '@refconv/training';
import { analyse } from './analyses/analyse.js';
import { LOCK, prepareRun, readAnalysis, readResult, readSpec, runFolder } from './folder.js';
import { appendToLedger, checkLedger } from './ledger.js';
import type { AnalysisResult, Result } from './result.js';
import { type Hash, hashOfSpec, neededRuns, type Spec, shortHash } from './spec.js';
import { type TrainRunOptions, trainRun } from './trainRun.js';
import { checkVersion, versionOf } from './version.js';

export interface ExecuteOptions {
  /** Stops after the step under way, with a checkpoint. */
  signal?: AbortSignal;
  log?: (line: string) => void;
}

/** Another process is doing the run. */
export class BusyError extends Error {
  override name = 'BusyError';
}

/** A run may be killed at any time: seconds between checkpoints within an epoch. */
const HOW: TrainRunOptions = { checkpointEvery: { seconds: 120 }, showProgress: false };

/**
 * Trains, evaluates and merges, or analyses, as the spec says; goes on where an earlier process stopped. A run that is finished is not done again.
 * @returns undefined if it was stopped before the end.
 * @throws BusyError where another process is at it.
 * @throws Error where the run that it starts from is not finished, its data are missing, or it was planned with another results version.
 */
export async function execute(
  root: string,
  spec: Spec,
  options: ExecuteOptions = {},
): Promise<Result | AnalysisResult | undefined> {
  const hash = hashOfSpec(spec);
  const train = (given: ExecuteOptions) => trainRun(spec, runFolder(root, hash), { root, ...HOW, ...given });
  // What each of a run's processes does but the first, which alone writes.
  if (!isFirstWorker()) return (await readResult(root, hash)) ?? train(options);
  const folder = await prepareRun(root, hash, spec);
  const lock = await tryLock(join(folder, LOCK));
  if (!lock) throw new BusyError(`Another process is doing the run ${shortHash(hash)}.`);
  // Where another machine took the lock over, as this one was suspended, the run is its.
  const signal = options.signal ? AbortSignal.any([options.signal, lock.lost]) : lock.lost;
  try {
    await checkLedger(root); // before anything is computed
    const analysed = await readAnalysis(root, hash);
    if (analysed) return analysed;
    const trained = await readResult(root, hash);
    if (!trained) await checkVersions(root, hash, spec);
    if (spec.analysis) {
      await importAgain(spec.imports, import.meta.url);
      return await analyse(root, hash, spec, { ...options, signal });
    }
    const result = trained ?? (await train({ ...options, signal }));
    if (result) await appendToLedger(root, result);
    return result;
  } finally {
    await lock.release();
  }
}

/** The run's own version, and that of the run which it starts from. */
async function checkVersions(root: string, hash: Hash, spec: Spec): Promise<void> {
  checkVersion(`The run ${shortHash(hash)}`, spec);
  for (const needed of neededRuns(spec)) {
    const start = await readSpec(root, needed);
    if (start) versionOf(`The run ${shortHash(hash)} with the one that it starts from`, [start, spec]);
  }
}
