/** Helpers of this package's tests: single convolutions, and the names and layouts of the official blocks. */
import { batchNorm2d, DilatedDepthwiseConv2D, GroupedConv2D, variablesOf } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { generatedImages, generatedState } from '../../backbones/dist/testing/oracle.js';
import type { ReparameterizedLayer } from './index.js';

export interface ConvolutionArgs {
  kind: 'dense' | 'dw';
  inputs: number;
  outputs: number;
  kernel: number;
  stride: number;
  groups: number;
  dilation?: number;
  batchNorm: boolean;
  useBias?: boolean;
  /** Height and width of the image. Default: 9. */
  size?: number;
  /** How zeros are put around the image. Default: 'torch', k // 2 on all sides. */
  padding?: 'torch' | 'same' | 'valid';
}

/** [ZeroPadding2D →] convolution [→ batch norm] as the networks of packages/backbones have it. */
export function convolutionModel(args: ConvolutionArgs): tf.LayersModel {
  const { kind, inputs, outputs, kernel, stride, groups, dilation = 1, batchNorm, useBias = false, size = 9 } = args;
  const { padding = 'torch' } = args;
  const input = tf.input({ shape: [size, size, inputs] });
  const zeros = tf.layers.zeroPadding2d({ padding: (kernel - 1) / 2, name: 'conv.pad' });
  const outside = padding === 'torch' && stride > 1;
  const x = (outside ? zeros.apply(input) : input) as tf.SymbolicTensor;
  const common = {
    name: 'conv',
    kernelSize: kernel,
    strides: stride,
    dilationRate: dilation,
    padding: outside || padding === 'valid' ? ('valid' as const) : ('same' as const),
    useBias,
    biasInitializer: tf.initializers.randomNormal({ seed: 3 }),
  };
  const filters = {
    ...common,
    filters: outputs,
    kernelInitializer: tf.initializers.randomNormal({ stddev: 0.3, seed: 1 }),
  };
  const depthwise = (args: Parameters<typeof tf.layers.depthwiseConv2d>[0]) =>
    dilation > 1 ? new DilatedDepthwiseConv2D(args) : tf.layers.depthwiseConv2d(args);
  const layer =
    kind === 'dw'
      ? depthwise({
          ...common,
          depthMultiplier: outputs / inputs,
          depthwiseInitializer: tf.initializers.randomNormal({ stddev: 0.3, seed: 1 }),
        })
      : groups > 1
        ? new GroupedConv2D({ ...filters, groups })
        : tf.layers.conv2d(filters);
  const y = layer.apply(x) as tf.SymbolicTensor;
  return tf.model({
    inputs: input,
    outputs: (batchNorm ? batchNorm2d({ name: 'bn' }).apply(y) : y) as tf.SymbolicTensor,
  });
}

/** A kernel as PyTorch has it. */
export function torchLayout(kernel: tf.Tensor4D, kind: 'dense' | 'dw'): tf.Tensor4D {
  return tf.transpose(kernel, kind === 'dw' ? [2, 3, 0, 1] : [3, 2, 0, 1]);
}

/** The generated image [1, 9, 9, channels] of the anchors. */
export function generatedImage(channels: number): tf.Tensor4D {
  const data = generatedImages({ input: 'input', shape: [1, channels, 9, 9] });
  return tf.tensor4d(data, [1, 9, 9, channels]);
}

const KERNEL: Record<string, string> = { ACB: 'square_conv', RepVGG: 'rbr_dense.conv', DBB: 'dbb_origin.conv' };
const NORM: Record<string, string> = {
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};

/** Sets a structural block's weights to those that are generated from the official keys. */
export function setOfficialWeights(layer: ReparameterizedLayer): void {
  const depthwise = layer.plainClass.endsWith('DepthwiseConv2D');
  for (const weight of layer.weights) {
    const { val: variable } = weight as unknown as { val: tf.Variable };
    const name = weight.originalName.split('/').pop() as string;
    const expanded = depthwise && /dbb_1x1_kxk.*1/.test(name);
    const { shape } = variable;
    const value = tf.tidy(() => {
      if (shape.length === 1) {
        const part = name.split('.').pop() as string;
        const key = `${name.slice(0, -part.length)}${NORM[part]}`;
        const flat = generated(key, shape);
        return expanded ? tf.reshape(tf.transpose(tf.reshape(flat, [-1, 2])), shape) : flat;
      }
      const key = `${/kernel/.test(name) ? KERNEL[layer.method] : name}.weight`;
      const [height, width, third, fourth] = shape as [number, number, number, number];
      if (!depthwise) return tf.transpose(generated(key, [fourth, third, height, width]), [2, 3, 1, 0]);
      if (name.endsWith('kxk.conv2')) {
        // (C, 2, k, k) there; channel j·C + c here.
        const official = generated(key, [third / 2, 2, height, width]);
        return tf.reshape(tf.transpose(official, [2, 3, 1, 0]), shape);
      }
      const official = generated(key, [third, 1, height, width]);
      if (expanded) return tf.reshape(tf.transpose(tf.reshape(official, [-1, 2])), shape);
      return tf.transpose(official, [2, 3, 0, 1]);
    });
    variable.assign(value as never);
    value.dispose();
  }
}

/** A tensor generated from its key, as the oracles' are. */
export function generated(key: string, shape: number[]): tf.Tensor {
  const [made] = [...generatedState([[key, shape]]).values()];
  return tf.tensor(made?.data as Float32Array, shape);
}

export const topology = (model: tf.LayersModel) => model.toJSON(undefined, false);

/** What a model makes of random images in evaluation. */
export function outputs(model: tf.LayersModel, seed = 7): Float32Array {
  return tf.tidy(() => {
    const shape = (model.inputs[0] as tf.SymbolicTensor).shape.map((size) => size ?? 2);
    const x = tf.randomNormal(shape, 0, 1, 'float32', seed);
    return (model.apply(x, { training: false }) as tf.Tensor).dataSync<'float32'>().slice();
  });
}

/** Expects values to be the same within `tolerance` of the largest. */
export function expectSame(actual: Float32Array, expected: Float32Array, tolerance: number): void {
  expect(actual.length).to.equal(expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const apart = actual.reduce((max, value, i) => Math.max(max, Math.abs(value - (expected[i] as number))), 0);
  expect(apart).to.be.at.most(tolerance * largest);
}

/** The message that a promise was rejected with. */
export const rejected = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was thrown',
    (error: Error) => error.message,
  );

/**
 * Sets weights at random: kernels by their fan-in, unless they are to stay, batch norms' scales and variances between 0.5 and 1.5.
 */
export function setRandomWeights(model: tf.LayersModel, seed: number, kernels = true): void {
  const variables = variablesOf(model.weights);
  variables.forEach((variable, i) => {
    if (variable.rank > 1 && !kernels) return;
    tf.tidy(() => {
      const { shape, name, size } = variable;
      const positive = /gamma|variance|weight_g/.test(name);
      // Depthwise kernels see one channel.
      const fanIn = /depthwise|convmap/.test(name) ? (shape[0] as number) ** 2 : size / (shape.at(-1) as number);
      const deviation = shape.length > 1 ? Math.sqrt(2 / fanIn) : 0.1;
      const drawn = positive
        ? tf.randomUniform(shape, 0.5, 1.5, 'float32', seed + i)
        : tf.randomNormal(shape, 0, deviation, 'float32', seed + i);
      variable.assign(drawn as never);
    });
  });
}
