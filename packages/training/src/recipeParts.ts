/** Parts of recipes, as schemas. An error's message is what is expected. Plain values, without TensorFlow. */
import { z } from 'zod';

/** A number that the text describes. */
export const number = (expected: string, valid: (value: number) => boolean) =>
  z.number(`expected ${expected}`).refine(valid, `expected ${expected}`);

export const count = number('an integer from 1', (value) => Number.isSafeInteger(value) && value >= 1);
export const index = number('an integer from 0', (value) => Number.isSafeInteger(value) && value >= 0);
export const notNegative = number('a number from 0', (value) => value >= 0);
export const positive = number('a number above 0', (value) => value > 0);
export const belowOne = number('a number from 0 to below 1', (value) => value >= 0 && value < 1);
export const uptoOne = number('a number above 0 to 1', (value) => value > 0 && value <= 1);
export const yesOrNo = z.boolean('expected true or false');

/** An object of these entries and no others. @param example for who gives something else. */
export const group = <Shape extends z.core.$ZodLooseShape>(example: string, shape: Shape) =>
  z.strictObject(shape, `expected an object such as ${example}`);

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return text !== '';
  } catch {
    return false;
  }
}

export const pattern = z.string('expected a regular expression').refine(isPattern, 'expected a regular expression');

/** An exponential moving average of the weights. */
export const averagingSchema = group('{ decay: 0.9998 }', {
  /** How much of the average is kept at each update, such as 0.9998. */
  decay: belowOne.meta({
    option: '--average <decay>',
    about: 'keep an average of the weights too, such as 0.9998: evaluated, and in DIR/averaged',
  }),
  /** A smaller decay at the beginning: at most 1 − n^(−2/3) at the n-th update. Default: false. */
  warmUp: yesOrNo.optional(),
});
export type Averaging = z.infer<typeof averagingSchema>;

/** Weights that are treated otherwise than the rest. */
export const groupsSchema = z.array(
  group("{ match: '^classifier', rate: 10 }", {
    /** A regular expression; the group are the weights whose name it matches, such as `blocks.0.conv/kernel`. Of several groups the last counts. */
    match: pattern,
    /** A factor on the learning rate. */
    rate: notNegative.optional(),
    /** In place of the recipe's weightDecay. */
    weightDecay: notNegative.optional(),
  }),
  "expected a list such as [{ match: '^classifier', rate: 10 }]",
);
export type ParameterGroup = z.infer<typeof groupsSchema>[number];

/** Adversarial training by FGSM with a random start (Wong, Rice and Kolter, 2020). */
export const adversarialSchema = group('{ eps: 8 }', {
  /** The largest change of a pixel, in 1/255. */
  eps: number('a number above 0, in 1/255', (value) => value > 0).meta({
    option: '--adversarial <eps>',
    about: 'train on images that are attacked by so many 1/255, such as 8',
  }),
  /** Of FGSM, in 1/255. Default: 1.25 · eps. */
  step: number('a number above 0, in 1/255', (value) => value > 0).optional(),
});
export type Adversarial = z.infer<typeof adversarialSchema>;

/** Random changes of the training images; what is left out is not done. */
export const augmentSchema = group('{ crop: 4, flip: true }, or {} for none', {
  /** Pads with so many rows and columns of zeros on every side, then cuts out the original size at random. */
  crop: index
    .meta({
      option: '--crop <pixels>',
      about: 'for images in memory: random crop after padding by so many pixels; 0 for none',
    })
    .optional(),
  /** Mirrors left and right with probability 1/2. */
  flip: yesOrNo.meta({ option: '--no-flip', about: 'no random mirroring' }).optional(),
  /** α of the share by which an image is mixed with another. */
  mixup: positive
    .meta({ option: '--mixup <alpha>', about: 'mix images; with --cutmix too, either for each batch' })
    .optional(),
  cutmix: positive.meta({ option: '--cutmix <alpha>', about: 'put a part of an image into another' }).optional(),
});
