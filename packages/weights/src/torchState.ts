/**
 * Weights between a tf.LayersModel and a PyTorch state_dict. Layer names are module paths, so keys follow from names; only the
 * layouts differ.
 */
import { headOf } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';

/** A tensor of a state_dict: PyTorch's layout, row-major. */
export interface TorchTensor {
  shape: number[];
  data: Float32Array;
}

export type TorchState = Map<string, TorchTensor>;

/** Where a weight of a layer goes. */
export interface WeightPlace {
  /** The key's last part, after the layer's name. */
  suffix: string;
  /** The axes of ours in PyTorch's order. */
  axes: readonly number[];
  /** PyTorch's shape, where it is not that of the axes. */
  reshape?: (shape: number[]) => number[];
}

const BIAS: WeightPlace = { suffix: 'bias', axes: [0] };
const SCALE: WeightPlace = { suffix: 'weight', axes: [0] };
const KERNEL: WeightPlace = { suffix: 'weight', axes: [3, 2, 0, 1] };
/** [h, w, C, m] to (C·m, 1, h, w). */
const DEPTHWISE_KERNEL: WeightPlace = {
  suffix: 'weight',
  axes: [2, 3, 0, 1],
  reshape: ([channels = 0, multiplier = 0, ...size]) => [channels * multiplier, 1, ...size],
};

/** By layer class, the weights' own names and their places. Kernels are HWIO here and OIHW in PyTorch. */
const LAYOUTS = new Map(
  Object.entries<Readonly<Record<string, WeightPlace>>>({
    Conv2D: { kernel: KERNEL, bias: BIAS },
    GroupedConv2D: { kernel: KERNEL, bias: BIAS },
    DepthwiseConv2D: { depthwise_kernel: DEPTHWISE_KERNEL, bias: BIAS },
    DilatedDepthwiseConv2D: { depthwise_kernel: DEPTHWISE_KERNEL, bias: BIAS },
    Dense: { kernel: { suffix: 'weight', axes: [1, 0] }, bias: BIAS },
    LayerNormalization: { gamma: SCALE, beta: BIAS },
    LayerScale: { layer_scale: { suffix: 'layer_scale', axes: [0], reshape: (shape) => [...shape, 1, 1] } },
    BatchNormalization: {
      gamma: SCALE,
      beta: BIAS,
      moving_mean: { suffix: 'running_mean', axes: [0] },
      moving_variance: { suffix: 'running_var', axes: [0] },
    },
  }),
);

/**
 * Tells where the weights of a layer class go in a state_dict.
 * @param className as the layer's `getClassName()` gives it.
 * @param places by the weights' own names: what `addWeight` was told.
 * @param like a class that is known, whose weights it has too.
 * @throws Error where the class is known already, or `like` is not.
 * @example
 * ```ts
 * registerLayout('MyScaledConv2D', { scale: { suffix: 'scale', axes: [0] } }, 'Conv2D');
 * ```
 */
export function registerLayout(className: string, places: Readonly<Record<string, WeightPlace>>, like?: string): void {
  if (LAYOUTS.has(className)) throw new Error(`The layout of ${className} is registered already.`);
  const known = like === undefined ? {} : LAYOUTS.get(like);
  if (!known) throw new Error(`${className} is to have the weights of ${like}, whose layout is not registered.`);
  LAYOUTS.set(className, { ...known, ...places });
}

interface Entry {
  key: string;
  variable: tf.Variable;
  axes: readonly number[];
  /** PyTorch's. */
  shape: number[];
}

function entries(model: tf.LayersModel): Entry[] {
  return model.layers.flatMap((layer) =>
    layer.weights.map((weight) => {
      const { val: variable } = weight as unknown as { val: tf.Variable };
      // The own name: after the layer's, without the number that tfjs adds to a name used before.
      const own = weight.originalName.split('/').pop() as string;
      const place = LAYOUTS.get(layer.getClassName())?.[own];
      if (!place) {
        throw new Error(
          `The weight ${weight.originalName} of a ${layer.getClassName()} has no counterpart in PyTorch that is known here; registerLayout() of @refconv/weights tells it.`,
        );
      }
      const { suffix, axes, reshape = (shape) => shape } = place;
      const shape = reshape(axes.map((axis) => variable.shape[axis] as number));
      return { key: `${layer.name}.${suffix}`, variable, axes, shape };
    }),
  );
}

/**
 * The model's weights as a state_dict, in the model's order.
 * @example
 * ```ts
 * const { shape } = torchState(model).get('conv_stem.weight')!; // [Cout, Cin, kh, kw], as PyTorch has it
 * ```
 */
export function torchState(model: tf.LayersModel): TorchState {
  const state: TorchState = new Map();
  for (const { key, variable, axes, shape } of entries(model)) {
    const tensor = tf.transpose(variable, [...axes]);
    state.set(key, { shape, data: tensor.dataSync<'float32'>().slice() });
    tensor.dispose();
  }
  return state;
}

/** Weights that do not fit a network. */
export class WeightsMismatchError extends Error {
  override name = 'WeightsMismatchError';
}

/** A scalar is no weight of a network: a counter, or a setting that was saved beside. */
const isWeight = ([, { shape }]: [string, TorchTensor]) => shape.length > 0;

/**
 * The state under the model's names: without what all names begin with and none of the model's does, as `model.` where the network
 * was a part of a larger module, and without scalars that the model does not have.
 * @example
 * ```ts
 * const state = stateFor(model, await readWeights('detector.pth')); // without the `backbone.` before each name
 * ```
 */
export function stateFor(model: tf.LayersModel, state: TorchState): TorchState {
  const wanted = new Set(entries(model).map(({ key }) => key));
  let given = [...state].filter((entry) => wanted.has(entry[0]) || isWeight(entry));
  while (given.length > 0 && !given.some(([key]) => wanted.has(key))) {
    const [first = ''] = given[0]?.[0].split('.') ?? [];
    if (!given.every(([key]) => key.startsWith(`${first}.`))) break;
    given = given.map(([key, tensor]) => [key.slice(first.length + 1), tensor]);
  }
  return new Map(given.some(([key]) => wanted.has(key)) ? given : state);
}

/**
 * Sets the model's weights from a state_dict; names are taken as {@link stateFor} gives them, counters are ignored.
 * @throws WeightsMismatchError that says how many keys are missing, unexpected or of another shape, and names the first; the model is
 *   then unchanged.
 * @example
 * ```ts
 * loadTorchState(model, await readWeights('model.safetensors'));
 * ```
 */
export function loadTorchState(model: tf.LayersModel, state: TorchState): void {
  const given = stateFor(model, state);
  const wanted = entries(model);
  const missing = wanted.filter(({ key }) => !given.has(key)).map(({ key }) => key);
  const known = new Set(wanted.map(({ key }) => key));
  const unexpected = [...given.keys()].filter((key) => !known.has(key) && !key.endsWith('num_batches_tracked'));
  const wrong = wanted.flatMap(({ key, shape }) => {
    const found = given.get(key)?.shape;
    return found && found.join() !== shape.join() ? [`${key}: given [${found}], expected [${shape}]`] : [];
  });
  const problems = [
    ...listed(missing, 'missing'),
    ...listed(unexpected, 'unexpected'),
    ...listed(wrong, 'of another shape', '; '),
  ];
  if (problems.length) {
    throw new WeightsMismatchError(`The weights do not fit ${model.name}. Keys ${problems.join('. Keys ')}.`);
  }
  for (const { key, variable, axes } of wanted) {
    const { data } = given.get(key) as TorchTensor;
    tf.tidy(() => {
      const permuted = axes.map((axis) => variable.shape[axis] as number);
      const back = axes.map((_, axis) => axes.indexOf(axis));
      variable.assign(tf.transpose(tf.tensor(data, permuted), back));
    });
  }
}

/** How many keys of an error are listed. */
const LISTED = 4;

function listed(keys: readonly string[], what: string, separator = ', '): string[] {
  if (keys.length === 0) return [];
  const more = keys.length > LISTED ? `${separator}and ${keys.length - LISTED} more of ${keys.length}` : '';
  return [`${what}: ${keys.slice(0, LISTED).join(separator)}${more}`];
}

/**
 * Whether the state has the model's keys, and their shapes but for those of the logits.
 * @example
 * ```ts
 * const state = await readWeights('theirs.pth');
 * if (!fitsModel(model, state)) console.log('these are the weights of another network');
 * ```
 */
export function fitsModel(model: tf.LayersModel, state: TorchState): boolean {
  const given = stateFor(model, state);
  const wanted = entries(model);
  const head = `${headOf(model)?.name}.`;
  return (
    given.size === wanted.length &&
    wanted.every(({ key, shape }) =>
      key.startsWith(head) ? given.has(key) : given.get(key)?.shape.join() === shape.join(),
    )
  );
}
