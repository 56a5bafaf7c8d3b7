/** One pass over the images of a split. */
import { fileName, type ImageSplit, Loader } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel } from '@tensorflow/tfjs';
import { type CompileChoice, type Evaluator, evaluator } from './classifier.js';
import { type Normalisation, testFeed } from './feed.js';
import { type Evaluation, evaluationOf, type Prediction, requireFinite } from './predictions.js';

export interface EvaluationOptions extends Normalisation {
  /** Images a call; a loader has its own number. Default: 250. */
  batchSize?: number;
  /** Called after each batch with the number of images done. */
  onBatch?: (done: number) => void;
}

/**
 * Accuracy and loss of a model over a split; compiles it for this one use.
 * @param model images [n, h, w, c] to logits [n, classes].
 * @throws if logits are NaN or infinite, or no image can be read.
 */
export async function evaluate(
  model: LayersModel,
  split: ImageSplit | Loader,
  options: EvaluationOptions & CompileChoice,
): Promise<Evaluation> {
  return requireFinite(evaluationOf(await predict(model, split, options)));
}

/**
 * What a model makes of each image, in evaluation mode and in the order of the split; compiles it for this one use.
 * @param model images [n, h, w, c] to logits [n, classes].
 * @throws if no image can be read.
 */
export async function predict(
  model: LayersModel,
  split: ImageSplit | Loader,
  options: EvaluationOptions & CompileChoice,
): Promise<Prediction[]> {
  const program = evaluator(model, options);
  try {
    return await predictWith(program, split, options);
  } finally {
    program.dispose();
  }
}

/** The same by a program that is already compiled. */
export async function predictWith(
  program: Evaluator,
  split: ImageSplit | Loader,
  options: EvaluationOptions,
): Promise<Prediction[]> {
  const feed = testFeed(split, options, options.batchSize);
  const found: Prediction[] = [];
  for await (const batch of feed.epoch(0, 0)) {
    const images = tf.tensor4d(batch.images, [batch.size, ...feed.shape]);
    const labels = tf.tensor1d(batch.labels, 'int32');
    const result = await program.evaluate.async(images, labels);
    const [prediction, confidence, rank, loss] = [result.prediction, result.confidence, result.rank, result.loss].map(
      (tensor) => tensor.dataSync<'float32'>(),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    for (let i = 0; i < batch.size; i++) {
      const file =
        split instanceof Loader && batch.indices ? fileName(split.source, batch.indices[i] as number) : undefined;
      found.push({
        ...(file !== undefined && { file }),
        label: batch.labels[i] as number,
        prediction: prediction[i] as number,
        confidence: confidence[i] as number,
        rank: rank[i] as number,
        loss: loss[i] as number,
      });
    }
    tf.dispose([images, labels, result]);
    options.onBatch?.(found.length);
  }
  if (found.length === 0) throw nothingRead(split, feed.count);
  return found;
}

/** The error of a split of which no image could be read, although those that cannot are left out. */
export function nothingRead(split: ImageSplit | Loader, count: number): Error {
  const [first] = split instanceof Loader ? split.broken : [];
  const why = first ? `: ${first.path}: ${first.reason}${count > 1 ? ', and so on' : ''}` : '';
  return new Error(`None of the ${count} images could be read${why}.`);
}
