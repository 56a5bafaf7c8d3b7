/** Pictures of some figures and where each is, drawn in code, for trying segmentation out where no data is at hand. */
import { IGNORED } from '../loader/annotations.js';
import { type ImageSource, shared } from '../loader/source.js';
import { type Random, stream } from '../random.js';
import { SHAPES } from '../shapes.js';

export interface ScenesOptions {
  /** Height and width in pixels, 16 to 512. Default: 48. */
  size?: number;
  /** Number of training images. Default: 500. */
  train?: number;
  /** Number of validation images. Default: 100. */
  validation?: number;
  /** Number of test images. Default: 100. */
  test?: number;
}

/** Default height and width. */
export const SCENE_SIZE = 48;

export const FIGURES = SHAPES.filter(({ texture }) => !texture);
/** Class 0 is the background. */
const CLASSES = ['background', ...FIGURES.map(({ name }) => name)];

/**
 * Two to four figures in each picture, which may cover each other; place, size, rotation and colours are random, and a figure's edge, half
 * a pixel wide, does not count. The same on every machine; a larger set begins with the smaller one.
 * @throws RangeError if an option is out of range.
 * @example
 * ```ts
 * const { train, test } = scenes({ train: 100, test: 20 });
 * ```
 */
export const scenes = (options: ScenesOptions = {}) => sceneSplits('scenes', options, draw);

/** The splits of a set that is drawn so. @throws RangeError if an option is out of range. */
export function sceneSplits(
  name: string,
  { size = SCENE_SIZE, train = 500, validation = 100, test = 100 }: ScenesOptions,
  draw: (split: string, count: number, size: number) => ImageSource,
) {
  for (const [option, value, least, most] of [
    ['size', size, 16, 512],
    ...Object.entries({ train, validation, test }).map(([option, value]) => [option, value, 1, 1_000_000] as const),
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RangeError(`${name}: ${option} must be an integer from ${least} to ${most}, ${value} given.`);
  }
  return {
    train: draw('train', train, size),
    validation: draw('validation', validation, size),
    test: draw('test', test, size),
  };
}

function draw(split: string, count: number, size: number): ImageSource {
  const images = shared(Uint8Array, count * size * size * 3);
  const labels = shared(Uint8Array, count * size * size);
  const pixels = size * size;
  for (let i = 0; i < count; i++) {
    const [from, to] = [i * pixels, (i + 1) * pixels];
    drawScene(stream(1, 'scene', split, i), size, images.subarray(3 * from, 3 * to), labels.subarray(from, to));
  }
  return {
    ...{ name: 'scenes', classes: [...CLASSES], count, labels: shared(Int32Array, count) },
    place: { kind: 'memory', images, width: size, height: size },
    annotations: { kind: 'labelArrays', data: labels, width: size, height: size },
    source: `generated: size ${size}`,
  };
}

/** A figure of a picture. */
export interface DrawnFigure {
  /** Its class in label images, from 1. */
  label: number;
  /** Around what is seen of it, continuous. */
  box: [x1: number, y1: number, x2: number, y2: number];
  /** Its pixels that are seen, and those in the picture that it would have if nothing covered it. */
  seen: number;
  whole: number;
}

/**
 * @param image takes `[size, size, 3]`.
 * @param labels zeros, takes `[size, size]`: the pixels' classes.
 */
export function drawScene(random: Random, size: number, image: Uint8Array, labels: Uint8Array): DrawnFigure[] {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const colour = () => [between(30, 225), between(30, 225), between(30, 225)] as const;
  const ground = colour();
  const figures = Array.from({ length: 2 + random.integer(3) }, () => {
    const index = random.integer(FIGURES.length);
    const figure = FIGURES[index] as (typeof FIGURES)[number];
    const [dx, dy] = figure.axis(random);
    const distance = figure.distance(size * between(0.12, 0.25));
    const [x0, y0] = [between(0, size), between(0, size)];
    return {
      drawn: { label: index + 1, box: [size, size, 0, 0], seen: 0, whole: 0 } as DrawnFigure,
      colour: colour(),
      at: (x: number, y: number) => distance((x - x0) * dx + (y - y0) * dy, (y - y0) * dx - (x - x0) * dy),
    };
  });
  for (let y = 0, p = 0; y < size; y++) {
    for (let x = 0; x < size; x++, p++) {
      let shown: readonly number[] = ground;
      let top: DrawnFigure | undefined;
      for (const { drawn, colour: own, at } of figures) {
        const distance = at(x + 0.5, y + 0.5);
        if (distance > 0.25) continue;
        shown = own;
        top = drawn;
        drawn.whole++;
        labels[p] = distance < -0.25 ? drawn.label : IGNORED;
      }
      if (top) see(top, x, y);
      for (let c = 0; c < 3; c++) {
        const grain = 20 * (random.uniform() + random.uniform() - 1);
        image[3 * p + c] = Math.min(255, Math.max(0, Math.floor((shown[c] as number) + grain + 0.5)));
      }
    }
  }
  return figures.map(({ drawn }) => drawn);
}

function see(figure: DrawnFigure, x: number, y: number): void {
  const [x1, y1, x2, y2] = figure.box;
  figure.box = [Math.min(x1, x), Math.min(y1, y), Math.max(x2, x + 1), Math.max(y2, y + 1)];
  figure.seen++;
}
