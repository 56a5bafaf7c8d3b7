/** The variables behind a model's weights. */
import type { LayersModel, Variable } from '@tensorflow/tfjs';

/** The tf.Variables behind a model's weights, in their order. */
export function variablesOf(weights: LayersModel['weights']): Variable[] {
  return weights.map((weight) => (weight as unknown as { val: Variable }).val);
}
