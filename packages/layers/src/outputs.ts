/** What a network's output is: the layer that makes its logits, and whether a softmax follows. */
import * as tf from '@tensorflow/tfjs';

const isModel = (layer: tf.layers.Layer): layer is tf.LayersModel => 'layers' in layer;

/** The layers from a model's first output backwards, along the first input of each; of a model inside, its own layers. */
function* backwards(model: tf.LayersModel): Generator<tf.layers.Layer> {
  for (let at = model.outputs[0]; at; at = at.inputs[0]) {
    const layer = at.sourceLayer;
    if (isModel(layer)) yield* backwards(layer);
    else yield layer;
  }
}

/**
 * The layer that makes the logits: the last one with weights. Undefined where no layer has any.
 * @example
 * ```ts
 * headOf(model)?.name; // such as 'classifier'
 * ```
 */
export function headOf(model: tf.LayersModel): tf.layers.Layer | undefined {
  for (const layer of backwards(model)) if (layer.weights.length > 0) return layer;
  return undefined;
}

/** Layers that leave what a value means as it is. */
const NEUTRAL = new Set(['Flatten', 'Reshape', 'Dropout', 'Permute']);

/**
 * What was applied to the logits last: the activation's name, as `softmax`, in a layer of its own or as a part of another; `linear`
 * where the output is logits.
 * @example
 * ```ts
 * if (outputActivation(model) === 'softmax') console.log('its outputs are probabilities');
 * ```
 */
export function outputActivation(model: tf.LayersModel): string {
  for (const layer of backwards(model)) {
    const kind = layer.getClassName();
    if (kind === 'Softmax') return 'softmax';
    const { activation } = layer.getConfig();
    const name = typeof activation === 'string' ? activation : 'linear';
    if (name !== 'linear') return name;
    if (!NEUTRAL.has(kind) && kind !== 'Activation') return 'linear';
  }
  return 'linear';
}

/** So that the logarithm of a probability that is rounded to 0 is a number; it changes no other. */
const TINY = 1e-37;

/**
 * What a network says of images as logits, [n, classes]. Of one that ends in a softmax the logarithm of its probabilities: a softmax of
 * that gives the probabilities again, so that losses are right.
 * @example
 * ```ts
 * const logits = logitsOf(model, images); // [n, classes], also of a model that ends in a softmax
 * ```
 */
export function logitsOf(model: tf.LayersModel, images: tf.Tensor, { training = false } = {}): tf.Tensor2D {
  const output = model.apply(images, { training }) as tf.Tensor2D;
  return outputActivation(model) === 'softmax' ? tf.log(tf.add(output, TINY)) : output;
}

/**
 * @throws Error where a model cannot be trained by cross entropy: its outputs are probabilities each by itself, as of a sigmoid.
 * @example
 * ```ts
 * requireTrainable(model); // throws where it ends in a sigmoid
 * ```
 */
export function requireTrainable(model: tf.LayersModel): void {
  const activation = outputActivation(model);
  if (!/sigmoid$/i.test(activation)) return;
  throw new Error(
    `${model.name} ends in a ${activation}, which gives a probability for each class by itself; expected logits, or a softmax over ` +
      'the classes. Leave the activation out.',
  );
}

/**
 * @throws Error unless the model takes one array of images and gives one number for each class, logits or the probabilities of a
 *   softmax: what a classifier is.
 * @example
 * ```ts
 * requireClassifier(model); // throws where the model makes no vector of classes
 * const [, classes] = model.outputs[0].shape;
 * ```
 */
export function requireClassifier(model: tf.LayersModel): void {
  const shapes = (tensors: tf.SymbolicTensor[]) =>
    tensors.map(({ shape }) => `[${shape.map((size) => size ?? 'n')}]`).join(' and ');
  const { inputs, outputs } = model;
  const isOne = inputs.length === 1 && outputs.length === 1;
  if (!isOne || inputs[0]?.shape.length !== 4 || outputs[0]?.shape.length !== 2) {
    throw new Error(
      `${model.name} takes ${shapes(inputs)} and gives ${shapes(outputs)}; expected one input of images ` +
        '[n, height, width, channels] and one output of logits [n, classes]. Make a model of the input and output that count: ' +
        'tf.model({ inputs, outputs }).',
    );
  }
}
