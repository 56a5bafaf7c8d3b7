/** Kernel skeletons: where in a kernel the weight lies (named in the abstract of the paper's journal version, doi 10.1109/TNNLS.2025.3552654). */
import type * as tf from '@tensorflow/tfjs';
import { depthwiseLayers } from './connectivity.js';
import type { Matrix } from './matrix.js';
import { kernelChannels, withKernels } from './redundancy.js';
import { mean } from './statistics.js';

/**
 * The mean magnitude at each position of a kernel [kh, kw, a, b] over its slices. With `relative`, in units of their mean.
 * @example
 * ```ts
 * const kernel = tf.randomNormal<tf.Rank.R4>([3, 3, 32, 1]);
 * skeleton(kernel, { relative: true }).values; // 9 numbers around 1
 * ```
 */
export function skeleton(kernel: tf.Tensor4D, { relative = false } = {}): Matrix {
  const channels = kernelChannels(kernel);
  const [rows, columns] = kernel.shape;
  const values = new Float64Array(rows * columns);
  for (const channel of channels) {
    channel.forEach((value, at) => {
      (values[at] as number) += Math.abs(value) / channels.length;
    });
  }
  const unit = mean(values);
  if (relative && !(unit > 0)) throw new RangeError('A kernel of zeros has no relative skeleton.');
  return { rows, columns, values: relative ? values.map((value) => value / unit) : values };
}

export interface LayerSkeletons {
  name: string;
  /** Of W_b. */
  basis: Matrix;
  /** Of W_t. */
  transformed: Matrix;
}

/**
 * The skeleton of each depthwise layer's kernel in a plain or merged model, by the layer's name. @throws Error where there is none.
 * @example
 * ```ts
 * for (const [name, matrix] of kernelSkeletonsOf(merged, { relative: true })) console.log(name, matrix.values);
 * ```
 */
export function kernelSkeletonsOf(model: tf.LayersModel, options: { relative?: boolean } = {}): Map<string, Matrix> {
  const layers = model.layers.filter((layer) => layer.getClassName() === 'DepthwiseConv2D');
  if (layers.length === 0)
    throw new Error(`The model ${model.name} has no depthwise layer, whose kernel could have a skeleton.`);
  // The kernel is the only weight with four axes.
  const kernelOf = ({ weights }: tf.layers.Layer) =>
    weights.find(({ shape }) => shape.length === 4)?.read() as tf.Tensor4D;
  return new Map(layers.map((layer) => [layer.name, skeleton(kernelOf(layer), options)]));
}

/**
 * The skeletons of each depthwise RefConv layer of a model. @throws Error where there is none.
 * @example
 * ```ts
 * for (const { name, basis, transformed } of skeletonsOf(refocused)) console.log(name, basis.values, transformed.values);
 * ```
 */
export function skeletonsOf(model: tf.LayersModel, options: { relative?: boolean } = {}): LayerSkeletons[] {
  return depthwiseLayers(model).map((layer) =>
    withKernels(layer, (basis, transformed) => ({
      name: layer.name,
      basis: skeleton(basis, options),
      transformed: skeleton(transformed, options),
    })),
  );
}
