/** The parts of a batch norm, for those that share their images. */
import * as tf from '@tensorflow/tfjs';
import { stopGradient } from './stopGradient.js';

/** The fused kernels that @refconv/tensorflow registers; on other backends the same is composed of plain operations. */
const [MOMENTS, MAP] = ['ChannelMoments', 'ChannelMap'];

const hasKernel = (name: string) => tf.getKernel(name, tf.getBackend()) !== undefined;

/** Of each channel of some images, [c]. */
export interface ChannelMoments {
  mean: tf.Tensor1D;
  /** Biased, as batch norms divide by it. */
  variance: tf.Tensor1D;
  /** Unbiased, as PyTorch's running statistics take it in; without a gradient. */
  unbiased: tf.Tensor1D;
}

/**
 * The moments of the channels of x [.., c], with gradients; of all tasks' images where batch norms take those.
 * @example
 * ```ts
 * const { mean, variance } = channelMoments(images);
 * const inverse = tf.rsqrt(tf.add(variance, 1e-5)) as tf.Tensor1D;
 * const normalized = channelMap(images, mean, inverse, tf.zeros([3]));
 * ```
 */
export function channelMoments(x: tf.Tensor): ChannelMoments {
  if (hasKernel(MOMENTS)) {
    const [mean, variance, unbiased] = tf.engine().runKernel(MOMENTS, { x }) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
    return { mean, variance, unbiased };
  }
  return tf.tidy(() => {
    const axes = x.shape.slice(0, -1).map((_, axis) => axis);
    const { mean, variance } = tf.moments(x, axes) as { mean: tf.Tensor1D; variance: tf.Tensor1D };
    const count = x.size / mean.size;
    return { mean, variance, unbiased: stopGradient(tf.mul(variance, count / Math.max(1, count - 1)) as tf.Tensor1D) };
  });
}

/**
 * (x − mean)·factor + offset for x [.., c] and the others [c], with gradients.
 * @example
 * ```ts
 * const doubled = channelMap(images, tf.zeros([3]), tf.fill([3], 2), tf.zeros([3]));
 * ```
 */
export function channelMap<T extends tf.Tensor>(x: T, mean: tf.Tensor1D, factor: tf.Tensor1D, offset: tf.Tensor1D): T {
  if (hasKernel(MAP)) return tf.engine().runKernel(MAP, { x, mean, factor, offset }) as T;
  return tf.tidy(() => tf.add(tf.mul(tf.sub(x, mean), factor), offset));
}
