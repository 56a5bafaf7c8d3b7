/** Does one run: from its spec to its result. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stepCost, trainingCost } from '@refconv/analysis';
import { importAgain, tryLock, writeAtomically } from '@refconv/files';
import { merge } from '@refconv/refconv';
import {
  type BestEpoch,
  evaluate,
  type FitResult,
  finalSplit,
  fit,
  type ImageResult,
  inEvaluation,
  isFirstWorker,
  type LeftOut,
  leavesOut,
  leftOutText,
  loadModel,
  type Measured,
  type MetricsRow,
  predict,
  requireFinite,
  saveAverages,
  saveModel,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { analyse } from './analyses/analyse.js';
import { openRunImages } from './data.js';
import { environment } from './environment.js';
import {
  AVERAGED,
  ENVIRONMENT,
  FAILURE,
  json,
  LOCK,
  MERGED,
  MODEL,
  prepareRun,
  RESULT,
  readAnalysis,
  readResult,
  readSpec,
  runFolder,
} from './folder.js';
import { appendToLedger, checkLedger } from './ledger.js';
import { finishedModel, startingModel } from './network.js';
import { type AnalysisResult, type Result, scoreOf } from './result.js';
import { type Hash, hashOfSpec, neededRuns, type Spec, shortHash } from './spec.js';
import { type RunTask, withTask } from './task.js';
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

/** Seconds between checkpoints within an epoch. */
const CHECKPOINT = 120;

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
  if (!isFirstWorker()) return (await readResult(root, hash)) ?? shareOf(root, hash, spec, options);
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
    await importAgain(spec.imports, import.meta.url);
    if (spec.analysis) return await analyse(root, hash, spec, { ...options, signal });
    const result = trained ?? (await withTask(spec, (task) => train(root, hash, spec, task, { ...options, signal })));
    if (result) await appendToLedger(root, result);
    return result;
  } finally {
    await lock.release();
  }
}

/** What each of a run's processes does but the first, which alone writes. */
async function shareOf(root: string, hash: Hash, spec: Spec, options: ExecuteOptions): Promise<Result | undefined> {
  await importAgain(spec.imports, import.meta.url);
  return withTask(spec, (task) => train(root, hash, spec, task, options));
}

/** The run's own version, and that of the run which it starts from. */
async function checkVersions(root: string, hash: Hash, spec: Spec): Promise<void> {
  checkVersion(`The run ${shortHash(hash)}`, spec);
  for (const needed of neededRuns(spec)) {
    const start = await readSpec(root, needed);
    if (start) versionOf(`The run ${shortHash(hash)} with the one that it starts from`, [start, spec]);
  }
}

async function train<P extends ImageResult, E extends Measured>(
  root: string,
  hash: Hash,
  spec: Spec,
  { task, write, pictures, measures }: RunTask<P, E>,
  options: ExecuteOptions,
): Promise<Result | undefined> {
  const { log = console.log, signal } = options;
  const folder = runFolder(root, hash);
  const images = await openRunImages(spec);
  const { data, normalisation, recipe } = images;
  let model: LayersModel | undefined;
  let merged: LayersModel | undefined;
  let teacher: LayersModel | undefined;
  try {
    const where = await environment(spec, images.source);
    const writes = isFirstWorker();
    if (writes) await writeAtomically(join(folder, ENVIRONMENT), [json(where)]);
    const layers: LeftOut['layers'] = [];
    const onLeft = (left: Readonly<LeftOut['layers']>) => {
      layers.push(...left);
    };
    model = await startingModel(root, spec, { classes: data.classes.length, shape: images.shape, onLeft });
    for (const line of leftOutText({ layers })) log(line);
    if (spec.freezeBatchNorm) freezeBatchNorms(model);
    if (spec.teacher) teacher = (await loadModel(finishedModel(root, spec.teacher, [MERGED, MODEL]))).model;
    const checkpointEvery = { seconds: CHECKPOINT };
    const fitted = await fit({
      ...{ model, task, data, ...normalisation, recipe, folder, checkpointEvery, signal, log },
      ...(teacher && { teacher }),
      showProgress: false,
    });
    if (fitted.stopped || signal?.aborted) return undefined;
    const peakMemory = 1024 * process.resourceUsage().maxRSS;

    const { id, ...network } = spec.network;
    const dense = spec.task && { task: spec.task.id, backbone: { id, options: network } };
    const notes = { ...images.notes, classes: data.classes, ...dense, ...(spec.imports && { imports: spec.imports }) };
    if (fitted.averaged && writes) await saveAverages(model, fitted.averaged, join(folder, AVERAGED), notes);
    if (writes) await saveModel(model, join(folder, MODEL), notes, { replace: true });
    merged = spec.method ? await merge(model) : undefined;
    if (merged && writes) await saveModel(merged, join(folder, MERGED), notes, { replace: true });
    const passed = { ...normalisation, task };
    const predictions = fitted.predictions ?? (await predict(model, finalSplit(data), passed));
    const evaluation = requireFinite(task.evaluationOf(predictions));
    if (writes) {
      await write(folder, predictions, evaluation, data.classes);
      await pictures?.(folder, merged ?? model, data);
    }
    const { entry, merged: mergedEntry } = scoreOf(spec);
    const final = measures(evaluation);
    const mergedScore = merged ? measures(await evaluate(merged, finalSplit(data), passed))[entry] : final[entry];
    const cost = trainingCost(model);
    const trainSeconds = fitted.rows.reduce((sum, { seconds }) => sum + seconds, 0);
    const { last, best } = fitted as FitResult<P> & { last: MetricsRow; best: BestEpoch };
    const leftOut: LeftOut = { ...fitted.leftOut, layers };
    const result: Result = {
      hash,
      spec,
      ...{ ...final, testLoss: evaluation.loss },
      best: { epoch: best.epoch, [entry]: best.score, chosenOn: best.chosenOn },
      trainLoss: last.trainLoss,
      [mergedEntry]: mergedScore,
      parametersInTraining: cost.trainable,
      parameters: trainingCost(merged ?? model).trainable,
      flopsPerStep: stepCost(model, recipe.batchSize, { attacked: recipe.adversarial !== undefined }).total,
      peakMemory,
      trainSeconds,
      stepMilliseconds: (1000 * trainSeconds) / fitted.step,
      weights: weightsHash(model),
      ...(leavesOut(leftOut) && { leftOut }),
      finished: new Date().toISOString(),
      environment: where,
    };
    if (!writes) return result;
    await writeAtomically(join(folder, RESULT), [json(result)]);
    await rm(join(folder, FAILURE), { force: true });
    return result;
  } finally {
    teacher?.dispose();
    merged?.dispose();
    model?.dispose();
    await images.close();
  }
}

/** In this process alone: the model is saved, and loaded again, as the plain one that it is. */
function freezeBatchNorms({ layers }: LayersModel): void {
  for (const layer of layers) {
    if (layer.getClassName() !== 'BatchNormalization') continue;
    layer.trainable = false;
    inEvaluation(layer);
  }
}

function weightsHash(model: LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of model.getWeights()) {
    const { buffer, byteOffset, byteLength } = weight.dataSync() as Float32Array;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
