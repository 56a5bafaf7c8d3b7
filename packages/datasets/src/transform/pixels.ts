/** Random changes of an image that has its final size. */
import type { RgbImage } from '../image/image.js';
import type { Random } from '../random.js';
import {
  autoContrast,
  brightness,
  contrast,
  equalize,
  hue,
  posterize,
  saturation,
  sharpness,
  solarize,
} from './colour.js';
import type { Step } from './parse.js';
import { STEPS as KNOWN } from './steps.js';

/** Whether a flip turns this image. As the batches in memory draw it, where it is a coin. */
export function isMirrored({ numbers }: Step, random: Random): boolean {
  const p = numbers.p as number;
  return p === 0.5 ? random.integer(2) === 1 : random.uniform() < p;
}

/** Applies flip, colorJitter, photometric, randAugment and steps of a user's own in place. @returns whether left and right are exchanged. */
export function changePixels(image: RgbImage, steps: readonly Step[], random: Random): boolean {
  let mirrored = false;
  for (const step of steps) {
    const { name, numbers } = step;
    if (name === 'flip') {
      mirrored = isMirrored(step, random);
      if (mirrored) mirror(image);
    } else if (name === 'colorJitter') colorJitter(image, numbers, random);
    else if (name === 'photometric') photometric(image, numbers.p as number, random);
    else if (name === 'randAugment') {
      for (let i = 0; i < (numbers.operations as number); i++) augment(image, numbers.magnitude as number, random);
    } else KNOWN.find(name)?.apply?.(image, numbers, random);
  }
  return mirrored;
}

function mirror({ data, width, height }: RgbImage): void {
  for (let y = 0; y < height; y++) {
    let a = 3 * y * width;
    let b = a + 3 * (width - 1);
    for (; a < b; a += 3, b -= 3) {
      for (let c = 0; c < 3; c++) {
        const value = data[a + c] as number;
        data[a + c] = data[b + c] as number;
        data[b + c] = value;
      }
    }
  }
}

/** torchvision.transforms.ColorJitter: the four in random order, each factor uniform in max(0, 1 - x) to 1 + x. */
function colorJitter(image: RgbImage, numbers: Readonly<Record<string, number>>, random: Random): void {
  const changes = { brightness, contrast, saturation, hue };
  const order = random.shuffle(Uint32Array.of(0, 1, 2, 3));
  for (const i of order) {
    const [name, change] = Object.entries(changes)[i] as [string, typeof hue];
    const amount = numbers[name] as number;
    if (amount === 0) continue;
    const low = name === 'hue' ? -amount : Math.max(0, 1 - amount);
    const high = name === 'hue' ? amount : 1 + amount;
    change(image, low + (high - low) * random.uniform());
  }
}

/**
 * torchvision.transforms.v2.RandomPhotometricDistort, with its ranges: each change with the chance p, contrast before or after the colours,
 * and the channels in any order.
 */
function photometric(image: RgbImage, p: number, random: Random): void {
  const maybe = (change: typeof hue, low: number, high: number) => {
    const [chance, share] = [random.uniform(), random.uniform()];
    if (chance < p) change(image, low + (high - low) * share);
  };
  const contrastFirst = random.integer(2) === 1;
  maybe(brightness, 0.875, 1.125);
  if (contrastFirst) maybe(contrast, 0.5, 1.5);
  maybe(saturation, 0.5, 1.5);
  maybe(hue, -0.05, 0.05);
  if (!contrastFirst) maybe(contrast, 0.5, 1.5);
  const order = random.shuffle(Uint32Array.of(0, 1, 2));
  if (random.uniform() < p) permute(image, order);
}

function permute({ data }: RgbImage, order: Uint32Array): void {
  for (let i = 0; i < data.length; i += 3) {
    const before = [data[i], data[i + 1], data[i + 2]] as const;
    for (let c = 0; c < 3; c++) data[i + c] = before[order[c] as 0] as number;
  }
}

/** Largest magnitude; magnitudes are counted in thirtieths of it. */
const STEPS = 30;

/**
 * One of RandAugment's operations (Cubuk et al., arXiv 1909.13719), with the list and the magnitudes of
 * torchvision.transforms.RandAugment: nearest pixel, black outside.
 */
function augment(image: RgbImage, magnitude: number, random: Random): void {
  const share = magnitude / STEPS;
  const operation = random.integer(14);
  const sign = random.integer(2) === 1 ? -1 : 1;
  const { width, height } = image;
  const factor = 1 + sign * 0.9 * share;
  const angle = (sign * 30 * share * Math.PI) / 180;
  const shear = sign * 0.3 * share;
  const shift = (size: number) => Math.trunc(sign * (150 / 331) * size * share);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [x, y] = [width / 2, height / 2];
  const operations = [
    () => {},
    () => warp(image, [1, shear, 0, 0, 1, 0]),
    () => warp(image, [1, 0, 0, shear, 1, 0]),
    () => warp(image, [1, 0, shift(width), 0, 1, 0]),
    () => warp(image, [1, 0, 0, 0, 1, shift(height)]),
    () => warp(image, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]),
    () => brightness(image, factor),
    () => saturation(image, factor),
    () => contrast(image, factor),
    () => sharpness(image, factor),
    () => posterize(image, 8 - Math.round(4 * share)),
    () => solarize(image, 255 * (1 - share)),
    () => autoContrast(image),
    () => equalize(image),
  ];
  operations[operation]?.();
}

/** The pixel at (x, y) comes from (a x + b y + c, d x + e y + f), centres of pixels at halves. */
function warp(
  { data, width, height }: RgbImage,
  [a, b, c, d, e, f]: [number, number, number, number, number, number],
): void {
  const before = data.slice();
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < width; x++, out += 3) {
      const u = Math.floor(a * (x + 0.5) + b * (y + 0.5) + c);
      const v = Math.floor(d * (x + 0.5) + e * (y + 0.5) + f);
      const inside = u >= 0 && v >= 0 && u < width && v < height;
      const from = 3 * (v * width + u);
      for (let k = 0; k < 3; k++) data[out + k] = inside ? (before[from + k] as number) : 0;
    }
  }
}
