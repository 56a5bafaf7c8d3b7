/**
 * Weight re-parameterisations work on a kernel's rows: the numbers that make one output. Here a kernel is a matrix [d, Cout] whose columns
 * they are; a depthwise kernel [kh, kw, C, m] has C·m of them, with d = kh·kw.
 */
import * as tf from '@tensorflow/tfjs';
import type { Convolution } from './convolution.js';

/** Numbers in a row, and rows. */
export function rowShape({ kernelShape, outputs }: Convolution): { length: number; rows: number } {
  return { length: kernelShape.reduce((product, size) => product * size) / outputs, rows: outputs };
}

export function toRows(kernel: tf.Tensor4D, convolution: Convolution): tf.Tensor2D {
  const { length, rows } = rowShape(convolution);
  return tf.reshape(kernel, [length, rows]);
}

export const fromRows = (rows: tf.Tensor, { kernelShape }: Convolution): tf.Tensor4D => tf.reshape(rows, kernelShape);

/** The Euclidean norm of each row, [1, Cout]. */
export const norms = (rows: tf.Tensor2D): tf.Tensor2D => tf.sqrt(tf.sum(tf.square(rows), 0, true));

export const centredRows = (rows: tf.Tensor2D): tf.Tensor2D => tf.sub(rows, tf.mean(rows, 0, true));

export function checkFinite(name: string, value: number, least: number): void {
  if (!(value >= least && value < Infinity)) throw new RangeError(`${name} must be at least ${least}; given ${value}.`);
}

/** The scale of the author's WN, CWN and OWN: √2 in three digits. */
// biome-ignore lint/suspicious/noApproximativeNumericConstant: the official number
export const OFFICIAL_SCALE = 1.414;
