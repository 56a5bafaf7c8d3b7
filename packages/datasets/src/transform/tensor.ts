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

/**
 * Mixes each image of a batch with the one before it, in place, as torchvision.transforms.v2.MixUp and CutMix.
 * @returns the share of each image's own label.
 */
export function mix(images: Float32Array, size: number, side: number, { name, numbers }: Step, random: Random): number {
  const pixels = side * side * 3;
  const last = images.slice((size - 1) * pixels, size * pixels);
  const other = (i: number) => (i === 0 ? last : images.subarray((i - 1) * pixels, i * pixels));
  const weight = beta(numbers.alpha as number, random);
  if (name === 'mixup') {
    // From the end on, so that each is mixed with what the one before it was.
    for (let i = size - 1; i >= 0; i--) {
      const [own, from] = [images.subarray(i * pixels, (i + 1) * pixels), other(i)];
      for (let k = 0; k < pixels; k++) own[k] = weight * (own[k] as number) + (1 - weight) * (from[k] as number);
    }
    return weight;
  }
  const half = 0.5 * Math.sqrt(1 - weight) * side;
  const [x, y] = [random.integer(side), random.integer(side)];
  const clip = (v: number) => Math.max(0, Math.min(side, Math.trunc(v)));
  const [left, right, top, bottom] = [clip(x - half), clip(x + half), clip(y - half), clip(y + half)];
  for (let i = size - 1; i >= 0; i--) {
    const own = images.subarray(i * pixels, (i + 1) * pixels);
    for (let row = top; row < bottom; row++) {
      const [from, to] = [3 * (row * side + left), 3 * (row * side + right)];
      own.set(other(i).subarray(from, to), from);
    }
  }
  return 1 - ((right - left) * (bottom - top)) / (side * side);
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
