/** Labelled 8-bit images of one size in memory. */
export interface ImageDataset {
  /** Short name, e.g. `cifar10`. */
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  train: ImageSplit;
  /** Held out of the training images, to choose by: see `holdOut`. */
  validation?: ImageSplit;
  test: ImageSplit;
  /** Where it came from: a path, or how it was generated. */
  source: string;
}

/** Images and their labels, image by image. */
export interface ImageSplit {
  /** `[count, height, width, channels]`, values 0 to 255. */
  images: Uint8Array;
  /** `[count]`, each from 0 to the number of classes - 1. */
  labels: Uint8Array | Int32Array;
  count: number;
  height: number;
  width: number;
  channels: number;
}

/**
 * Checks that the arrays of a split have the sizes that it states.
 *
 * @throws {RangeError} if `images` or `labels` is longer or shorter than count, height, width and channels say.
 * @example
 * ```ts
 * checkSplit(data.train); // throws where its arrays have other sizes than it says
 * ```
 */
export function checkSplit(split: ImageSplit): void {
  const { images, labels, count, height, width, channels } = split;
  const pixels = count * height * width * channels;
  if (images.length !== pixels) {
    throw new RangeError(
      `A split of ${count} images of ${height} x ${width} x ${channels} needs ${pixels} values in images, ` +
        `${images.length} given. Give images as one [count, height, width, channels] array.`,
    );
  }
  if (labels.length !== count) {
    throw new RangeError(`A split of ${count} images needs ${count} labels, ${labels.length} given.`);
  }
}
