import { outputActivation } from '@refconv/layers';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';

/**
 * The names under which a model's inputs or outputs are written: `single` where there is one, else those of their layers, with the
 * position behind the name of a layer that has several.
 */
export function keysOf(tensors: SymbolicTensor[], single: string): string[] {
  if (tensors.length === 1) return [single];
  const names = tensors.map(({ sourceLayer }) => sourceLayer.name as string);
  return names.map((name, i) => (names.indexOf(name) === i ? name : `${name}_${i}`));
}

/** The names of what a model gives: `logits`, or `probabilities` where it is a classifier that ends in a softmax or a sigmoid. */
export function outputKeys(model: LayersModel): string[] {
  const ofClasses = model.outputs.length === 1 && model.outputs[0]?.shape.length === 2;
  const isShare = ofClasses && /^(softmax|sigmoid|hardSigmoid)$/.test(outputActivation(model));
  return keysOf(model.outputs, isShare ? 'probabilities' : 'logits');
}
