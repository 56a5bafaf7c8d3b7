/** Accuracy over the images of a split. */
import { batches, type ImageSplit } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar } from '@tensorflow/tfjs';
import { type CompileChoice, type Evaluator, evaluator } from './classifier.js';
import { batchTensors } from './tensors.js';

export interface EvaluationOptions {
  mean: readonly number[];
  std: readonly number[];
  /** Images a call. Default: 250. */
  batchSize?: number;
  /** Called after each batch with the number of images done. */
  onBatch?: (done: number) => void;
}

export interface Evaluation {
  /** Share of the images whose highest logit is the label's: 0 to 1. */
  top1: number;
  correct: number;
  count: number;
  /** Mean cross entropy. */
  loss: number;
}

/** Evaluates a model over a split; compiles it for this one use. */
export async function evaluate(
  model: LayersModel,
  split: ImageSplit,
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
  split: ImageSplit,
  { mean, std, batchSize = 250, onBatch }: EvaluationOptions,
): Promise<Evaluation> {
  let correct = 0;
  let loss = 0;
  let done = 0;
  for (const batch of batches(split, { batchSize: Math.min(batchSize, Math.max(1, split.count)), mean, std })) {
    const { images, labels } = batchTensors(batch, split);
    const result = await program.evaluate.async(images, labels);
    correct += takeNumber(result.correct);
    loss += takeNumber(result.loss);
    tf.dispose([images, labels]);
    done += batch.size;
    onBatch?.(done);
  }
  return { top1: correct / done, correct, count: done, loss: loss / done };
}

/** A scalar's value; the scalar is disposed. */
function takeNumber(scalar: Scalar): number {
  const [value] = scalar.dataSync();
  scalar.dispose();
  return value as number;
}
