/** Batch normalisation by the statistics of all tasks' images together. */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { clusterSize } from '../cluster.js';
import { tf } from '../load.js';
import { allGather, allReduce } from './collective.js';
import { batchStatistics, normalize, normalizeGradient, usesCpuKernels } from './cpu.js';

let wanted = false;

/**
 * Runs a function in which batch norms in training take the statistics of all tasks' images, in the forward pass and in gradients that are taken
 * within it. All tasks must have equally many images. Without a cluster it changes nothing.
 * @example
 * ```ts
 * import { compile, tf, withSyncBatchNorm } from '@refconv/tensorflow';
 *
 * const model = tf.sequential({ layers: [tf.layers.batchNormalization({ inputShape: [8, 8, 3] })] });
 * const { forward } = compile({
 *   forward: (x: tf.Tensor4D) => withSyncBatchNorm(() => model.apply(x, { training: true }) as tf.Tensor4D),
 * });
 * forward(tf.ones([4, 8, 8, 3]));
 * ```
 */
export function withSyncBatchNorm<T>(body: () => T): T {
  const outer = wanted;
  wanted = true;
  try {
    return body();
  } finally {
    wanted = outer;
  }
}

export const isSyncBatchNorm = (): boolean => wanted && clusterSize() > 1;

/** How many tasks' images a batch norm takes. */
export const tasks = () => (isSyncBatchNorm() ? clusterSize() : 1);

type Statistics = [mean: Tensor, inverse: Tensor, nextMean: Tensor, nextVariance: Tensor];

/** Of a batch norm: the forward pass, over all tasks where it takes their images, with the outputs of the kernel on a CPU. */
export function composedBatchNorm(
  x: TensorInfo,
  [scale, offset]: [TensorInfo, TensorInfo],
  running: [Tensor, Tensor],
  epsilon: number,
  averageFactor: number,
): Tensor[] {
  const [mean, inverse, nextMean, nextVariance] = statistics(x as Tensor, running, epsilon, averageFactor);
  const y = usesCpuKernels()
    ? normalize(x, [scale, offset, mean, inverse])
    : tf.add(tf.mul(tf.sub(x as Tensor, mean), tf.mul(inverse, scale as Tensor)), offset as Tensor);
  return [y, nextMean, nextVariance, mean, inverse];
}

/** Values of one channel in this task. */
export const countOf = ({ shape }: TensorInfo) => shape.slice(0, -1).reduce((product, size) => product * size, 1);

/** All axes but that of the channels. */
export const axesOf = ({ shape }: TensorInfo) => shape.slice(0, -1).map((_, axis) => axis);

function statistics(x: Tensor, running: [Tensor, Tensor], epsilon: number, averageFactor: number): Statistics {
  const [mean, variance] = batchMoments(x);
  const total = countOf(x) * tasks();
  const moved = (old: Tensor, value: Tensor) => tf.add(tf.mul(old, 1 - averageFactor), tf.mul(value, averageFactor));
  return [
    mean,
    tf.rsqrt(tf.add(variance, epsilon)),
    moved(running[0], mean),
    moved(running[1], tf.mul(variance, total / Math.max(1, total - 1))),
  ];
}

/** The mean and the biased variance of each channel; where batch norms take all tasks' images, of those, from each task's, gathered by one operation. */
export function batchMoments(x: Tensor): [mean: Tensor, variance: Tensor] {
  if (!isSyncBatchNorm()) return ownMoments(x);
  const all = allGather(tf.reshape(tf.concat(ownMoments(x)), [1, -1]));
  const [means, variances] = tf.split(all, 2, 1) as [Tensor, Tensor];
  const mean = tf.mean(means, 0);
  return [mean, tf.add(tf.mean(variances, 0), tf.mean(tf.square(tf.sub(means, mean)), 0))];
}

/** The mean and the biased variance of each channel of this task's images. */
function ownMoments(x: Tensor): [mean: Tensor, variance: Tensor] {
  const count = countOf(x);
  if (!usesCpuKernels() || count === 1) {
    const { mean, variance } = tf.moments(x, axesOf(x));
    return [mean, variance];
  }
  // Moved all the way towards the batch's own mean and unbiased variance.
  const zeros = tf.zeros([x.shape.at(-1) as number]);
  const [mean, , , unbiased] = batchStatistics(x, [zeros, zeros], 0, 1);
  return [mean, tf.mul(unbiased, (count - 1) / count)];
}

/** Gradients of x, over all tasks where the batch norm took their images, and of scale and offset from this task's images: the tasks' gradients are summed afterwards. */
export function composedBatchNormGradient(
  dy: Tensor,
  x: Tensor,
  [scale, offset, mean, inverse]: [Tensor, Tensor, Tensor, Tensor],
): { x: () => Tensor; scale: () => Tensor; offset: () => Tensor } {
  const count = countOf(x);
  const [own, dScale, dOffset] = usesCpuKernels()
    ? normalizeGradient(dy, x, [scale, offset, mean, inverse])
    : plainGradient(dy, x, [scale, mean, inverse]);
  if (!isSyncBatchNorm()) return { x: () => own, scale: () => dScale, offset: () => dOffset };
  const [allScale, allOffset] = tf.split(allReduce(tf.concat([dScale, dOffset])), 2) as [Tensor, Tensor];
  // What was taken from each value of a channel with this task's sums alone, minus what is to be taken.
  const excess = (ours: Tensor, all: Tensor) => tf.sub(tf.div(ours, count), tf.div(all, count * clusterSize()));
  const factor = tf.mul(scale, inverse);
  const slope = tf.mul(tf.mul(factor, inverse), excess(dScale, allScale));
  const constant = tf.sub(tf.mul(factor, excess(dOffset, allOffset)), tf.mul(mean, slope));
  const dx = tf.add(own, tf.add(tf.mul(x, slope), constant));
  return { x: () => dx, scale: () => dScale, offset: () => dOffset };
}

function plainGradient(
  dy: Tensor,
  x: Tensor,
  [scale, mean, inverse]: [Tensor, Tensor, Tensor],
): [Tensor, Tensor, Tensor] {
  const axes = axesOf(x);
  const normalized = tf.mul(tf.sub(x, mean), inverse);
  const dScale = tf.sum(tf.mul(dy, normalized), axes);
  const dOffset = tf.sum(dy, axes);
  const taken = tf.div(tf.add(dOffset, tf.mul(normalized, dScale)), countOf(x));
  return [tf.mul(tf.sub(dy, taken), tf.mul(scale, inverse)), dScale, dOffset];
}
