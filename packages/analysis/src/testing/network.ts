/** A network for tests: a stem, a depthwise and a dense layer, with batch norms whose statistics are not the initial ones. */
import { mobilenetv1 } from '@refconv/backbones';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Variable } from '@tensorflow/tfjs';

export const STATISTICS = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

export function smallNetwork(seed = 1): LayersModel {
  const model = mobilenetv1({ variant: 'cifar', width: 0.125, inputSize: 16, seed });
  model.weights.forEach((weight, i) => {
    const { val: variable } = weight as unknown as { val: Variable };
    if (variable.rank !== 1) return;
    tf.tidy(() => variable.assign(tf.randomUniform(variable.shape, 0.6, 1.2, 'float32', i)));
  });
  return model;
}

/** A shallow network whose classes lie close together: an attack of some 1/255 changes what it says. */
export function shallowNetwork(seed = 1): LayersModel {
  const kernel = (i: number) => tf.initializers.glorotUniform({ seed: 10 * seed + i });
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        ...{ inputShape: [16, 16, 3], filters: 8, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' },
        kernelInitializer: kernel(0),
      }),
      tf.layers.batchNormalization(),
      tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', depthwiseInitializer: kernel(1) }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 10, kernelInitializer: kernel(2) }),
    ],
  }) as LayersModel;
}
