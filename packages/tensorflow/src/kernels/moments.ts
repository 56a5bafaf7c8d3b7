/**
 * What batch norms are made of, for those that share images: the moments of channels, and the maps of channels that follow from them, each
 * in as few passes as a batch norm of its own would take.
 */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { allReduce } from './collective.js';
import { haveChannels, normalize, normalizeSums, usesCpuKernels } from './cpu.js';
import { replaceGradient, replaceKernel } from './operation.js';
import { axesOf, batchMoments, countOf, isSyncBatchNorm, tasks } from './syncBatchNorm.js';

/**
 * The kernel of the moments of each channel of x [.., c], of all tasks' images where batch norms take those; layers look for it by this
 * name. Outputs: mean, biased variance, unbiased variance, the last without a gradient.
 */
export const CHANNEL_MOMENTS = 'ChannelMoments';

/** The kernel of (x − mean)·factor + offset for x [.., c] and the others [c], or of shapes that tfjs broadcasts. */
export const CHANNEL_MAP = 'ChannelMap';

function map(x: Tensor, mean: Tensor, factor: Tensor, offset: Tensor): Tensor {
  if (usesCpuKernels() && haveChannels(x, mean, factor, offset))
    return normalize(x, [factor, offset, mean, tf.onesLike(mean)]);
  return tf.add(tf.mul(tf.sub(x, mean), factor), offset);
}

/** Sums over pixels of dy·(x − mean) and of dy. */
function mapSums(dy: Tensor, x: Tensor, mean: Tensor): [Tensor, Tensor] {
  const ones = tf.onesLike(mean);
  if (usesCpuKernels()) return normalizeSums(dy, x, [ones, mean, mean, ones]);
  return [tf.sum(tf.mul(dy, tf.sub(x, mean)), axesOf(x)), tf.sum(dy, axesOf(x))];
}

/** The gradient of the map where its inputs are broadcast in other ways. */
function broadcastGradient(dy: Tensor, [x, mean, factor, offset]: [Tensor, Tensor, Tensor, Tensor]) {
  const like = (gradient: Tensor, { shape }: Tensor) =>
    tf.reshape(tf.sum(gradient, tf.broadcast_util.getReductionAxes(shape, dy.shape)), shape);
  const slope = tf.mul(dy, factor);
  return {
    x: () => like(slope, x),
    mean: () => tf.neg(like(slope, mean)),
    factor: () => like(tf.mul(dy, tf.sub(x, mean)), factor),
    offset: () => like(dy, offset),
  };
}

export function registerMoments(): void {
  replaceKernel(CHANNEL_MOMENTS, ({ inputs }) =>
    tf.tidy(() => {
      const x = inputs.x as Tensor;
      const [mean, variance] = batchMoments(x);
      const count = countOf(x) * tasks();
      return [mean, variance, tf.mul(variance, count / Math.max(1, count - 1))];
    }),
  );
  replaceGradient({
    kernelName: CHANNEL_MOMENTS,
    inputsToSave: ['x'],
    outputsToSave: [true, false, false],
    gradFunc: (dys, saved) => {
      const [x, mean] = saved as [Tensor, Tensor];
      const own = (dys as Tensor[]).slice(0, 2);
      const all = isSyncBatchNorm() ? tf.split(allReduce(tf.concat(own)), 2) : own;
      const [dMean, dVariance] = all as [Tensor, Tensor];
      const count = countOf(x) * tasks();
      return { x: () => map(x, mean, tf.mul(dVariance, 2 / count), tf.div(dMean, count)) };
    },
  });

  replaceKernel(CHANNEL_MAP, ({ inputs }) => {
    const { x, mean, factor, offset } = inputs as Record<string, Tensor>;
    return tf.tidy(() => map(x as Tensor, mean as Tensor, factor as Tensor, offset as Tensor));
  });
  replaceGradient({
    kernelName: CHANNEL_MAP,
    inputsToSave: ['x', 'mean', 'factor', 'offset'],
    gradFunc: (given, saved) => {
      const [x, mean, factor, offset] = saved as [Tensor, Tensor, Tensor, Tensor];
      const dy = given as Tensor;
      if (!haveChannels(x, mean, factor, offset)) return broadcastGradient(dy, [x, mean, factor, offset]);
      const [dFactor, dOffset] = mapSums(dy, x, mean);
      const zeros = tf.zerosLike(mean);
      return {
        x: () => (usesCpuKernels() ? map(dy, zeros, factor, zeros) : tf.mul(dy, factor)),
        mean: () => tf.neg(tf.mul(dOffset, factor)),
        factor: () => dFactor,
        offset: () => dOffset,
      };
    },
  });
}
