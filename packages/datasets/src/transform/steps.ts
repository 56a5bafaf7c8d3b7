/** The steps of transforms: their arguments, and the order in which they may stand. */
import { Registry } from '@refconv/files/registry';
import type { RgbImage } from '../image/image.js';
import type { Random } from '../random.js';

/** As registrations and messages call it. */
export const STEP = 'step of transforms';

/** A number, a size `224` or `180x240` (height × width), a range `0.08..1`, or a list `0.485/0.456/0.406`. */
export type Kind =
  | 'size'
  | 'sides'
  | 'count'
  | 'share'
  | 'factor'
  | 'switch'
  | 'range'
  | 'statistics'
  | 'magnitude'
  | 'interpolation';

/** One argument of a step. */
export interface StepArgument {
  name: string;
  kind: Kind;
  /** Left out: must be given. */
  byDefault?: string;
}

export interface StepDefinition {
  /** A step may only follow steps of its own stage or an earlier one. */
  stage: number;
  /** Changes from image to image and epoch to epoch. */
  random: boolean;
  arguments: readonly StepArgument[];
  /** Of a step of a user's own. */
  apply?: ApplyStep;
}

/**
 * Changes an image in place, which has its final size.
 * @param numbers the step's arguments by their names.
 * @param random all draws are to be of it: they follow from the run's seed, the epoch and the image.
 */
export type ApplyStep = (image: RgbImage, numbers: Readonly<Record<string, number>>, random: Random) => void;

export const [GEOMETRY, PIXELS, FORMAT, TENSOR, BATCH] = [0, 1, 2, 3, 4];
export const STAGES = ['shape', 'pixels', 'normalisation', 'erasing', 'whole batches'];
const argument = (name: string, kind: Kind, byDefault?: string): StepArgument => ({ name, kind, byDefault });
const step = (stage: number, random: boolean, ...list: StepArgument[]): StepDefinition => ({
  stage,
  random,
  arguments: list,
});

/** Those of the project, and what {@link registerTransform} adds. */
export const STEPS: Registry<StepDefinition> = new Registry<StepDefinition>(STEP, {
  randomResizedCrop: step(
    GEOMETRY,
    true,
    argument('size', 'size'),
    argument('scale', 'range', '0.08..1'),
    argument('ratio', 'range', '0.75..1.3333333333333333'),
    argument('interpolation', 'interpolation', 'bilinear'),
  ),
  randomExpand: step(GEOMETRY, true, argument('times', 'range', '1..4'), argument('p', 'share', '0.5')),
  randomIouCrop: step(GEOMETRY, true, argument('scale', 'range', '0.3..1'), argument('ratio', 'range', '0.5..2')),
  resize: step(GEOMETRY, false, argument('size', 'size'), argument('interpolation', 'interpolation', 'bilinear')),
  randomResize: step(GEOMETRY, true, argument('size', 'sides'), argument('interpolation', 'interpolation', 'bilinear')),
  centerCrop: step(GEOMETRY, false, argument('size', 'size')),
  randomCrop: step(
    GEOMETRY,
    true,
    argument('size', 'size'),
    argument('padding', 'count', '0'),
    argument('padIfSmaller', 'switch', '0'),
  ),
  flip: step(PIXELS, true, argument('p', 'share', '0.5')),
  colorJitter: step(
    PIXELS,
    true,
    argument('brightness', 'factor', '0'),
    argument('contrast', 'factor', '0'),
    argument('saturation', 'factor', '0'),
    argument('hue', 'share', '0'),
  ),
  photometric: step(PIXELS, true, argument('p', 'share', '0.5')),
  randAugment: step(PIXELS, true, argument('operations', 'count', '2'), argument('magnitude', 'magnitude', '9')),
  normalize: step(FORMAT, false, argument('statistics', 'statistics'), argument('std', 'statistics', '')),
  range255: step(FORMAT, false),
  bgr: step(FORMAT, false),
  randomErasing: step(
    TENSOR,
    true,
    argument('p', 'share', '0.5'),
    argument('scale', 'range', '0.02..0.33'),
    argument('ratio', 'range', '0.3..3.3'),
  ),
  mixup: step(BATCH, true, argument('alpha', 'factor')),
  cutmix: step(BATCH, true, argument('alpha', 'factor')),
});

/** A step of a user's own. */
export interface OwnStep {
  /** In the order in which they may be given without their names. Left out: none. */
  arguments?: readonly { name: string; kind: 'count' | 'share' | 'factor' | 'switch'; byDefault?: string }[];
  apply: ApplyStep;
}

/**
 * Makes a step of one's own known to transforms by its name, as a change of pixels: label images and boxes stay as they are. The loader's
 * threads load the file that registers it too, so it is to be imported by `--import` or `importFile`.
 * @throws RangeError where the name is taken.
 * @example
 * ```ts
 * registerTransform('negative', { apply: ({ data }) => data.forEach((value, i) => (data[i] = 255 - value)) });
 * ```
 */
export function registerTransform(name: string, { arguments: list = [], apply }: OwnStep): void {
  STEPS.register(name, { stage: PIXELS, random: true, arguments: list, apply });
}
