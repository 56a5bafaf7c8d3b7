/** The variables behind a model's weights. */
import type { LayersModel, Variable } from '@tensorflow/tfjs';

/**
 * The tf.Variables behind a model's weights, in their order.
 * @example
 * ```ts
 * const bytes = 4 * variablesOf(model.trainableWeights).reduce((sum, { size }) => sum + size, 0);
 * ```
 */
export function variablesOf(weights: LayersModel['weights']): Variable[] {
  return weights.map((weight) => (weight as unknown as { val: Variable }).val);
}
