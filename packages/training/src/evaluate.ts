/** Accuracy over the images of a split. */
import type { ImageSplit, Loader } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar } from '@tensorflow/tfjs';
import { type CompileChoice, type Evaluator, evaluator } from './classifier.js';
import { type Normalisation, nothingRead, testFeed } from './feed.js';

export interface EvaluationOptions extends Normalisation {
  /** Images a call; a loader has its own number. Default: 250. */
  batchSize?: number;
  /** Called after each batch with the number of images done. */
  onBatch?: (done: number) => void;
}

export interface Evaluation {
  /** Share of the images whose highest logit is the label's: 0 to 1. */
  top1: number;
  /** Share of the images whose label is among the five highest logits. */
  top5: number;
  correct: number;
  count: number;
  /** Mean cross entropy. */
  loss: number;
}

/** Evaluates a model over a split; compiles it for this one use. */
export async function evaluate(
  model: LayersModel,
  split: ImageSplit | Loader,
  options: EvaluationOptions & CompileChoice,
): Promise<Evaluation> {
  const program = evaluator(model, options);
  try {
    return await evaluateWith(program, split, options);
  } finally {
    program.dispose();
  }
}

/** Evaluates by a program that is already compiled. */
export async function evaluateWith(
  program: Evaluator,
  split: ImageSplit | Loader,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const feed = testFeed(split, options, options.batchSize);
  let [correct, correct5] = [0, 0];
  let loss = 0;
  let done = 0;
  for await (const batch of feed.epoch(0, 0)) {
    const images = tf.tensor4d(batch.images, [batch.size, ...feed.shape]);
    const labels = tf.tensor1d(batch.labels, 'int32');
    const result = await program.evaluate.async(images, labels);
    correct += takeNumber(result.correct);
    correct5 += takeNumber(result.correct5);
    loss += takeNumber(result.loss);
    tf.dispose([images, labels]);
    done += batch.size;
    options.onBatch?.(done);
  }
  if (done === 0) throw nothingRead('of the test images', feed);
  return { top1: correct / done, top5: correct5 / done, correct, count: done, loss: loss / done };
}

/** A scalar's value; the scalar is disposed. */
function takeNumber(scalar: Scalar): number {
  const [value] = scalar.dataSync();
  scalar.dispose();
  return value as number;
}
