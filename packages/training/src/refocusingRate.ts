/** The learning rate of W_r, where it is another than that of the rest. */

import { variablesOf } from '@refconv/layers';
import { refconvLayers, stepAmplification } from '@refconv/refconv';
import type { LayersModel, LayerVariable, Variable } from '@tensorflow/tfjs';
import type { Recipe } from './recipe.js';

/**
 * The factors on the learning rate, by the variables that have one other than 1. `matched` divides each layer's rate by
 * `stepAmplification` of its W_b as it is now, so that a step of W_t is about as long as a step of the plain network's kernel.
 * @throws RangeError where the model has no W_r that the factor could act on, or a W_b that `matched` would have to follow.
 */
export function refocusingRates(model: LayersModel, rate: Recipe['refocusingRate'] = 1): Map<Variable, number> {
  const factors = new Map<Variable, number>();
  if (rate === 1) return factors;
  const layers = refconvLayers(model);
  if (layers.length === 0) {
    throw new RangeError(
      `refocusingRate is ${rate}, and ${model.name} has no RefConv layer whose W_r it could act on; leave it out.`,
    );
  }
  for (const { name, convmap, basis, layout, options } of layers) {
    if (rate === 'matched' && options.trainableBasis) {
      throw new RangeError(`refocusingRate 'matched' needs a frozen basis; that of ${name} is trained. Give a number.`);
    }
    // Where W_b is zero W_r does nothing, whatever its rate.
    const matched = () => 1 / (stepAmplification(basis.read(), options.mapKernel, layout) || 1);
    const factor = rate === 'matched' ? matched() : rate;
    for (const variable of variablesOf([convmap as unknown as LayerVariable])) factors.set(variable, factor);
  }
  return factors;
}
