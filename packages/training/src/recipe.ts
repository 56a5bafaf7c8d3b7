/** Recipes: everything that decides how a network is trained, as a plain value. */
import type { Augmentation } from '@refconv/datasets';
import { hashOf } from '@refconv/files';
import { checkDistillation, checkLoss, type Distillation, type LossChoice } from './lossChoice.js';
import { checkOptimiser, type OptimiserChoice } from './optimiser/choice.js';
import {
  type Averaging,
  checkAmounts,
  checkAveraging,
  checkGroups,
  checkPattern,
  type ParameterGroup,
} from './recipeParts.js';
import { checkSchedule, type ScheduleChoice } from './scheduleChoice.js';

export { hashOf } from '@refconv/files';
export type { Distillation, LossChoice } from './lossChoice.js';
export type { ScheduleChoice } from './scheduleChoice.js';

/** Adversarial training by FGSM with a random start (Wong, Rice and Kolter, 2020). */
export interface Adversarial {
  /** The largest change of a pixel, in 1/255. */
  eps: number;
  /** Of FGSM, in 1/255. Default: 1.25 · eps. */
  step?: number;
}

export interface Recipe {
  /** Epochs in all, those of the warm-up included. */
  epochs: number;
  batchSize: number;
  /** Leaves out an epoch's last batch where it is smaller than the others; other images in each epoch. */
  dropLast: boolean;
  /** The highest learning rate, reached at the end of the warm-up. */
  learningRate: number;
  /** Epochs, or a part of one, in which the learning rate rises linearly, step by step. */
  warmUpEpochs: number;
  /**
   * The learning rate of W_r alone, as a factor on that of all else. `matched`: layer by layer such that a step of W_t is about as long as one
   * of the plain network's kernel would be. Left out: 1, as in the paper.
   */
  refocusingRate?: number | 'matched';
  /** Left out: SGD. */
  optimiser?: OptimiserChoice;
  /** The largest norm of the gradient of all weights together; a longer one is scaled down to it. Left out: any. */
  clipNorm?: number;
  /** Batches whose gradients' mean makes one step; an epoch's last step may have fewer. Left out: 1. */
  accumulate?: number;
  /** Keeps an average of the weights too, evaluates it and saves it. Left out: it does not. */
  averaging?: Averaging;
  /** Weights with a learning rate or weight decay of their own, by name. */
  groups?: ParameterGroup[];
  /** A factor on the learning rate for each block that a layer lies before the head (timm's layer decay). Left out: 1. */
  rateByDepth?: number;
  /** Layers whose names match this regular expression are not trained, and their batch norms keep their statistics. Left out: none. */
  freeze?: string;
  /** The learning rate of the first step of the warm-up. */
  warmUpStart: number;
  /** What the learning rate does after its warm-up. Left out: a cosine. */
  schedule?: ScheduleChoice;
  /** What the cosine falls to, from the end of the warm-up to the end of the training, step by step; the least of a polynomial and of a plateau. */
  finalLearningRate: number;
  /** Of SGD and RMSprop; the other optimisers have options of their own in its place. */
  momentum: number;
  /** Nesterov's form of momentum. Default: false. */
  nesterov?: boolean;
  /** Sets the momentum buffers to zero after the warm-up. Default: false. */
  resetMomentumAfterWarmUp?: boolean;
  /** Added to each parameter's gradient, times the parameter (PyTorch's SGD). */
  weightDecay: number;
  /** Whether weight decay acts on the parameters of at most one dimension too: those of norms, and biases. */
  decayNormsAndBiases: boolean;
  /** ε of label smoothing: the target is 1 − ε on the label plus ε spread evenly over all classes. */
  labelSmoothing: number;
  /** Left out: softmax cross entropy. */
  loss?: LossChoice;
  /** Learns from a teacher too, which is given to the training beside the recipe. */
  distillation?: Distillation;
  /** Random changes of the training images. */
  augment: Augmentation;
  /** Trains on images that are attacked at each step, see {@link Adversarial}. Left out: on the images themselves. */
  adversarial?: Adversarial;
  /** Seed of the images' order and augmentation: an integer from 0 to 2^53 − 1. */
  seed: number;
}

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

type Check = [valid: (value: number) => boolean, expected: string];
const COUNT: Check = [(value) => Number.isSafeInteger(value) && value >= 1, 'an integer from 1'];
const NOT_NEGATIVE: Check = [(value) => Number.isFinite(value) && value >= 0, 'a number from 0'];
const BELOW_ONE: Check = [(value) => value >= 0 && value < 1, 'a number from 0 to below 1'];

const NUMBERS = {
  epochs: COUNT,
  batchSize: COUNT,
  learningRate: [(value) => Number.isFinite(value) && value > 0, 'a number above 0'],
  warmUpEpochs: NOT_NEGATIVE,
  warmUpStart: NOT_NEGATIVE,
  finalLearningRate: NOT_NEGATIVE,
  momentum: BELOW_ONE,
  weightDecay: NOT_NEGATIVE,
  labelSmoothing: BELOW_ONE,
  seed: [(value) => Number.isSafeInteger(value) && value >= 0, 'an integer from 0 to 2^53 − 1'],
} satisfies Partial<Record<keyof Recipe, Check>> as Partial<Record<keyof Recipe, Check>>;

const SWITCHES: readonly (keyof Recipe)[] = ['dropLast', 'decayNormsAndBiases', 'nesterov', 'resetMomentumAfterWarmUp'];

/** What stays left out where it is: the checkpoints of most trainings do not know it. */
const OPTIONAL = [
  'refocusingRate',
  'adversarial',
  'optimiser',
  'clipNorm',
  'accumulate',
  'averaging',
  'groups',
  'rateByDepth',
  'freeze',
  'schedule',
  'loss',
  'distillation',
] as const satisfies (keyof Recipe)[];
type Optional = (typeof OPTIONAL)[number];
type CompleteRecipe = Required<Omit<Recipe, Optional>> & Pick<Recipe, Optional>;

/**
 * Returns the recipe, with the options that were left out filled in.
 * @throws {RangeError} naming every entry that is missing, unknown or out of range, what was given and what was expected.
 * @example
 * ```ts
 * const recipe = checkRecipe({ ...PAPER_RECIPE, epochs: 30 }); // throws a list of all that is wrong
 * ```
 */
export function checkRecipe(recipe: Recipe): CompleteRecipe {
  const full: CompleteRecipe = { nesterov: false, resetMomentumAfterWarmUp: false, ...recipe };
  const problems: string[] = [];
  const expect = (name: string, value: unknown, valid: boolean, expected: string) => {
    if (!valid) problems.push(`${name} must be ${expected}; given ${JSON.stringify(value) ?? value}`);
  };
  for (const [name, [valid, expected]] of Object.entries(NUMBERS) as [keyof Recipe, Check][]) {
    const value = full[name];
    expect(name, value, typeof value === 'number' && valid(value), expected);
  }
  for (const name of SWITCHES) expect(name, full[name], typeof full[name] === 'boolean', 'true or false');
  const { refocusingRate: rate = 1 } = full;
  expect(
    'refocusingRate',
    rate,
    rate === 'matched' || (Number.isFinite(rate) && rate > 0),
    "a number above 0, or 'matched'",
  );
  checkAugmentation(full.augment, expect);
  checkAdversarial(full.adversarial, expect);
  checkOptimiser(full.optimiser, expect);
  checkAveraging(full.averaging, expect);
  checkGroups(full.groups, expect);
  checkAmounts(full, expect);
  if (full.freeze !== undefined) checkPattern('freeze', full.freeze, expect);
  checkSchedule(full.schedule, expect);
  checkLoss(full.loss, expect);
  checkDistillation(full.distillation, expect);
  const mixes = full.augment?.mixup !== undefined || full.augment?.cutmix !== undefined;
  expect(
    'adversarial',
    full.adversarial,
    !(full.adversarial && mixes),
    'left out: attacked images need one label each',
  );
  if (full.warmUpEpochs > full.epochs) {
    problems.push(`warmUpEpochs must be at most epochs; given ${full.warmUpEpochs} of ${full.epochs}`);
  }
  for (const [name, rate] of Object.entries({
    warmUpStart: full.warmUpStart,
    finalLearningRate: full.finalLearningRate,
  })) {
    if (rate > full.learningRate) problems.push(`${name} must be at most learningRate; given ${rate}`);
  }
  for (const name of Object.keys(full))
    if (!(name in PAPER_RECIPE) && !(OPTIONAL as readonly string[]).includes(name))
      problems.push(`${name} is no part of a recipe`);
  if (problems.length > 0) throw new RangeError(`The recipe cannot be used: ${problems.join('; ')}.`);
  return full;
}

function checkAugmentation(
  augment: Augmentation,
  expect: (name: string, value: unknown, valid: boolean, expected: string) => void,
): void {
  if (typeof augment !== 'object' || augment === null) {
    expect('augment', augment, false, 'an object such as { crop: 4, flip: true }, or {} for none');
    return;
  }
  const { crop = 0, flip = false, mixup, cutmix, ...others } = augment;
  expect('augment.crop', crop, Number.isSafeInteger(crop) && crop >= 0, 'an integer from 0');
  expect('augment.flip', flip, typeof flip === 'boolean', 'true or false');
  for (const [name, alpha] of Object.entries({ mixup, cutmix }))
    expect(`augment.${name}`, alpha, alpha === undefined || (Number.isFinite(alpha) && alpha > 0), 'a number above 0');
  for (const [name, value] of Object.entries(others))
    expect(`augment.${name}`, value, false, 'left out: it is unknown');
}

function checkAdversarial(
  adversarial: Adversarial | undefined,
  expect: (name: string, value: unknown, valid: boolean, expected: string) => void,
): void {
  if (adversarial === undefined) return;
  if (typeof adversarial !== 'object' || adversarial === null) {
    expect('adversarial', adversarial, false, 'an object such as { eps: 8 }');
    return;
  }
  const { eps, step = 1, ...others } = adversarial;
  for (const [name, value] of Object.entries({ eps, step }))
    expect(`adversarial.${name}`, value, Number.isFinite(value) && value > 0, 'a number above 0, in 1/255');
  for (const [name, value] of Object.entries(others))
    expect(`adversarial.${name}`, value, false, 'left out: it is unknown');
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
