/** What a network's output is: the layer that makes its logits, and whether a softmax follows. */
import type * as tf from '@tensorflow/tfjs';

const isModel = (layer: tf.layers.Layer): layer is tf.LayersModel => 'layers' in layer;

/** The layers from a model's first output backwards, along the first input of each; of a model inside, its own layers. */
function* backwards(model: tf.LayersModel): Generator<tf.layers.Layer> {
  for (let at = model.outputs[0]; at; at = at.inputs[0]) {
    const layer = at.sourceLayer;
    if (isModel(layer)) yield* backwards(layer);
    else yield layer;
  }
}

/** The layer that makes the logits: the last one with weights. Undefined where no layer has any. */
export function headOf(model: tf.LayersModel): tf.layers.Layer | undefined {
  for (const layer of backwards(model)) if (layer.weights.length > 0) return layer;
  return undefined;
}

/** Layers that leave what a value means as it is. */
const NEUTRAL = new Set(['Flatten', 'Reshape', 'Dropout', 'Permute']);

/**
 * What was applied to the logits last: the activation's name, as `softmax`, in a layer of its own or as a part of another; `linear`
 * where the output is logits.
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
