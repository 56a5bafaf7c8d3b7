import type { ImageDataset, ImageSplit } from './dataset.js';
import { type Random, stream } from './random.js';
import { anyDirection, type Distance, disc, SHAPES, type Shape, square } from './shapes.js';

export interface SyntheticOptions {
  /** 2 to 10. Default 10. */
  classes?: number;
  /** Height and width in pixels, 16 to 512. Default 32. */
  size?: number;
  /** Number of training images. Default 5000. */
  train?: number;
  /** Number of test images. Default 1000. */
  test?: number;
  /** Integer from 0 to 2^53 - 1. Default 1. */
  seed?: number;
}

/**
 * Small colour pictures of ten shapes and textures, drawn in code, for trying things out where no data is at hand. Place,
 * size, rotation, colours, background and noise are random, so a pixel by itself says nothing about the class, and a
 * linear classifier on pixels stays near chance; a small convolutional network learns it.
 *
 * The same seed gives the same bytes on every machine. Image i of a split has class i mod classes and is drawn from
 * (seed, split, i) alone, so a larger set begins with the smaller one.
 *
 * @throws {RangeError} if an option is out of range.
 * @example
 * ```ts
 * const { train, test, classes } = syntheticDataset({ train: 2000, test: 500, seed: 1 });
 * ```
 */
export function syntheticDataset(options: SyntheticOptions = {}): ImageDataset {
  const { classes = 10, size = 32, train = 5000, test = 1000, seed = 1 } = options;
  check('classes', classes, 2, SHAPES.length);
  check('size', size, 16, 512);
  check('train', train, 1, 10_000_000);
  check('test', test, 1, 10_000_000);
  check('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  const shapes = SHAPES.slice(0, classes);
  return {
    name: 'synthetic',
    classes: shapes.map(({ name }) => name),
    train: draw(shapes, size, train, seed, 'train'),
    test: draw(shapes, size, test, seed, 'test'),
    source: `generated: classes ${classes}, size ${size}, seed ${seed}`,
  };
}

function check(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`syntheticDataset: ${name} must be an integer from ${least} to ${most}, ${value} given.`);
  }
}

function draw(shapes: readonly Shape[], size: number, count: number, seed: number, split: string): ImageSplit {
  const images = new Uint8Array(count * size * size * 3);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = i % shapes.length;
    const image = images.subarray(i * size * size * 3, (i + 1) * size * size * 3);
    drawImage(shapes[labels[i]], size, stream(seed, 'synthetic', split, i), image);
  }
  return { images, labels, count, height: size, width: size, channels: 3 };
}

/** Pixels at 32 x 32; other sizes are scaled. */
const RADIUS = { shape: [6, 12], texture: [2, 4.5], window: [11, 24] } as const;

function drawImage(shape: Shape, size: number, random: Random, image: Uint8Array): void {
  const between = ([low, high]: readonly [number, number]) => low + (high - low) * random.uniform();
  const scale = size / 32;
  const [background, foreground] = colours(random);
  const shade = shading(size, random);
  const noise = between([4, 28]);

  // Finer than 3.5 pixels, a period would vanish between the pixels.
  const radius = Math.max(1.75, scale * between(shape.texture ? RADIUS.texture : RADIUS.shape));
  const figure = shape.distance(radius);
  // A shape may stick out over the edge by a fifth of its radius, and a texture may start anywhere.
  const margin = shape.texture ? size / 2 : 0.8 * radius;
  const x0 = between([margin, size - margin]) + (shape.texture ? 2 * radius * random.uniform() : 0);
  const y0 = between([margin, size - margin]) + (shape.texture ? 2 * radius * random.uniform() : 0);
  const [dx, dy] = shape.axis(random);
  const window = shape.texture ? textureWindow(size, scale * between(RADIUS.window), random) : undefined;

  for (let y = 0, p = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [u, v] = [x + 0.5 - x0, y + 0.5 - y0];
      let distance = figure(u * dx + v * dy, v * dx - u * dy);
      if (window !== undefined) distance = Math.max(distance, window(x + 0.5, y + 0.5));
      const coverage = Math.min(1, Math.max(0, 0.5 - distance));
      const light = shade(x, y);
      for (let c = 0; c < 3; c++, p++) {
        const colour = background[c] + coverage * (foreground[c] - background[c]);
        const grain = noise * (random.uniform() + random.uniform() - 1);
        image[p] = Math.min(255, Math.max(0, Math.floor(colour + light + grain + 0.5)));
      }
    }
  }
}

/** Background and foreground, RGB, at least 100 apart in the sum over the channels. */
function colours(random: Random): [number[], number[]] {
  const colour = () => [30, 30, 30].map((darkest) => darkest + 195 * random.uniform());
  for (;;) {
    const [background, foreground] = [colour(), colour()];
    const contrast = background.reduce((sum, value, c) => sum + Math.abs(value - foreground[c]), 0);
    if (contrast >= 100) return [background, foreground];
  }
}

/** Light that changes evenly across the picture, by up to 40 grey levels at its edges. */
function shading(size: number, random: Random): (x: number, y: number) => number {
  const [dx, dy] = anyDirection(random);
  const slope = (80 * random.uniform()) / size;
  return (x, y) => slope * ((x - size / 2) * dx + (y - size / 2) * dy);
}

/** A round or square cut-out, the larger ones as good as the whole picture. */
function textureWindow(size: number, radius: number, random: Random): Distance {
  const margin = Math.min(size / 2, radius);
  const place = () => margin + (size - 2 * margin) * random.uniform();
  const [x0, y0] = [place(), place()];
  const cut = (random.integer(2) === 0 ? disc : square)(radius);
  return (x, y) => cut(x - x0, y - y0);
}
