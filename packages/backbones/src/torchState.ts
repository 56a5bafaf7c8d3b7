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

/** Where a weight of a layer goes: the key's last part, and the axes of ours in PyTorch's order. */
interface Place {
  suffix: string;
  axes: number[];
}

/** By layer class, the weights' own names and their places. Kernels are HWIO here and OIHW in PyTorch. */
const PLACES: Record<string, Record<string, Place>> = {
  Conv2D: { kernel: { suffix: 'weight', axes: [3, 2, 0, 1] }, bias: { suffix: 'bias', axes: [0] } },
  // [h, w, C, 1] to (C, 1, h, w).
  DepthwiseConv2D: { depthwise_kernel: { suffix: 'weight', axes: [2, 3, 0, 1] }, bias: { suffix: 'bias', axes: [0] } },
  Dense: { kernel: { suffix: 'weight', axes: [1, 0] }, bias: { suffix: 'bias', axes: [0] } },
  BatchNormalization: {
    gamma: { suffix: 'weight', axes: [0] },
    beta: { suffix: 'bias', axes: [0] },
    moving_mean: { suffix: 'running_mean', axes: [0] },
    moving_variance: { suffix: 'running_var', axes: [0] },
  },
};

interface Entry {
  key: string;
  variable: tf.Variable;
  axes: number[];
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
      return { key: `${layer.name}.${place.suffix}`, variable, axes: place.axes };
    }),
  );
}

/** The model's weights as a state_dict, in the model's order. */
export function torchState(model: tf.LayersModel): TorchState {
  const state: TorchState = new Map();
  for (const { key, variable, axes } of entries(model)) {
    const tensor = tf.transpose(variable, axes);
    state.set(key, { shape: tensor.shape, data: tensor.dataSync<'float32'>().slice() });
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
  const shapeOf = ({ variable, axes }: Entry) => axes.map((axis) => variable.shape[axis] as number);
  const missing = wanted.filter(({ key }) => !state.has(key)).map(({ key }) => key);
  const known = new Set(wanted.map(({ key }) => key));
  const unexpected = [...state.keys()].filter((key) => !known.has(key) && !key.endsWith('num_batches_tracked'));
  const wrong = wanted.flatMap((entry) => {
    const given = state.get(entry.key)?.shape;
    const expected = shapeOf(entry);
    return given && given.join() !== expected.join() ? [`${entry.key}: given [${given}], expected [${expected}]`] : [];
  });
  const problems = [
    missing.length ? `missing: ${missing.join(', ')}` : '',
    unexpected.length ? `unexpected: ${unexpected.join(', ')}` : '',
    wrong.length ? `of another shape: ${wrong.join('; ')}` : '',
  ].filter(Boolean);
  if (problems.length) throw new Error(`The weights do not fit ${model.name}. Keys ${problems.join('. Keys ')}.`);
  for (const entry of wanted) {
    const { data } = state.get(entry.key) as TorchTensor;
    tf.tidy(() => {
      const back = entry.axes.map((_, axis) => entry.axes.indexOf(axis));
      entry.variable.assign(tf.transpose(tf.tensor(data, shapeOf(entry)), back));
    });
  }
}
