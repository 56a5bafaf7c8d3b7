/** Recipes: those of the paper and of its code, and how any is checked. */
import { hashOf } from '@refconv/files';
import { type Problem, problemsOf } from './problems.js';
import { type Recipe, recipeSchema } from './recipeSchema.js';

export { hashOf } from '@refconv/files';
export type { Distillation, LossChoice } from './lossChoice.js';
export { OPTIMISERS } from './optimiser/choice.js';
export { type Problem, problemsOf } from './problems.js';
export type { Adversarial, Averaging, ParameterGroup } from './recipeParts.js';
export { RECIPE_OPTIONS, type Recipe, type RecipeOption, specRecipeSchema } from './recipeSchema.js';
export type { ScheduleChoice } from './scheduleChoice.js';

/**
 * The paper's recipe: SGD with momentum 0.9, batch 256, weight decay 4e-5, 5 epochs of warm-up, then a cosine from 0.1 over 100
 * epochs; so 105 in all, as in the official code. The paper does not say where warm-up and cosine start and end: the
 * official code's values are taken. The augmentation is the usual one for small images.
 */
export const PAPER_RECIPE: Readonly<Recipe> = Object.freeze({
  epochs: 105,
  batchSize: 256,
  dropLast: true,
  learningRate: 0.1,
  warmUpEpochs: 5,
  warmUpStart: 5e-7,
  finalLearningRate: 5e-7,
  momentum: 0.9,
  nesterov: false,
  resetMomentumAfterWarmUp: false,
  weightDecay: 4e-5,
  decayNormsAndBiases: true,
  labelSmoothing: 0,
  augment: { crop: 4, flip: true },
  seed: 1,
});

/**
 * What the official code (github.com/Aiolus-X/RefConv) does instead: batch 512, and after the warm-up a new optimiser, so that
 * the momentum buffers start at zero again.
 */
export const OFFICIAL_CODE_RECIPE: Readonly<Recipe> = Object.freeze({
  ...PAPER_RECIPE,
  batchSize: 512,
  resetMomentumAfterWarmUp: true,
});

/** What a recipe's entries ask of one another. */
function* contradictions(recipe: Recipe): Generator<string> {
  const { adversarial, augment, warmUpEpochs, epochs, learningRate } = recipe;
  if (adversarial && (augment?.mixup !== undefined || augment?.cutmix !== undefined))
    yield `adversarial must be left out: attacked images need one label each; given ${JSON.stringify(adversarial)}`;
  if (warmUpEpochs > epochs) yield `warmUpEpochs must be at most epochs; given ${warmUpEpochs} of ${epochs}`;
  for (const name of ['warmUpStart', 'finalLearningRate'] as const)
    if (recipe[name] > learningRate) yield `${name} must be at most learningRate; given ${recipe[name]}`;
}

/**
 * Returns the recipe, with the options that were left out filled in.
 * @throws {RangeError} naming every entry that is missing, unknown or out of range, what was given and what was expected.
 * @example
 * ```ts
 * const recipe = checkRecipe({ ...PAPER_RECIPE, epochs: 30 }); // throws a list of all that is wrong
 * ```
 */
export function checkRecipe(recipe: Recipe): Recipe & Required<Pick<Recipe, 'nesterov' | 'resetMomentumAfterWarmUp'>> {
  const full = { nesterov: false, resetMomentumAfterWarmUp: false, ...recipe };
  const found = problemsOf(recipeSchema, full);
  const isForeign = ({ path, unknown }: Problem) => unknown && !path.includes('.');
  const problems = [
    ...found.filter((problem) => !isForeign(problem)).map(textOf),
    ...contradictions(full),
    ...found.filter(isForeign).map(({ path }) => `${path} is no part of a recipe`),
  ];
  if (problems.length > 0) throw new RangeError(`The recipe cannot be used: ${problems.join('; ')}.`);
  return full;
}

function textOf({ path, given, message, known, unknown }: Problem): string {
  const expected = unknown
    ? `left out: it is unknown; there are ${known?.join(', ')}`
    : message.replace(/^expected /, '');
  return `${path} must be ${expected}; given ${JSON.stringify(given) ?? given}`;
}

/**
 * The hash of a recipe, by which a checkpoint knows whether it belongs to it.
 * @example
 * ```ts
 * recipeHash(PAPER_RECIPE) === recipeHash({ ...PAPER_RECIPE }); // true
 * ```
 */
export function recipeHash(recipe: Recipe): string {
  return hashOf(checkRecipe(recipe));
}
