/** From 8-bit pixels to a place in a batch, and what happens there. */
import type { RgbImage } from '../image/image.js';
import { kernels, Layout, TABLE } from '../image/kernels.js';
import type { Random } from '../random.js';
import { roundHalfEven } from './geometry.js';
import type { Step, Transform } from './parse.js';

/** Writes normalised pixels; with a table, as there are only 256 values. */
export class Normaliser {
  private readonly table: Float32Array;

  constructor({ mean, std, bgr }: Transform) {
    // table[256 * position of the channel in the output + value]
    this.table = Float32Array.from({ length: 768 }, (_, i) => {
      const c = bgr ? 2 - (i >> 8) : i >> 8;
      return ((i & 255) / 255 - (mean[c] as number)) / (std[c] as number);
    });
    this.first = bgr ? 2 : 0;
  }

  private readonly first: number;

  write({ data }: RgbImage, out: Float32Array): void {
    const { memory, normalise } = kernels();
    const inPlace = data.buffer === memory.buffer;
    const layout = new Layout(inPlace ? data.byteOffset + data.length : undefined);
    const source = inPlace ? data.byteOffset : layout.take(data.length);
    const result = layout.take(4 * data.length);
    const { length } = data;
    // Takes views of the memory away, not what lies in it.
    layout.reserve(memory);
    if (!inPlace) new Uint8Array(memory.buffer).set(data, source);
    new Float32Array(memory.buffer, TABLE).set(this.table);
    normalise(source, length / 3, this.first, 2 - this.first, TABLE, result);
    out.set(new Float32Array(memory.buffer, result, length));
  }
}

/**
 * Random erasing (Zhong et al., arXiv 1708.04896) by torchvision's law, with 0: the mean, where it was subtracted.
 * @param out one image, `[side, side, 3]`.
 */
export function erase(out: Float32Array, side: number, { numbers, ranges }: Step, random: Random): void {
  if (random.uniform() >= (numbers.p as number)) return;
  const between = ([low, high]: readonly [number, number]) => low + (high - low) * random.uniform();
  const [scale, ratio] = [ranges.scale, ranges.ratio] as [readonly [number, number], readonly [number, number]];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = side * side * between(scale);
    const aspect = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])]));
    const height = roundHalfEven(Math.sqrt(area * aspect));
    const width = roundHalfEven(Math.sqrt(area / aspect));
    if (height >= side || width >= side) continue;
    const top = random.integer(side - height + 1);
    const left = random.integer(side - width + 1);
    for (let y = top; y < top + height; y++) out.fill(0, 3 * (y * side + left), 3 * (y * side + left + width));
    return;
  }
}

/** What mixup or cutmix did to a batch: the target is `weight` × labels + (1 - weight) × the labels turned by one. */
export interface Mix {
  weight: number;
  /** `[size]`: of the image that was mixed in: the one before, and the last into the first. */
  labels: Int32Array;
}

/** How images are mixed: by one of the two, or for each batch by either, with the same chance. */
export interface Mixing {
  /** α of the Beta distribution that a batch's share is drawn from. */
  mixup?: number;
  cutmix?: number;
}

/**
 * Mixes each image of a batch with the one before it, in place, as torchvision.transforms.v2.MixUp and CutMix.
 * @param shape `[height, width, channels]` of an image.
 * @returns what became of the labels.
 */
export function mix(
  { images, labels, size }: { images: Float32Array; labels: Int32Array; size: number },
  shape: readonly [number, number, number],
  mixing: Mixing,
  random: Random,
): Mix {
  const { mixup, cutmix } = mixing;
  const blends = mixup !== undefined && (cutmix === undefined || random.integer(2) === 0);
  const weight = beta((blends ? mixup : cutmix) as number, random);
  const part = { images, size, weight };
  return { weight: blends ? blend(part, shape) : paste(part, shape, random), labels: turned(labels.subarray(0, size)) };
}

/** The labels of the images that are mixed in. */
function turned(labels: Int32Array): Int32Array {
  return labels.map((_, i) => labels[(i + labels.length - 1) % labels.length] as number);
}

interface Part {
  images: Float32Array;
  size: number;
  weight: number;
}

/** The images before each one, also where that was mixed already: work from the end on. */
function before({ images, size }: Part, pixels: number): (i: number) => Float32Array {
  const last = images.slice((size - 1) * pixels, size * pixels);
  return (i) => (i === 0 ? last : images.subarray((i - 1) * pixels, i * pixels));
}

function blend(part: Part, [height, width, channels]: readonly [number, number, number]): number {
  const { images, size, weight } = part;
  const pixels = height * width * channels;
  const other = before(part, pixels);
  for (let i = size - 1; i >= 0; i--) {
    const [own, from] = [images.subarray(i * pixels, (i + 1) * pixels), other(i)];
    for (let k = 0; k < pixels; k++) own[k] = weight * (own[k] as number) + (1 - weight) * (from[k] as number);
  }
  return weight;
}

function paste(part: Part, [height, width, channels]: readonly [number, number, number], random: Random): number {
  const { images, size, weight } = part;
  const pixels = height * width * channels;
  const other = before(part, pixels);
  const half = 0.5 * Math.sqrt(1 - weight);
  const [x, y] = [random.integer(width), random.integer(height)];
  const clip = (value: number, most: number) => Math.max(0, Math.min(most, Math.trunc(value)));
  const [left, right] = [clip(x - half * width, width), clip(x + half * width, width)];
  const [top, bottom] = [clip(y - half * height, height), clip(y + half * height, height)];
  for (let i = size - 1; i >= 0; i--) {
    const own = images.subarray(i * pixels, (i + 1) * pixels);
    for (let row = top; row < bottom; row++) {
      const [from, to] = [channels * (row * width + left), channels * (row * width + right)];
      own.set(other(i).subarray(from, to), from);
    }
  }
  return 1 - ((right - left) * (bottom - top)) / (height * width);
}

/** Beta(alpha, alpha). */
function beta(alpha: number, random: Random): number {
  const [a, b] = [gamma(alpha, random), gamma(alpha, random)];
  return a + b > 0 ? a / (a + b) : 0.5;
}

/** Gamma(shape, 1): Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000. */
function gamma(shape: number, random: Random): number {
  const positive = () => 1 - random.uniform();
  if (shape < 1) return gamma(shape + 1, random) * positive() ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(positive())) * Math.cos(2 * Math.PI * random.uniform());
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(positive()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
