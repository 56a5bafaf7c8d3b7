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

/** The names of what a model gives: `logits`, or `probabilities` where it ends in a softmax or a sigmoid. */
export const outputKeys = (model: LayersModel): string[] =>
  keysOf(model.outputs, /^(softmax|sigmoid|hardSigmoid)$/.test(outputActivation(model)) ? 'probabilities' : 'logits');
