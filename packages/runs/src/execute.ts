/** Does one run: from its spec to its result. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stepCost, trainingCost } from '@refconv/analysis';
import { batches, type ImageSplit, tryLock } from '@refconv/datasets';
import { merge } from '@refconv/refconv';
import { compile, tf } from '@refconv/tensorflow';
import { evaluate, type FitResult, fit, saveModel } from '@refconv/training';
import { writeAtomically } from '@refconv/training/files';
import type { LayersModel, Scalar, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { analyse } from './analyses/analyse.js';
import { loadData, type RunData } from './data.js';
import { environment } from './environment.js';
import {
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
  runFolder,
} from './folder.js';
import { appendToLedger } from './ledger.js';
import { startingModel } from './network.js';
import type { AnalysisResult, Result } from './result.js';
import { type Hash, hashOfSpec, type Spec, shortHash } from './spec.js';

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
 * @throws Error where the run that it starts from is not finished, or its data are missing.
 */
export async function execute(
  root: string,
  spec: Spec,
  options: ExecuteOptions = {},
): Promise<Result | AnalysisResult | undefined> {
  const hash = hashOfSpec(spec);
  const folder = await prepareRun(root, hash, spec);
  const lock = await tryLock(join(folder, LOCK));
  if (!lock) throw new BusyError(`Another process is doing the run ${shortHash(hash)}.`);
  try {
    if (spec.analysis) return (await readAnalysis(root, hash)) ?? (await analyse(root, hash, spec, options));
    const result = (await readResult(root, hash)) ?? (await train(root, hash, spec, options));
    if (result) await appendToLedger(root, result);
    return result;
  } finally {
    await lock.release();
  }
}

async function train(root: string, hash: Hash, spec: Spec, options: ExecuteOptions): Promise<Result | undefined> {
  const { log = console.log, signal } = options;
  const folder = runFolder(root, hash);
  const { data, mean, std } = await loadData(spec.data);
  const where = await environment(spec, data.source);
  await writeAtomically(join(folder, ENVIRONMENT), [json(where)]);
  const { height } = data.train;
  const model = await startingModel(root, spec, { classes: data.classes.length, height });
  let merged: LayersModel | undefined;
  try {
    if (spec.freezeBatchNorm) freezeBatchNorms(model);
    const recipe = { ...spec.recipe, seed: spec.seed };
    const checkpointEvery = { seconds: CHECKPOINT };
    const fitted = await fit({
      ...{ model, data, mean, std, recipe, folder, checkpointEvery, signal, log },
      showProgress: false,
    });
    if (fitted.stopped || signal?.aborted) return undefined;
    const peakMemory = 1024 * process.resourceUsage().maxRSS;

    const normalisation = { mean, std };
    const notes = { ...normalisation, classes: data.classes };
    await saveModel(model, join(folder, MODEL), notes, { replace: true });
    merged = spec.method ? await merge(model) : undefined;
    if (merged) await saveModel(merged, join(folder, MERGED), notes, { replace: true });
    const plain = merged ?? model;
    const cost = trainingCost(model);
    const trainSeconds = fitted.rows.reduce((sum, { seconds }) => sum + seconds, 0);
    const { last, best } = fitted as Required<FitResult>;
    const result: Result = {
      hash,
      spec,
      top1: last?.testTop1 as number,
      top5: await topK(model, data.test, normalisation, 5),
      testLoss: last?.testLoss as number,
      bestTop1: best?.testTop1 as number,
      bestEpoch: best?.epoch as number,
      trainLoss: last?.trainLoss as number,
      mergedTop1: (await evaluate(plain, data.test, normalisation)).top1,
      parametersInTraining: cost.trainable,
      parameters: trainingCost(plain).trainable,
      flopsPerStep: stepCost(model, recipe.batchSize).total,
      peakMemory,
      trainSeconds,
      stepMilliseconds: (1000 * trainSeconds) / fitted.step,
      weights: weightsHash(model),
      finished: new Date().toISOString(),
      environment: where,
    };
    await writeAtomically(join(folder, RESULT), [json(result)]);
    await rm(join(folder, FAILURE), { force: true });
    return result;
  } finally {
    merged?.dispose();
    model.dispose();
  }
}

/** In this process alone: the model is saved, and loaded again, as the plain one that it is. */
function freezeBatchNorms({ layers }: LayersModel): void {
  for (const layer of layers) {
    if (layer.getClassName() !== 'BatchNormalization') continue;
    layer.trainable = false;
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
  }
}

/** The share of images whose label is among the k highest logits. */
async function topK(
  model: LayersModel,
  split: ImageSplit,
  statistics: Pick<RunData, 'mean' | 'std'>,
  k: number,
): Promise<number> {
  const program = compile({
    correct: (images: Tensor4D, labels: Tensor1D) => {
      const logits = model.apply(images, { training: false }) as Tensor2D;
      const depth = logits.shape[1];
      const own = tf.sum(tf.mul(logits, tf.oneHot(labels, depth)), 1, true);
      const higher = tf.sum(tf.cast(tf.greater(logits, own), 'int32'), 1);
      return tf.sum(tf.cast(tf.less(higher, k), 'int32')) as Scalar;
    },
  });
  let correct = 0;
  try {
    for (const { images, labels, size } of batches(split, { batchSize: Math.min(250, split.count), ...statistics })) {
      correct += tf.tidy(() => {
        const x = tf.tensor4d(images, [size, split.height, split.width, split.channels]);
        return program.correct(x, tf.tensor1d(Int32Array.from(labels), 'int32')).dataSync()[0] as number;
      });
    }
  } finally {
    program.dispose();
  }
  return correct / split.count;
}

function weightsHash(model: LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of model.getWeights()) {
    const { buffer, byteOffset, byteLength } = weight.dataSync() as Float32Array;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
