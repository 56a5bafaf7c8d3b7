/** Pictures of some figures and their boxes, drawn in code, for trying detection out where no data is at hand. */
import { type ImageSource, shared } from '../loader/source.js';
import { stream } from '../random.js';
import { drawScene, FIGURES, type ScenesOptions, sceneSplits } from '../segmentation/scenes.js';
import { type AnnotatedImage, boxLists } from './boxLists.js';

/** Less of a figure is no object. */
const LEAST_SHARE = 0.3;
const LEAST_PIXELS = 12;

/**
 * The pictures of `scenes`, with the box around what is seen of each figure, where that is enough of it.
 * @throws RangeError if an option is out of range.
 * @example
 * ```ts
 * const { train, test } = objects({ train: 100, test: 20 });
 * ```
 */
export const objects = (options: ScenesOptions = {}) => sceneSplits('objects', options, draw);

function draw(split: string, count: number, size: number): ImageSource {
  const pixels = size * size;
  const images = shared(Uint8Array, count * pixels * 3);
  const labels = new Uint8Array(pixels);
  const classes = FIGURES.map(({ name }) => name);
  const annotated = Array.from({ length: count }, (_, i): AnnotatedImage => {
    const figures = drawScene(
      stream(1, 'scene', split, i),
      size,
      images.subarray(3 * i * pixels, 3 * (i + 1) * pixels),
      labels.fill(0),
    );
    return {
      path: `image ${i}`,
      size: { height: size, width: size },
      objects: figures
        .filter(({ seen, whole }) => seen >= LEAST_PIXELS && seen >= LEAST_SHARE * whole)
        .map(({ label, box, seen }) => ({ className: classes[label - 1] as string, box, area: seen })),
    };
  });
  return {
    ...{ name: 'objects', classes, count, labels: shared(Int32Array, count) },
    place: { kind: 'memory', images, width: size, height: size },
    annotations: boxLists(annotated, classes),
    source: `generated: size ${size}`,
  };
}
