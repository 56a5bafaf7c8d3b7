/**
 * Everything that decides how a network is trained, as one schema: recipes, the `recipe` of specs, the options of `refconv train` and what
 * all of them say of a wrong entry. `option` is how the command writes an entry, `about` what its help says.
 */
import { z } from 'zod';
import { distillationSchema, lossSchema } from './lossChoice.js';
import { optimiserSchema } from './optimiser/choice.js';
import { unwrapped } from './problems.js';
import {
  adversarialSchema,
  augmentSchema,
  averagingSchema,
  belowOne,
  count,
  group,
  groupsSchema,
  notNegative,
  number,
  pattern,
  positive,
  uptoOne,
  yesOrNo,
} from './recipeParts.js';
import { scheduleSchema } from './scheduleChoice.js';

export const recipeSchema = group('that of `refconv recipe paper`', {
  /** Epochs in all, those of the warm-up included. */
  epochs: count.meta({
    option: '--epochs <n>',
    about:
      "epochs in all; a shorter training than the recipe's has a warm-up of at most a tenth, and steps of the learning rate in proportion",
  }),
  batchSize: count.meta({ option: '--batch-size <n>', about: 'images a step' }),
  /** Leaves out an epoch's last batch where it is smaller than the others; other images in each epoch. */
  dropLast: yesOrNo.meta({
    option: '--keep-last-batch',
    about: "train on an epoch's last batch too, where it is smaller than the others",
  }),
  /** The highest learning rate, reached at the end of the warm-up. */
  learningRate: positive.meta({ option: '--learning-rate <rate>', about: 'the highest' }),
  /**
   * The learning rate of W_r alone, as a factor on that of all else. `matched`: layer by layer such that a step of W_t is about as long as one
   * of the plain network's kernel would be. Left out: 1, as in the paper.
   */
  refocusingRate: z
    .union([positive, z.literal('matched')], "expected a number above 0, or 'matched'")
    .meta({
      option: '--refocusing-rate <factor>',
      about:
        "of W_r alone: a factor on the learning rate, or `matched`, by which W_t moves about as far a step as the plain network's kernels",
    })
    .optional(),
  /** Epochs, or a part of one, in which the learning rate rises linearly, step by step. */
  warmUpEpochs: notNegative.meta({
    option: '--warm-up-epochs <n>',
    about: 'epochs of linear warm-up, part of --epochs',
  }),
  /** The learning rate of the first step of the warm-up. */
  warmUpStart: notNegative,
  /** What the cosine falls to, from the end of the warm-up to the end of the training, step by step; the least of a polynomial and of a plateau. */
  finalLearningRate: notNegative,
  /** Of SGD and RMSprop; the other optimisers have options of their own in its place. */
  momentum: belowOne.meta({ option: '--momentum <share>', about: 'of SGD and RMSprop' }),
  /** Nesterov's form of momentum. Default: false. */
  nesterov: yesOrNo.optional(),
  /** Sets the momentum buffers to zero after the warm-up. Default: false. */
  resetMomentumAfterWarmUp: yesOrNo.optional(),
  /** Added to each parameter's gradient, times the parameter (PyTorch's SGD). */
  weightDecay: notNegative.meta({ option: '--weight-decay <factor>', about: 'on every parameter' }),
  /** Whether weight decay acts on the parameters of at most one dimension too: those of norms, and biases. */
  decayNormsAndBiases: yesOrNo.meta({
    option: '--spare-norms-and-biases',
    about: 'no weight decay on norms and biases',
  }),
  /** ε of label smoothing: the target is 1 − ε on the label plus ε spread evenly over all classes. */
  labelSmoothing: belowOne.meta({
    option: '--label-smoothing <share>',
    about: 'share of the target that is spread over all classes',
  }),
  /** Left out: SGD. */
  optimiser: optimiserSchema.optional(),
  /** The largest norm of the gradient of all weights together; a longer one is scaled down to it. Left out: any. */
  clipNorm: positive
    .meta({ option: '--clip-norm <length>', about: 'the largest norm of the gradient of all weights together' })
    .optional(),
  /** Batches whose gradients' mean makes one step; an epoch's last step may have fewer. Left out: 1. */
  accumulate: count
    .meta({ option: '--accumulate <n>', about: 'batches whose mean gradient makes one step' })
    .optional(),
  /** Keeps an average of the weights too, evaluates it and saves it. Left out: it does not. */
  averaging: averagingSchema.optional(),
  /** Weights with a learning rate or weight decay of their own, by name. */
  groups: groupsSchema.optional(),
  /** A factor on the learning rate for each block that a layer lies before the head (timm's layer decay). Left out: 1. */
  rateByDepth: uptoOne
    .meta({ option: '--rate-by-depth <factor>', about: 'on the learning rate, for each block before the head' })
    .optional(),
  /** Layers whose names match this regular expression are not trained, and their batch norms keep their statistics. Left out: none. */
  freeze: pattern
    .meta({
      option: '--freeze <regexp>',
      about: 'layers that are not trained, such as "^(?!classifier)" for all but the head',
    })
    .optional(),
  /** What the learning rate does after its warm-up. Left out: a cosine. */
  schedule: scheduleSchema.optional(),
  /** Left out: softmax cross entropy. */
  loss: lossSchema.optional(),
  /** Learns from a teacher too, which is given to the training beside the recipe. */
  distillation: distillationSchema.optional(),
  /** Where several processes train: batch norms take the statistics of the whole batch. Left out: each of its own share. */
  syncBatchNorm: yesOrNo
    .meta({
      option: '--sync-batch-norm',
      about: 'of several processes: batch norms take the statistics of the whole batch',
      turns: true,
    })
    .optional(),
  /** Random changes of the training images. */
  augment: augmentSchema,
  /** Trains on images that are attacked at each step. Left out: on the images themselves. */
  adversarial: adversarialSchema.optional(),
  /** Seed of the images' order and augmentation: an integer from 0 to 2^53 − 1. */
  seed: number('an integer from 0 to 2^53 − 1', (value) => Number.isSafeInteger(value) && value >= 0),
});

export type Recipe = z.infer<typeof recipeSchema>;

/** As specs hold a recipe: with what may be left out of others, and the seed beside it. */
export const specRecipeSchema = recipeSchema.omit({ seed: true }).extend({
  nesterov: yesOrNo,
  resetMomentumAfterWarmUp: yesOrNo,
});

/** An entry of recipes that the command has an option for. */
export interface RecipeOption {
  /** Where it stands: `['augment', 'crop']`. */
  path: readonly string[];
  /** As help writes it: `--crop <pixels>`. */
  option: string;
  /** Of one without a value: what the entry becomes. */
  turns: boolean;
  about: string;
  schema: z.ZodType;
}

/** The options of `refconv train` that change a recipe. */
export const RECIPE_OPTIONS: readonly RecipeOption[] = optionsOf(recipeSchema, []);

function optionsOf(type: unknown, path: readonly string[]): RecipeOption[] {
  const schema = unwrapped(type) as z.ZodType;
  const { option, about, turns = false } = schema.meta?.() ?? {};
  if (typeof option === 'string') return [{ path, option, about: String(about), turns: turns === true, schema }];
  const { shape = {} } = schema as { shape?: Record<string, unknown> };
  return Object.entries(shape).flatMap(([name, within]) => optionsOf(within, [...path, name]));
}
