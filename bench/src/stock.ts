/**
 * Worker of the contestant `stock`: TensorFlow.js as its documentation tells to use it, on the same native TensorFlow. Of
 * @refconv/tensorflow only the module that loads the library is imported; the package itself would register its kernels.
 */

import { cost } from '@refconv/analysis/cost';
import { type Contestant, serve } from '@refconv/analysis/measurement/serve';
import { variablesOf } from '@refconv/layers/variables';
import type * as tfjs from '@tensorflow/tfjs';
import { randomBatch, versions } from './network.js';
import { LEARNING_RATE, MOMENTUM, type Setting, WEIGHT_DECAY } from './protocol.js';

const loader = new URL('load.js', import.meta.resolve('@refconv/tensorflow'));
const { tf } = (await import(loader.href)) as { tf: typeof tfjs };

/** Output channels and stride of each block; `@refconv/backbones` builds the same with its own batch normalisation. */
const BLOCKS: [channels: number, stride: number][] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  ...Array.from({ length: 5 }, (): [number, number] => [512, 1]),
  [1024, 2],
  [1024, 1],
];

function mobilenetv1({ variant, inputSize, classes, width }: Setting): tfjs.LayersModel {
  const scaled = (channels: number) => Math.trunc(channels * width);
  const normal = (fanOut: number) => tf.initializers.randomNormal({ mean: 0, stddev: Math.sqrt(2 / fanOut), seed: 1 });
  const norm = (x: tfjs.SymbolicTensor) => {
    const y = tf.layers.batchNormalization({ momentum: 0.9, epsilon: 1e-5 }).apply(x) as tfjs.SymbolicTensor;
    return tf.layers.activation({ activation: 'relu6' }).apply(y) as tfjs.SymbolicTensor;
  };
  const convolution = (
    x: tfjs.SymbolicTensor,
    strides: number,
    make: (placement: { strides: number; padding: 'same' | 'valid'; useBias: false }) => tfjs.layers.Layer,
  ) => {
    const padded = strides === 1 ? x : tf.layers.zeroPadding2d({ padding: 1 }).apply(x);
    const layer = make({ strides, padding: strides === 1 ? 'same' : 'valid', useBias: false });
    return norm(layer.apply(padded) as tfjs.SymbolicTensor);
  };
  const dense = (filters: number, kernelSize: number) => (placement: object) =>
    tf.layers.conv2d({ ...placement, filters, kernelSize, kernelInitializer: normal(kernelSize ** 2 * filters) });

  const input = tf.input({ shape: [inputSize, inputSize, 3] });
  let x = convolution(input, variant === 'cifar' ? 1 : 2, dense(scaled(32), 3));
  for (const [channels, stride] of BLOCKS) {
    x = convolution(x, stride, (placement) =>
      tf.layers.depthwiseConv2d({ ...placement, kernelSize: 3, depthwiseInitializer: normal(9) }),
    );
    x = convolution(x, 1, dense(scaled(channels), 1));
  }
  const pooled = tf.layers.globalAveragePooling2d({}).apply(x) as tfjs.SymbolicTensor;
  const logits = tf.layers.dense({ units: classes }).apply(pooled) as tfjs.SymbolicTensor;
  return tf.model({ inputs: input, outputs: logits });
}

function build(setting: Setting): Contestant {
  const model = mobilenetv1(setting);
  const variables = variablesOf(model.trainableWeights);
  const optimizer = tf.train.momentum(LEARNING_RATE, MOMENTUM);
  const { x, labels } = randomBatch(tf, setting);
  const targets = tf.oneHot(labels, setting.classes);

  const step = () => {
    const loss = () =>
      tf.losses.softmaxCrossEntropy(targets, model.apply(x, { training: true }) as tfjs.Tensor) as tfjs.Scalar;
    const { value, grads } = tf.variableGrads(loss, variables);
    const decayed = variables.map(({ name }, i) => [name, tf.add(grads[name], tf.mul(variables[i], WEIGHT_DECAY))]);
    optimizer.applyGradients(Object.fromEntries(decayed));
    return value.dataSync()[0] as number;
  };

  const { trainable, macs } = cost(model);
  return {
    parameters: trainable,
    multiplyAdds: macs,
    versions: versions(tf as never),
    step: () => {
      tf.engine().startScope();
      const loss = step();
      tf.engine().endScope();
      return loss;
    },
  };
}

await serve(build);
