/** Learning rate and weight decay of each weight: by its name, by its depth, and of W_r. */

import { variablesOf } from '@refconv/layers';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Recipe } from '../recipe.js';
import { refocusingRates } from '../refocusingRate.js';
import { weightNames } from '../tensors.js';
import { layerDepths } from './depth.js';

/** What a recipe says of weights that are not all treated alike. */
export type GroupOptions = Pick<
  Recipe,
  'weightDecay' | 'decayNormsAndBiases' | 'refocusingRate' | 'groups' | 'rateByDepth'
>;

export interface WeightSetting {
  /** A factor on the learning rate; undefined: 1. */
  rate: number | undefined;
  weightDecay: number;
}

/**
 * The settings of a model's trainable weights, in their order.
 * @throws RangeError where a group's pattern matches no weight, or as {@link refocusingRates}.
 */
export function weightSettings(model: LayersModel, recipe: GroupOptions): WeightSetting[] {
  const { weightDecay, decayNormsAndBiases, groups = [], rateByDepth = 1 } = recipe;
  const names = weightNames(model);
  const refocusing = refocusingRates(model, recipe.refocusingRate);
  const patterns = groups.map(({ match, ...group }) => ({ ...group, match, pattern: new RegExp(match), used: false }));
  const { depthOf, deepest } = layerDepths(model);
  const settings = variablesOf(model.trainableWeights).map((variable) => {
    const name = names.get(variable) as string;
    const matched = patterns.filter(({ pattern }) => pattern.test(name));
    for (const group of matched) group.used = true;
    const last = <K extends 'rate' | 'weightDecay'>(key: K) =>
      matched.findLast((group) => group[key] !== undefined)?.[key];
    const depth = rateByDepth === 1 ? undefined : rateByDepth ** (deepest - depthOf(name));
    const factors = [refocusing.get(variable), last('rate'), depth].filter((factor) => factor !== undefined);
    const usual = decayNormsAndBiases || variable.rank > 1 ? weightDecay : 0;
    return {
      rate: factors.length > 0 ? factors.reduce((product, factor) => product * factor, 1) : undefined,
      weightDecay: last('weightDecay') ?? usual,
    };
  });
  const unused = patterns.find(({ used }) => !used);
  if (unused) {
    const examples = [...names.values()].slice(0, 3).join(', ');
    throw new RangeError(
      `The recipe's group '${unused.match}' matches no weight that is trained; expected a regular expression on names such as ${examples}.`,
    );
  }
  return settings;
}
