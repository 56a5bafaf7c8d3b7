/** Parts of a set of images, in memory or in files. */
import type { ImageSplit } from './dataset.js';
import { selectBoxes } from './detection/boxLists.js';
import { type Annotations, type ImageSource, shared, type TextList, textAt, textList } from './loader/source.js';
import { stream } from './random.js';

/**
 * The images with these indices, in their order; an index may stand more than once.
 * @throws {RangeError} if an index is out of range.
 * @example
 * ```ts
 * const firstThree = selectImages(data.test, [0, 1, 2]);
 * ```
 */
export function selectImages<T extends ImageSplit | ImageSource>(images: T, indices: ArrayLike<number>): T;
export function selectImages(images: ImageSplit | ImageSource, indices: ArrayLike<number>): ImageSplit | ImageSource {
  const chosen = Array.from(indices);
  const outside = chosen.find((i) => !Number.isInteger(i) || i < 0 || i >= images.count);
  if (outside !== undefined) {
    throw new RangeError(`selectImages: index ${outside} given, expected integers from 0 to ${images.count - 1}.`);
  }
  return 'place' in images ? selectFiles(images, chosen) : selectSplit(images, chosen);
}

/**
 * So many of the images: the first ones, or some `at random`, which are the same ones each time.
 * @throws {RangeError} if there are fewer.
 * @example
 * ```ts
 * const some = takeImages(data.train, 1000, 'at random'); // the same ones each time
 * ```
 */
export function takeImages<T extends ImageSplit | ImageSource>(
  images: T,
  count: number,
  which: 'first' | 'at random',
): T {
  if (!(count <= images.count)) throw new RangeError(`takeImages: there are ${images.count} images; given ${count}.`);
  if (count === images.count) return images;
  const order = which === 'first' ? Uint32Array.from({ length: count }, (_, i) => i) : randomOrder(images.count);
  return selectImages(images, order.subarray(0, count));
}

/**
 * Images held out of a training set, to choose by: they come from the other end of the order in which `takeImages` takes images
 * `at random`, the same ones each time, and no seed changes them.
 * @param train how many of the others are trained on; default: all.
 * @throws {RangeError} if there are not so many.
 * @example
 * ```ts
 * const { train, validation } = holdOut(data.train, 5000);
 * ```
 */
export function holdOut<T extends ImageSplit | ImageSource>(
  images: T,
  validation: number,
  train = images.count - validation,
): { train: T; validation: T } {
  const { count } = images;
  if (!(validation >= 1 && train >= 1 && train + validation <= count)) {
    throw new RangeError(
      `${validation} images cannot be held out where ${Math.max(train, 0)} are trained on: there are ${count}.`,
    );
  }
  const last = randomOrder(count).reverse().subarray(0, validation);
  return { train: takeImages(images, train, 'at random'), validation: selectImages(images, last) };
}

/** The same each time. */
function randomOrder(count: number): Uint32Array {
  return stream(0, 'subset').shuffle(Uint32Array.from({ length: count }, (_, i) => i));
}

function selectSplit(split: ImageSplit, chosen: readonly number[]): ImageSplit {
  const size = split.height * split.width * split.channels;
  const images = copied(split.images, new Uint8Array(chosen.length * size), chosen, size);
  return { ...split, images, labels: Int32Array.from(chosen, (i) => split.labels[i] as number), count: chosen.length };
}

function selectFiles(source: ImageSource, chosen: readonly number[]): ImageSource {
  const { place } = source;
  const pick = <T extends Float64Array | Uint32Array | Int32Array>(
    kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
    from: T,
  ): T => {
    const to = shared(kind, chosen.length);
    chosen.forEach((i, k) => {
      to[k] = from[i] as number;
    });
    return to;
  };
  const { annotations } = source;
  const base = {
    ...{ ...source, count: chosen.length, labels: pick(Int32Array, source.labels) },
    ...(annotations && { annotations: selectAnnotations(annotations, chosen) }),
  };
  if (place.kind === 'memory') {
    const size = 3 * place.width * place.height;
    const images = copied(place.images, shared(Uint8Array, chosen.length * size), chosen, size);
    return { ...base, place: { ...place, images } };
  }
  const names = pickNames(place.names, chosen);
  if (place.kind === 'files') return { ...base, place: { ...place, names } };
  const [offsets, sizes] = [pick(Float64Array, place.offsets), pick(Uint32Array, place.sizes)];
  return { ...base, place: { ...place, names, offsets, sizes } };
}

const pickNames = (names: TextList, chosen: readonly number[]) => textList(chosen.map((i) => textAt(names, i)));

function selectAnnotations(annotations: Annotations, chosen: readonly number[]): Annotations {
  if (annotations.kind === 'boxes') return selectBoxes(annotations, chosen);
  if (annotations.kind === 'labelImages') return { ...annotations, names: pickNames(annotations.names, chosen) };
  const size = annotations.width * annotations.height;
  return { ...annotations, data: copied(annotations.data, shared(Uint8Array, chosen.length * size), chosen, size) };
}

function copied(from: Uint8Array, to: Uint8Array, chosen: readonly number[], size: number): Uint8Array {
  chosen.forEach((i, k) => {
    to.set(from.subarray(i * size, (i + 1) * size), k * size);
  });
  return to;
}
