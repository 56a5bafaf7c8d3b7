/**
 * Weights between a tf.LayersModel and a PyTorch state_dict. Layer names are module paths, so keys follow from names; only the
 * layouts differ.
 */
import * as tf from '@tensorflow/tfjs';

/** A tensor of a state_dict: PyTorch's layout, row-major. */
export interface TorchTensor {
  shape: number[];
  data: Float32Array;
}

export type TorchState = Map<string, TorchTensor>;

/** Where a weight of a layer goes: the key's last part, the axes of ours in PyTorch's order, and PyTorch's shape where it is another. */
interface Place {
  suffix: string;
  axes: number[];
  reshape?: (shape: number[]) => number[];
}

const BIAS: Place = { suffix: 'bias', axes: [0] };
const SCALE: Place = { suffix: 'weight', axes: [0] };
const KERNEL: Place = { suffix: 'weight', axes: [3, 2, 0, 1] };
/** [h, w, C, m] to (C·m, 1, h, w). */
const DEPTHWISE_KERNEL: Place = {
  suffix: 'weight',
  axes: [2, 3, 0, 1],
  reshape: ([channels = 0, multiplier = 0, ...size]) => [channels * multiplier, 1, ...size],
};
const CONVMAP: Place = { suffix: 'convmap.weight', axes: [3, 2, 0, 1] };

/** By layer class, the weights' own names and their places. Kernels are HWIO here and OIHW in PyTorch. */
const PLACES: Record<string, Record<string, Place>> = {
  Conv2D: { kernel: KERNEL, bias: BIAS },
  GroupedConv2D: { kernel: KERNEL, bias: BIAS },
  DepthwiseConv2D: { depthwise_kernel: DEPTHWISE_KERNEL, bias: BIAS },
  DilatedDepthwiseConv2D: { depthwise_kernel: DEPTHWISE_KERNEL, bias: BIAS },
  // The layers of packages/refconv under the keys of the official code, whose W_r are (Cout·Cin/g, g, k, k).
  RefConv2D: {
    kernel: KERNEL,
    bias: BIAS,
    convmap: { ...CONVMAP, reshape: ([outputs = 0, inputs = 0, ...size]) => [outputs * inputs, 1, ...size] },
  },
  RefDepthwiseConv2D: { depthwise_kernel: DEPTHWISE_KERNEL, bias: BIAS, convmap: CONVMAP },
  RefDilatedDepthwiseConv2D: { depthwise_kernel: DEPTHWISE_KERNEL, bias: BIAS, convmap: CONVMAP },
  RefGroupedConv2D: { kernel: KERNEL, bias: BIAS, convmap: CONVMAP },
  Dense: { kernel: { suffix: 'weight', axes: [1, 0] }, bias: BIAS },
  LayerNormalization: { gamma: SCALE, beta: BIAS },
  LayerScale: { layer_scale: { suffix: 'layer_scale', axes: [0], reshape: (shape) => [...shape, 1, 1] } },
  BatchNormalization: {
    gamma: SCALE,
    beta: BIAS,
    moving_mean: { suffix: 'running_mean', axes: [0] },
    moving_variance: { suffix: 'running_var', axes: [0] },
  },
};

interface Entry {
  key: string;
  variable: tf.Variable;
  axes: number[];
  /** PyTorch's. */
  shape: number[];
}

function entries(model: tf.LayersModel): Entry[] {
  return model.layers.flatMap((layer) =>
    layer.weights.map((weight) => {
      const { val: variable } = weight as unknown as { val: tf.Variable };
      // The own name: after the layer's, without the number that tfjs adds to a name used before.
      const own = weight.originalName.split('/').pop() as string;
      const place = PLACES[layer.getClassName()]?.[own];
      if (!place) {
        throw new Error(
          `The weight ${weight.originalName} of a ${layer.getClassName()} has no counterpart in PyTorch that is known here.`,
        );
      }
      const { suffix, axes, reshape = (shape) => shape } = place;
      const shape = reshape(axes.map((axis) => variable.shape[axis] as number));
      return { key: `${layer.name}.${suffix}`, variable, axes, shape };
    }),
  );
}

/** The model's weights as a state_dict, in the model's order. */
export function torchState(model: tf.LayersModel): TorchState {
  const state: TorchState = new Map();
  for (const { key, variable, axes, shape } of entries(model)) {
    const tensor = tf.transpose(variable, axes);
    state.set(key, { shape, data: tensor.dataSync<'float32'>().slice() });
    tensor.dispose();
  }
  return state;
}

/**
 * Sets the model's weights from a state_dict; `num_batches_tracked` is ignored.
 * @throws Error that lists every key that is missing, unexpected or of another shape; the model is then unchanged.
 */
export function loadTorchState(model: tf.LayersModel, state: TorchState): void {
  const wanted = entries(model);
  const missing = wanted.filter(({ key }) => !state.has(key)).map(({ key }) => key);
  const known = new Set(wanted.map(({ key }) => key));
  const unexpected = [...state.keys()].filter((key) => !known.has(key) && !key.endsWith('num_batches_tracked'));
  const wrong = wanted.flatMap((entry) => {
    const given = state.get(entry.key)?.shape;
    return given && given.join() !== entry.shape.join()
      ? [`${entry.key}: given [${given}], expected [${entry.shape}]`]
      : [];
  });
  const problems = [
    missing.length ? `missing: ${missing.join(', ')}` : '',
    unexpected.length ? `unexpected: ${unexpected.join(', ')}` : '',
    wrong.length ? `of another shape: ${wrong.join('; ')}` : '',
  ].filter(Boolean);
  if (problems.length) throw new Error(`The weights do not fit ${model.name}. Keys ${problems.join('. Keys ')}.`);
  for (const { key, variable, axes } of wanted) {
    const { data } = state.get(key) as TorchTensor;
    tf.tidy(() => {
      const permuted = axes.map((axis) => variable.shape[axis] as number);
      const back = axes.map((_, axis) => axes.indexOf(axis));
      variable.assign(tf.transpose(tf.tensor(data, permuted), back));
    });
  }
}
