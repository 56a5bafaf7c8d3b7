/** Makes layers that tf.layers composes of many operations use the fused kernels, so that users' models get them unchanged. */
import type { layers, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { batchNormTraining } from './batchNorm.js';
import { attribute, needsPlainGradients, operation, replaceKernel } from './operation.js';
import { nextSeed, statelessDropout } from './random.js';
import { tasks } from './syncBatchNorm.js';

interface LayerVariable {
  read(): Tensor;
  write(value: Tensor): LayerVariable;
}

interface BatchNormalization {
  axis: number;
  epsilon: number;
  momentum: number;
  gamma?: LayerVariable;
  beta?: LayerVariable;
  movingMean: LayerVariable;
  movingVariance: LayerVariable;
  call(inputs: Tensor | Tensor[], kwargs: { training?: boolean }): Tensor | Tensor[];
}

/** old·momentum + value·(1 − momentum), as tf.layers writes it. */
function average(variable: LayerVariable, value: Tensor, momentum: number): void {
  const old = variable.read();
  variable.write(tf.sub(old, tf.mul(tf.sub(old, value), 1 - momentum)));
}

function patchBatchNormalization(): void {
  const prototype = Object.getPrototypeOf(tf.layers.batchNormalization()) as BatchNormalization;
  const stockCall = prototype.call;
  prototype.call = function (this: BatchNormalization, inputs, kwargs) {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;
    const lastAxis = this.axis === -1 || this.axis === x.rank - 1;
    const channels = x.shape[x.rank - 1] as number;
    const count = x.size / channels;
    const fused = kwargs.training && lastAxis && x.dtype === 'float32' && count >= 2 && !needsPlainGradients();
    if (!fused) return stockCall.call(this, inputs, kwargs);
    return tf.tidy(() => {
      const scale = (this.gamma?.read() ?? tf.ones([channels])) as Tensor1D;
      const offset = (this.beta?.read() ?? tf.zeros([channels])) as Tensor1D;
      const images = (x.rank === 4 ? x : tf.reshape(x, [count, 1, 1, channels])) as Tensor4D;
      const [y, mean, variance] = batchNormTraining(images, scale, offset, this.epsilon);
      average(this.movingMean, mean, this.momentum);
      // tf.layers averages the biased variance.
      const all = count * tasks();
      average(this.movingVariance, tf.mul(variance, (all - 1) / all), this.momentum);
      return x.rank === 4 ? y : tf.reshape(y, x.shape);
    });
  };
}

interface Convolution {
  rank: number;
  kernel: LayerVariable;
  bias: LayerVariable | null;
  strides: [number, number];
  padding: 'same' | 'valid';
  dataFormat: 'channelsFirst' | 'channelsLast';
  dilationRate: [number, number];
  activation: { apply(x: Tensor): Tensor } | null;
  call(inputs: Tensor | Tensor[], kwargs: object): Tensor | Tensor[];
}

/** tf.layers' convolution calls tf.fused.conv2d, which has its own gradient and none for dilations; tf.conv2d has all of ours. */
function patchConvolution(): void {
  const layer = Object.getPrototypeOf(tf.layers.conv2d({ filters: 1, kernelSize: 1 })) as object;
  // Its class inherits `call` from one for all ranks; the own property leaves the other ranks alone.
  const stockCall = (layer as Convolution).call;
  const call: Convolution['call'] = function (this: Convolution, inputs, kwargs) {
    if (this.dataFormat === 'channelsFirst' || tf.getBackend() !== 'tensorflow')
      return stockCall.call(this, inputs, kwargs);
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor4D;
      const kernel = this.kernel.read() as Tensor4D;
      let y: Tensor = tf.conv2d(x, kernel, this.strides, this.padding, 'NHWC', this.dilationRate);
      if (this.bias) y = tf.add(y, this.bias.read());
      return this.activation ? this.activation.apply(y) : y;
    });
  };
  Object.defineProperty(layer, 'call', { value: call, writable: true, configurable: true });
}

/** tf.layers' depthwise convolution has a dilationRate, keeps it, and computes without it. */
function refuseDilatedDepthwise(): void {
  const prototype = Object.getPrototypeOf(tf.layers.depthwiseConv2d({ kernelSize: 1 })) as Convolution & {
    build(inputShape: unknown): void;
  };
  const stockBuild = prototype.build;
  prototype.build = function (this: layers.Layer & Convolution, inputShape) {
    if (this.getClassName() === 'DepthwiseConv2D' && this.dilationRate.some((rate) => rate !== 1)) {
      throw new Error(
        `The layer ${this.name} is dilated by ${this.dilationRate}, without which tf.layers' DepthwiseConv2D computes; ` +
          'use DilatedDepthwiseConv2D of @refconv/layers.',
      );
    }
    stockBuild.call(this, inputShape);
  };
}

/** tf.layers' activation 'relu6' is minimum(relu(x), 6); tf.relu6 is one operation with one for its gradient. */
function patchRelu6(): void {
  const layer = tf.layers.activation({ activation: 'relu6' }) as unknown as { activation: object };
  const prototype = Object.getPrototypeOf(layer.activation) as { apply(x: Tensor): Tensor };
  prototype.apply = (x) => tf.relu6(x);
}

interface Dropout {
  rate: number;
  getNoiseShape(x: Tensor): number[] | null | undefined;
  call(inputs: Tensor | Tensor[], kwargs: { training?: boolean }): Tensor | Tensor[];
}

/** tfjs draws its masks in JavaScript, which a recording would freeze. */
function patchDropout(): void {
  const prototype = Object.getPrototypeOf(tf.layers.dropout({ rate: 0 })) as Dropout;
  const stockCall = prototype.call;
  prototype.call = function (this: Dropout, inputs, kwargs) {
    if (!kwargs.training || this.rate <= 0 || this.rate >= 1) return stockCall.call(this, inputs, kwargs);
    return tf.tidy(() => {
      const seed = nextSeed();
      if (!seed) return stockCall.call(this, inputs, kwargs);
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;
      return statelessDropout(x, this.rate, seed, this.getNoiseShape(x) ?? undefined);
    });
  };
}

/** tfjs-node looks at the indices' values to check them, which a recording cannot. TensorFlow checks them itself. */
function replaceGather(): void {
  replaceKernel('GatherV2', ({ inputs, attrs }) => {
    const { x, indices } = inputs as { x: Tensor; indices: Tensor };
    const { axis, batchDims } = attrs as { axis: number; batchDims: number };
    const attributes = [
      attribute.int('batch_dims', batchDims),
      attribute.type('Tparams', x),
      attribute.type('Tindices', indices),
      attribute.typeNumber('Taxis', 3),
    ];
    return tf.tidy(() => operation('GatherV2', [x, indices, tf.scalar(axis, 'int32')], attributes));
  });
}

export function patchStockLayers(): void {
  patchBatchNormalization();
  patchConvolution();
  refuseDilatedDepthwise();
  patchRelu6();
  patchDropout();
  replaceGather();
}
