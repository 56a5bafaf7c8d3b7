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

const FIGURES = SHAPES.filter(({ texture }) => !texture);
/** Class 0 is the background. */
const CLASSES = ['background', ...FIGURES.map(({ name }) => name)];

/**
 * Two to four figures in each picture, which may cover each other; place, size, rotation and colours are random, and a figure's edge, half
 * a pixel wide, does not count. The same on every machine; a larger set begins with the smaller one.
 * @throws RangeError if an option is out of range.
 */
export function scenes({ size = 48, train = 500, validation = 100, test = 100 }: ScenesOptions = {}) {
  for (const [name, value, least, most] of [
    ['size', size, 16, 512],
    ...Object.entries({ train, validation, test }).map(([name, value]) => [name, value, 1, 1_000_000] as const),
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RangeError(`scenes: ${name} must be an integer from ${least} to ${most}, ${value} given.`);
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

function drawScene(random: Random, size: number, image: Uint8Array, labels: Uint8Array): void {
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
      label: index + 1,
      colour: colour(),
      at: (x: number, y: number) => distance((x - x0) * dx + (y - y0) * dy, (y - y0) * dx - (x - x0) * dy),
    };
  });
  for (let y = 0, p = 0; y < size; y++) {
    for (let x = 0; x < size; x++, p++) {
      let shown: readonly number[] = ground;
      for (const { label, colour: own, at } of figures) {
        const distance = at(x + 0.5, y + 0.5);
        if (distance > 0.25) continue;
        shown = own;
        labels[p] = distance < -0.25 ? label : IGNORED;
      }
      for (let c = 0; c < 3; c++) {
        const grain = 20 * (random.uniform() + random.uniform() - 1);
        image[3 * p + c] = Math.min(255, Math.max(0, Math.floor((shown[c] as number) + grain + 0.5)));
      }
    }
  }
}
