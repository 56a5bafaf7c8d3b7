/**
 * Redundancy of kernel channels (arXiv 2310.10563, section on channel redundancy): how far the softmaxed channels of a kernel are from each other.
 * The measure grows with the kernel's scale, which is arbitrary before a batch norm; with `unitNorm` only the shape of channels counts.
 */
import type { RefConvLayer } from '@refconv/refconv';
import type * as tf from '@tensorflow/tfjs';
import { depthwiseLayers } from './connectivity.js';
import { channelCount, type Matrix, type MatrixSummary, summarize } from './matrix.js';

export interface RedundancyOptions {
  /** The first so many channels. Default: all; the paper shows 64. */
  channels?: number;
  /** Scale each channel to a Euclidean norm of 1 first. Default: false, as in the paper. */
  unitNorm?: boolean;
}

/**
 * D[i, j] = KL(p_i ‖ p_j) in nats, p_c being the softmax over the positions of channel c. Larger is less redundant.
 * @param kernel depthwise, [kh, kw, C, m]; channel c·m + q, as PyTorch counts.
 * @throws RangeError where the kernel has not four axes; with `unitNorm`, where a channel is zero.
 * @example
 * ```ts
 * const kernel = tf.randomNormal<tf.Rank.R4>([3, 3, 32, 1]);
 * const divergences = redundancy(kernel, { unitNorm: true }); // 32 × 32, in nats
 * ```
 */
export function redundancy(kernel: tf.Tensor4D, { channels, unitNorm = false }: RedundancyOptions = {}): Matrix {
  const all = kernelChannels(kernel);
  const count = channelCount(channels, all.length);
  const logs = all.slice(0, count).map((channel, c) => logSoftmax(unitNorm ? scaled(channel, c) : channel));
  const values = new Float64Array(count * count);
  logs.forEach((p, i) => {
    const probabilities = p.map(Math.exp);
    logs.forEach((q, j) => {
      let sum = 0;
      for (let s = 0; s < p.length; s++) sum += (probabilities[s] as number) * ((p[s] as number) - (q[s] as number));
      values[i * count + j] = sum;
    });
  });
  return { rows: count, columns: count, values };
}

export interface KernelRedundancy {
  /** As the paper defines it. */
  plain: Matrix;
  /** Of channels with a norm of 1. */
  unitNorm: Matrix;
  summary: { plain: MatrixSummary; unitNorm: MatrixSummary };
}

export interface LayerRedundancy {
  name: string;
  /** Of W_b. */
  basis: KernelRedundancy;
  /** Of W_t. */
  transformed: KernelRedundancy;
}

/**
 * The matrices of each depthwise RefConv layer of a model. @throws Error where there is none.
 * @example
 * ```ts
 * for (const { name, basis, transformed } of redundancyOf(refocused))
 *   console.log(name, basis.summary.plain.mean, transformed.summary.plain.mean);
 * ```
 */
export function redundancyOf(model: tf.LayersModel, options: { channels?: number } = {}): LayerRedundancy[] {
  return depthwiseLayers(model).map((layer) =>
    withKernels(layer, (basis, transformed) => ({
      name: layer.name,
      basis: both(basis, options),
      transformed: both(transformed, options),
    })),
  );
}

function both(kernel: tf.Tensor4D, options: { channels?: number }): KernelRedundancy {
  const plain = redundancy(kernel, options);
  const unitNorm = redundancy(kernel, { ...options, unitNorm: true });
  return { plain, unitNorm, summary: { plain: summarize(plain), unitNorm: summarize(unitNorm) } };
}

/** Calls a function with W_b and W_t of a layer. */
export function withKernels<Result>(
  layer: RefConvLayer,
  use: (basis: tf.Tensor4D, transformed: tf.Tensor4D) => Result,
): Result {
  const { kernel } = layer.mergedWeights();
  try {
    return use(layer.basis.read(), kernel);
  } finally {
    kernel.dispose();
  }
}

/** The 2-D slices of a kernel [kh, kw, a, b], each with its kh·kw positions row by row; slice a·(size of b) + b. */
export function kernelChannels(kernel: tf.Tensor4D): Float64Array[] {
  if (kernel.rank !== 4) {
    throw new RangeError(
      `A kernel must have four axes, [height, width, channels, multiplier]; given [${kernel.shape}].`,
    );
  }
  const [height, width, inputs, outputs] = kernel.shape;
  const [area, count] = [height * width, inputs * outputs];
  const values = kernel.dataSync<'float32'>();
  return Array.from({ length: count }, (_, channel) =>
    Float64Array.from({ length: area }, (_, position) => values[position * count + channel] as number),
  );
}

function logSoftmax(values: Float64Array): Float64Array {
  const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(total));
}

function scaled(values: Float64Array, channel: number): Float64Array {
  const norm = Math.hypot(...values);
  if (!(norm > 0)) throw new RangeError(`Kernel channel ${channel} is zero, so it cannot be scaled to a norm of 1.`);
  return values.map((value) => value / norm);
}
