/**
 * Connectivity matrices of depthwise RefConv layers (arXiv 2310.10563, the figure of the ties between channels): how strongly channel i of
 * W_t depends on channel j of W_b through W_r. The identity is not part of W_r, and so not of the matrix.
 */
import { convmapBound, type RefConvLayer, refconvLayers } from '@refconv/refconv';
import type * as tf from '@tensorflow/tfjs';
import { channelCount, type Matrix, type MatrixSummary, summarize } from './matrix.js';

export interface ConnectivityOptions {
  /** The first so many channels. Default: all; the paper shows 64. */
  channels?: number;
  /** The layer as it was before training: its W_r is subtracted, so that only what was learned counts. */
  initial?: RefConvLayer;
}

/** What is to be expected of an entry that nobody trained: |U(-b, b)| summed over the k² entries of a filter. */
export interface InitialConnectivity {
  mean: number;
  standardDeviation: number;
}

/**
 * A[i, j] = Σ |W_r[i, j]|, the sum of magnitudes of the filter from channel j of W_b to channel i of W_t.
 * @throws Error where the layer is not a depthwise one; where `initial` has another shape.
 * @example
 * ```ts
 * import { refconvLayers } from '@refconv/refconv';
 * for (const layer of refconvLayers(refocused)) console.log(layer.name, connectivity(layer, { channels: 8 }).values);
 * ```
 */
export function connectivity(layer: RefConvLayer, { channels, initial }: ConnectivityOptions = {}): Matrix {
  expectDepthwise(layer);
  const convmap = layer.convmap.read();
  const [height, width, inputs, outputs] = convmap.shape as [number, number, number, number];
  const values = convmap.dataSync<'float32'>();
  const start = initial && initialValues(layer, initial);
  const [rows, columns] = [channelCount(channels, outputs), channelCount(channels, inputs)];
  const sums = new Float64Array(rows * columns);
  for (let position = 0; position < height * width; position++)
    for (let j = 0; j < columns; j++)
      for (let i = 0; i < rows; i++) {
        const at = (position * inputs + j) * outputs + i;
        (sums[i * columns + j] as number) += Math.abs((values[at] as number) - (start?.[at] ?? 0));
      }
  return { rows, columns, values: sums };
}

/**
 * The baseline: at initialisation the matrix is already dense, of entries around this mean.
 * @example
 * ```ts
 * import { refconvLayers } from '@refconv/refconv';
 * const [layer] = refconvLayers(refocused);
 * const start = initialConnectivity(layer);
 * ```
 */
export function initialConnectivity(layer: RefConvLayer): InitialConnectivity {
  expectDepthwise(layer);
  const { init, mapKernel } = layer.options;
  const bound = convmapBound(init, layer.basis.read().shape, layer.layout, mapKernel);
  return { mean: (mapKernel ** 2 * bound) / 2, standardDeviation: (mapKernel * bound) / Math.sqrt(12) };
}

export interface LayerConnectivity {
  name: string;
  matrix: Matrix;
  summary: MatrixSummary;
  initial: InitialConnectivity;
}

/**
 * The matrix of each depthwise RefConv layer of a model, in the model's order. @throws Error where there is none.
 * @example
 * ```ts
 * for (const { name, summary } of connectivityOf(refocused, { channels: 64 })) console.log(name, summary.offDiagonalMean);
 * ```
 */
export function connectivityOf(model: tf.LayersModel, options: { channels?: number } = {}): LayerConnectivity[] {
  return depthwiseLayers(model).map((layer) => {
    const matrix = connectivity(layer, options);
    return { name: layer.name, matrix, summary: summarize(matrix), initial: initialConnectivity(layer) };
  });
}

/** The depthwise RefConv layers of a model. @throws Error where there is none. */
export function depthwiseLayers(model: tf.LayersModel): RefConvLayer[] {
  const layers = refconvLayers(model).filter(({ layout }) => layout.kind === 'depthwise');
  if (layers.length === 0) {
    throw new Error(
      `The model ${model.name} has no depthwise RefConv layer. Give the refocused network as it was trained, before merge().`,
    );
  }
  return layers;
}

function expectDepthwise({ name, layout }: RefConvLayer): void {
  if (layout.kind !== 'depthwise') {
    throw new Error(
      `${name} has no connectivity matrix: its convolution is not depthwise, so W_r does not tie all channels to all.`,
    );
  }
}

function initialValues(layer: RefConvLayer, initial: RefConvLayer): Float32Array {
  const [given, wanted] = [initial.convmap.read(), layer.convmap.read()];
  if (given.shape.join() !== wanted.shape.join()) {
    throw new Error(
      `initial must be ${layer.name} before training, with a W_r of [${wanted.shape}]; given ${initial.name}, [${given.shape}].`,
    );
  }
  return given.dataSync<'float32'>();
}
