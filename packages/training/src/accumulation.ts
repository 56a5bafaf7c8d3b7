/** Several batches that make one step of the optimiser together. */
import type { Scalar, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Classifier } from './classifier.js';

/** Where a batch stands among those that make one step. */
export interface Part {
  /** Batches of the step. */
  size: number;
  /** Whether the step is made after this batch. */
  last: boolean;
  /** The place of the step's first batch since the training began: its learning rate is the step's. */
  begin: number;
  /** The step's number within the epoch. */
  update: number;
}

/** @param step the batch's place since the training began. */
export function partOf(step: number, stepsPerEpoch: number, accumulate = 1): Part {
  const place = step % stepsPerEpoch;
  const first = place - (place % accumulate);
  const size = Math.min(accumulate, stepsPerEpoch - first);
  const last = place === first + size - 1;
  return { size, last, begin: step - place + first, update: first / accumulate };
}

/** A batch as tensors. */
export interface StepInputs {
  images: Tensor4D;
  /** The task's. */
  targets: Tensor[];
  seed: Tensor1D;
  rate: number;
}

/**
 * One batch of a training, in another thread; gives its loss. A step whose last batch could not be read is made with the next one's.
 */
export async function trainBatch(
  program: Pick<Classifier, 'train' | 'accumulate' | 'apply'>,
  { images, targets, seed, rate }: StepInputs,
  { size, last }: Part,
  accumulate = 1,
): Promise<Scalar> {
  const [target, ...others] = targets as [Tensor, ...Tensor[]];
  if (accumulate === 1) return program.train.async(images, target, rate, seed, ...others);
  const loss = await program.accumulate.async(images, target, 1 / size, seed, ...others);
  if (last) await program.apply.async(rate);
  return loss;
}
