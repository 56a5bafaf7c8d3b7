/** Small models, one for each layer and way of using it that ONNX has to be told of. */
import {
  BilinearResize,
  ChannelShuffle,
  ChannelSlice,
  ChannelSplit,
  DilatedDepthwiseConv2D,
  GroupedConv2D,
  HardSigmoid,
  HardSwish,
  LayerScale,
} from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs';
import { randomize } from './models.js';

type Layers = (layers.Layer | LayersModel)[];

/** A sequential model over images of 9×7 pixels. */
export const sequence = (...all: Layers) =>
  randomize(tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [9, 7, 4] }), ...all] as layers.Layer[] }));

/** A model over such images that is a function of its input. */
export function functional(build: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = tf.input({ shape: [9, 7, 4] });
  return randomize(tf.model({ inputs: x, outputs: build(x) }));
}

export const apply = (layer: layers.Layer, ...x: SymbolicTensor[]) =>
  layer.apply(x.length === 1 ? x[0] : x) as SymbolicTensor;

const { layers: l } = tf;
export const ACTIVATIONS =
  'linear relu relu6 elu selu sigmoid hardSigmoid tanh softplus softsign swish mish gelu gelu_new softmax logSoftmax';

export const CASES: Record<string, () => LayersModel> = {
  'Conv2D valid': () => sequence(l.conv2d({ filters: 5, kernelSize: [3, 2], activation: 'tanh' })),
  'Conv2D same': () => sequence(l.conv2d({ filters: 5, kernelSize: [4, 3], padding: 'same', useBias: false })),
  'Conv2D same, strided': () =>
    sequence(l.conv2d({ filters: 5, kernelSize: [3, 4], strides: [2, 3], padding: 'same' })),
  'Conv2D dilated': () => sequence(l.conv2d({ filters: 5, kernelSize: 3, dilationRate: [2, 3], padding: 'same' })),
  DepthwiseConv2D: () =>
    sequence(l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same' })),
  'DilatedDepthwiseConv2D same': () =>
    sequence(new DilatedDepthwiseConv2D({ kernelSize: 3, dilationRate: 2, depthMultiplier: 2, padding: 'same' })),
  'DilatedDepthwiseConv2D valid': () =>
    sequence(new DilatedDepthwiseConv2D({ kernelSize: [3, 2], dilationRate: [2, 3], activation: 'relu' })),
  BilinearResize: () => sequence(new BilinearResize({ height: 20, width: 5 }), l.conv2d({ filters: 3, kernelSize: 1 })),
  SeparableConv2D: () =>
    sequence(l.separableConv2d({ filters: 6, kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'relu' })),
  'MaxPooling2D valid': () => sequence(l.maxPooling2d({ poolSize: 3, strides: 2 })),
  'MaxPooling2D same': () => sequence(l.maxPooling2d({ poolSize: [3, 2], strides: 2, padding: 'same' })),
  'AveragePooling2D valid': () => sequence(l.averagePooling2d({ poolSize: 2, strides: 2 })),
  'AveragePooling2D same': () => sequence(l.averagePooling2d({ poolSize: 3, strides: [1, 1], padding: 'same' })),
  GlobalMaxPooling2D: () => sequence(l.globalMaxPooling2d({})),
  'GlobalAveragePooling2D after LayerNormalization': () =>
    sequence(l.layerNormalization({ epsilon: 0.01 }), l.globalAveragePooling2d({})),
  'LayerNormalization without scale': () =>
    sequence(l.conv2d({ filters: 5, kernelSize: 1 }), l.layerNormalization({ scale: false, axis: 3 })),
  'BatchNormalization of images': () =>
    sequence(l.batchNormalization({ epsilon: 0.1 }), l.batchNormalization({ center: false, scale: false })),
  'BatchNormalization of features': () =>
    sequence(l.flatten(), l.dense({ units: 6 }), l.batchNormalization({ axis: 1 })),
  ZeroPadding2D: () =>
    sequence(
      l.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  Cropping2D: () =>
    sequence(
      l.cropping2D({
        cropping: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  'UpSampling2D nearest': () => sequence(l.upSampling2d({ size: [2, 3] })),
  'UpSampling2D bilinear': () => sequence(l.upSampling2d({ size: [2, 3], interpolation: 'bilinear' })),
  'Flatten and Dense': () =>
    sequence(l.flatten(), l.dense({ units: 6, activation: 'sigmoid' }), l.dense({ units: 3, useBias: false })),
  'Dense of images': () =>
    sequence(
      l.conv2d({ filters: 3, kernelSize: 1 }),
      l.dense({ units: 6, activation: 'gelu' }),
      l.dense({ units: 2, useBias: false }),
    ),
  'Reshape and Permute': () =>
    sequence(
      l.reshape({ targetShape: [3, 3, 28] }),
      l.permute({ dims: [3, 1, 2] }),
      l.reshape({ targetShape: [28, -1] }),
    ),
  'Dropout and noise': () =>
    sequence(l.dropout({ rate: 0.5 }), l.gaussianNoise({ stddev: 1 }), l.alphaDropout({ rate: 0.5 })),
  Rescaling: () => sequence(l.rescaling({ scale: 2, offset: -3 })),
  ReLU: () => sequence(l.reLU({ maxValue: 0.5 }), l.reLU()),
  LeakyReLU: () => sequence(l.leakyReLU({ alpha: 0.2 })),
  ELU: () => sequence(l.elu()),
  ThresholdedReLU: () => sequence(l.thresholdedReLU({ theta: 0.2 })),
  PReLU: () => sequence(l.prelu(), l.prelu({ sharedAxes: [1, 2] })),
  'PReLU of features': () => sequence(l.flatten(), l.prelu()),
  Softmax: () => sequence(l.conv2d({ filters: 3, kernelSize: 1 }), l.softmax({ axis: -1 })),
  GroupedConv2D: () => sequence(new GroupedConv2D({ filters: 6, kernelSize: 3, groups: 2, strides: 2 })),
  'HardSigmoid and HardSwish': () => sequence(new HardSigmoid({}), new HardSwish({})),
  LayerScale: () => sequence(l.conv2d({ filters: 3, kernelSize: 1 }), new LayerScale({})),
  'a shared LayerScale in both layouts': () =>
    functional((x) => {
      const scale = new LayerScale({});
      return apply(scale, apply(l.layerNormalization(), apply(scale, x)));
    }),
  'a shared Dense of images and of features': () => {
    const shared = l.dense({ units: 4 });
    return functional((x) =>
      apply(
        l.add(),
        apply(shared, apply(l.globalMaxPooling2d({}), x)),
        apply(l.globalMaxPooling2d({}), apply(shared, x)),
      ),
    );
  },
  'LayerScale after LayerNormalization': () => sequence(l.layerNormalization(), new LayerScale({})),
  'ChannelSlice in both layouts': () =>
    functional((x) => {
      const slices = [apply(l.conv2d({ filters: 6, kernelSize: 1 }), x), x].map((from, begin) =>
        apply(new ChannelSlice({ begin, size: 3 }), from),
      );
      return apply(l.add(), ...slices);
    }),
  'ChannelShuffle and ChannelSplit': () =>
    functional((x) => {
      const shuffled = apply(new ChannelShuffle({ groups: 2 }), apply(l.conv2d({ filters: 6, kernelSize: 1 }), x));
      const [a, b] = new ChannelSplit({ sizes: [1, 5] }).apply(shuffled) as SymbolicTensor[];
      return apply(l.concatenate(), apply(new ChannelShuffle({ groups: 5 }), b), a);
    }),
  'merges of images in both layouts': () =>
    functional((x) => {
      const a = apply(l.conv2d({ filters: 4, kernelSize: 1 }), x);
      const b = apply(l.layerNormalization(), x);
      const sum = apply(l.add(), a, b, x);
      const most = apply(l.maximum(), sum, apply(l.minimum(), a, x));
      return apply(l.concatenate(), apply(l.average(), a, b, x), apply(l.multiply(), most, b));
    }),
  'a squeeze and excitation': () =>
    functional((x) => {
      const pooled = apply(l.reshape({ targetShape: [1, 1, 4] }), apply(l.globalAveragePooling2d({}), x));
      return apply(l.multiply(), x, apply(l.conv2d({ filters: 4, kernelSize: 1, activation: 'hardSigmoid' }), pooled));
    }),
  'Concatenate of other axes': () =>
    functional((x) => {
      const higher = apply(l.concatenate({ axis: 1 }), x, x);
      return apply(l.concatenate({ axis: 2 }), higher, higher);
    }),
  'a shared layer': () =>
    functional((x) => {
      const shared = l.conv2d({ filters: 4, kernelSize: 3, padding: 'same' });
      return apply(shared, apply(l.reLU(), apply(shared, x)));
    }),
  'nested models, one of them shared': () =>
    functional((x) => {
      const block = tf.sequential({
        layers: [l.conv2d({ name: 'own', filters: 4, kernelSize: 1, inputShape: [9, 7, 4] }), l.reLU()],
      });
      const again = tf.sequential({
        layers: [l.conv2d({ name: 'own', filters: 4, kernelSize: 1, inputShape: [9, 7, 4] })],
      });
      return apply(again, apply(block, apply(block, x)));
    }),
};
