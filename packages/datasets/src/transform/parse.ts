/** Transforms as a string: `randomResizedCrop(224)|flip|normalize(imagenet)`. */
import { createHash } from 'node:crypto';
import { CIFAR10_MEAN, CIFAR10_STD } from '../batches.js';
import { INTERPOLATIONS, type Interpolation } from '../image/resample.js';
import { GEOMETRY, type Kind, PIXELS, STAGES, STEPS, type StepDefinition } from './steps.js';

/** Of ImageNet's training images, in units where 255 is 1: what torchvision, timm and most published weights use. */
export const IMAGENET_MEAN: readonly number[] = [0.485, 0.456, 0.406];
/** See {@link IMAGENET_MEAN}. */
export const IMAGENET_STD: readonly number[] = [0.229, 0.224, 0.225];

const STATISTICS: Readonly<Record<string, { mean: readonly number[]; std: readonly number[] }>> = {
  imagenet: { mean: IMAGENET_MEAN, std: IMAGENET_STD },
  cifar10: { mean: CIFAR10_MEAN, std: CIFAR10_STD },
  // 2x - 1, as in TensorFlow's "inception" preprocessing.
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

/** One step with all its arguments, in the order of its definition. */
export interface Step {
  name: string;
  numbers: Readonly<Record<string, number>>;
  ranges: Readonly<Record<string, readonly [number, number]>>;
  /** Of a resize. */
  interpolation?: Interpolation;
}

/** A transform that was read and found right. */
export interface Transform {
  steps: readonly Step[];
  /** `[height, width]` of what comes out; undefined where it is that of what goes in. */
  shape: readonly [number, number] | undefined;
  /** Height and width, where they are the same. */
  size: number | undefined;
  /** Subtracted, then divided by, channel by channel in the order R, G, B, in units where 255 is 1. */
  mean: readonly number[];
  std: readonly number[];
  bgr: boolean;
  random: boolean;
  /** The shortest way to write it; the same for transforms that do the same. */
  text: string;
  /** 16 hexadecimal digits of `text`'s SHA-256. */
  hash: string;
}

/**
 * Reads a transform.
 *
 * | step | |
 * | --- | --- |
 * | `randomResizedCrop(size, scale=0.08..1, ratio=0.75..1.3333333333333333)` | torchvision's law |
 * | `resize(size)` | the shorter side |
 * | `resize(180x240)` | height and width; sizes of crops may be given so too |
 * | `randomResize(260..1040)` | the shorter side, an integer of these |
 * | `resize(size, interpolation=bicubic)`, also of `randomResizedCrop` | `bilinear` (default) and `bicubic` are Pillow's, `opencv` is bilinear without antialiasing |
 * | `centerCrop(size)`, `randomCrop(size, padding=0, padIfSmaller=0)` | smaller images are padded at the right and at the bottom where it is 1 |
 * | `randomExpand(times=1..4, p=0.5)`, `randomIouCrop(scale=0.3..1, ratio=0.5..2)` | of images with boxes, before `resize(320x320)`: see boxViews.ts |
 * | `flip(p=0.5)` | left and right |
 * | `photometric(p=0.5)` | torchvision's RandomPhotometricDistort |
 * | `colorJitter(brightness=0, contrast=0, saturation=0, hue=0)`, `randAugment(operations=2, magnitude=9)` | |
 * | `normalize(imagenet)`, also `cifar10`, `half` or `normalize(0.5/0.5/0.5, 0.2/0.2/0.2)` | mean and deviation |
 * | `range255`, `bgr` | instead of 0 to 1; channels turned round |
 * | `randomErasing(p=0.5, scale=0.02..0.33, ratio=0.3..3.3)` | with the mean |
 * | `mixup(alpha)`, `cutmix(alpha)` | of both either for each batch |
 *
 * @throws {RangeError} names the step, what was given and what is expected.
 * @example
 * ```ts
 * const { size, text } = parseTransform('resize(256)|centerCrop(224)|normalize(imagenet)');
 * ```
 */
export function parseTransform(text: string): Transform {
  const steps: Step[] = [];
  const written: string[] = [];
  const names = new Set<string>();
  let mean: readonly number[] = [0, 0, 0];
  let std: readonly number[] = [1, 1, 1];
  let stage = 0;
  for (const part of text.split('|').map((piece) => piece.trim())) {
    if (part === '' && text.trim() === '') break;
    const fail = (why: string): never => {
      throw new RangeError(`transform "${text}": "${part}" ${why}`);
    };
    const [, name = '', list] = /^([A-Za-z][\w-]*)(?:\(([^()]*)\))?$/.exec(part) ?? [];
    const definition = STEPS.find(name) ?? fail(`is not known. There are ${STEPS.ids().join(', ')}.`);
    if (names.has(name)) fail('stands twice.');
    names.add(name);
    if (definition.stage < stage)
      fail(`changes ${STAGES[definition.stage]} and must stand before what changes ${STAGES[stage]}.`);
    stage = definition.stage;
    const values = readArguments(definition, list, fail);
    if (name === 'normalize') {
      ({ mean, std } = statistics(values.get('statistics') as string, values.get('std') as string, fail));
    } else {
      steps.push(asStep(name, definition, values, fail));
    }
    written.push(print(name, definition, values));
  }
  if (names.has('range255')) {
    if (names.has('normalize')) throw new RangeError(`transform "${text}": range255 and normalize exclude each other.`);
    std = [1 / 255, 1 / 255, 1 / 255];
  }
  const shape = outputShape(text, steps);
  const canonical = written.join('|');
  const hash = createHash('sha256').update(canonical).digest('hex').slice(0, 16);
  const random = steps.some(({ name }) => STEPS.find(name)?.random);
  const size = shape && shape[0] === shape[1] ? shape[0] : undefined;
  return { steps, shape, size, mean, std, bgr: names.has('bgr'), random, text: canonical, hash };
}

function readArguments(
  definition: StepDefinition,
  list: string | undefined,
  fail: (why: string) => never,
): Map<string, string> {
  const values = new Map<string, string>();
  const known = definition.arguments;
  const expected = known.length === 0 ? 'none' : known.map(({ name }) => name).join(', ');
  const given = (list ?? '').split(',').map((piece) => piece.trim());
  if (given.length === 1 && given[0] === '') given.pop();
  for (const [i, piece] of given.entries()) {
    const [key, value] = piece.includes('=') ? piece.split('=', 2) : [known[i]?.name, piece];
    const name = key?.trim() ?? '';
    if (!known.some((one) => one.name === name)) fail(`has an argument "${piece}"; it takes ${expected}.`);
    if (values.has(name)) fail(`has ${name} twice.`);
    values.set(name, (value ?? '').trim());
  }
  for (const { name, byDefault } of known) {
    if (values.has(name)) continue;
    if (byDefault === undefined) fail(`lacks ${name}; it takes ${expected}.`);
    values.set(name, byDefault as string);
  }
  return values;
}

const CHECKS: Record<
  Exclude<Kind, 'range' | 'sides' | 'statistics' | 'interpolation'>,
  { test: (value: number) => boolean; expected: string }
> = {
  size: {
    test: (v) => Number.isInteger(v) && v >= 1 && v <= 8192,
    expected: 'an integer from 1 to 8192, or height and width such as 180x240',
  },
  count: { test: (v) => Number.isInteger(v) && v >= 0 && v <= 1024, expected: 'an integer from 0' },
  share: { test: (v) => v >= 0 && v <= 1, expected: 'a number from 0 to 1' },
  factor: { test: (v) => v >= 0 && v < 1000, expected: 'a number from 0' },
  switch: { test: (v) => v === 0 || v === 1, expected: '0 or 1' },
  magnitude: { test: (v) => Number.isInteger(v) && v >= 0 && v <= 30, expected: 'an integer from 0 to 30' },
};

function asStep(
  name: string,
  definition: StepDefinition,
  values: Map<string, string>,
  fail: (why: string) => never,
): Step {
  const numbers: Record<string, number> = {};
  const ranges: Record<string, readonly [number, number]> = {};
  let interpolation: Interpolation | undefined;
  for (const { name: key, kind } of definition.arguments) {
    const value = values.get(key) as string;
    if (kind === 'size') {
      const [height, width = height] = value.split('x').map(toNumber) as [number, number?];
      const { test, expected } = CHECKS.size;
      if (value.split('x').length > 2 || !test(height) || !test(width))
        fail(`has ${key} ${value}; expected ${expected}.`);
      // Of a resize one number is the shorter side, two are both sides.
      const asSquare = height === width && !(name === 'resize' && value.includes('x'));
      Object.assign(numbers, name === 'resize' && asSquare ? { side: height } : { height, width });
      values.set(key, asSquare ? `${height}` : `${height}x${width}`);
    } else if (kind === 'sides') {
      const [low = Number.NaN, high = Number.NaN] = value.split('..').map(toNumber);
      if (!CHECKS.size.test(low) || !CHECKS.size.test(high) || low > high)
        fail(`has ${key} ${value}; expected a range of integers, such as 260..1040.`);
      ranges[key] = [low, high];
      values.set(key, `${low}..${high}`);
    } else if (kind === 'range') {
      const [low = Number.NaN, high = Number.NaN] = value.split('..').map(toNumber);
      if (!(low > 0 && low <= high)) fail(`has ${key} ${value}; expected a range above 0, such as 0.08..1.`);
      if (key === 'scale' && high > 1) fail(`has ${key} ${value}; a share of the image is at most 1.`);
      if (key === 'times' && low < 1) fail(`has ${key} ${value}; an image is made at least once as large.`);
      ranges[key] = [low, high];
      values.set(key, `${low}..${high}`);
    } else if (kind === 'interpolation') {
      interpolation = INTERPOLATIONS.find((known) => known === value);
      if (!interpolation) fail(`has ${key} ${value}; expected ${INTERPOLATIONS.join(', ')}.`);
    } else if (kind !== 'statistics') {
      const number = toNumber(value);
      const { test, expected } = CHECKS[kind];
      if (!test(number)) fail(`has ${key} ${value}; expected ${expected}.`);
      numbers[key] = number;
      values.set(key, `${number}`);
    }
  }
  if (name === 'colorJitter' && (numbers.hue as number) > 0.5) fail(`has hue ${numbers.hue}; expected 0 to 0.5.`);
  if ((name === 'mixup' || name === 'cutmix') && numbers.alpha === 0)
    fail('has alpha 0, which changes nothing; leave it out.');
  return { name, numbers, ranges, ...(interpolation && { interpolation }) };
}

function statistics(given: string, std: string, fail: (why: string) => never) {
  const named = Object.hasOwn(STATISTICS, given) ? STATISTICS[given] : undefined;
  if (named && std === '') return named;
  const lists = { mean: given.split('/').map(toNumber), std: std.split('/').map(toNumber) };
  for (const list of Object.values(lists)) {
    if (list.length !== 3 || !list.every(Number.isFinite) || (list === lists.std && !list.every((v) => v > 0))) {
      fail(`expects ${Object.keys(STATISTICS).join(', ')}, or mean and deviation as 0.5/0.5/0.5, 0.2/0.2/0.2.`);
    }
  }
  return lists;
}

function toNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** Leading numbers by place, the others and ranges by name, those with their default left out. */
function print(name: string, definition: StepDefinition, values: Map<string, string>): string {
  const pieces: string[] = [];
  let byPlace = true;
  for (const { name: key, kind, byDefault } of definition.arguments) {
    const value = values.get(key) as string;
    if (value === byDefault || kind === 'range' || kind === 'interpolation') byPlace = false;
    if (value === byDefault) continue;
    pieces.push(byPlace ? value : `${key}=${value}`);
  }
  return pieces.length === 0 ? name : `${name}(${pieces.join(',')})`;
}

/** Steps that take a part of an image with boxes, of any size. */
const VIEWS: readonly string[] = ['randomExpand', 'randomIouCrop'];

/** Whether a step changes the pixels of an image that has its final size. */
export const changesPixels = ({ name }: Step): boolean => STEPS.find(name)?.stage === PIXELS;

/** What the last step of geometry makes, where images of all sizes become one. */
function outputShape(text: string, steps: readonly Step[]): readonly [number, number] | undefined {
  const geometry = steps.filter(({ name }) => STEPS.find(name)?.stage === GEOMETRY);
  const [first, second, third] = geometry.map(({ name }) => name);
  const crop = (name: string | undefined) => name === 'centerCrop' || name === 'randomCrop';
  const { height, width } = geometry.at(-1)?.numbers ?? {};
  const scales = first === 'resize' || first === 'randomResize';
  const ofBoxes = geometry.some(({ name }) => VIEWS.includes(name));
  const fine = ofBoxes
    ? geometry.every(({ name }, i) => VIEWS.includes(name) !== (i === geometry.length - 1)) &&
      geometry.at(-1)?.name === 'resize' &&
      height !== undefined
    : first === undefined ||
      (second === undefined && height !== undefined) ||
      (scales && crop(second) && third === undefined);
  if (!fine) {
    throw new RangeError(
      `transform "${text}": images must all get one size: by randomResizedCrop, by centerCrop or randomCrop, by resize to height and width ` +
        '(180x240), before which randomExpand and randomIouCrop may stand, or by resize or randomResize and then one of these two crops.',
    );
  }
  return height === undefined || width === undefined ? undefined : [height, width];
}
