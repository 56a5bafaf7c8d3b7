/** A loader's options, and what of them fits a source. */

import { type JpegDecoder, MAX_PIXELS } from '../image/decode.js';
import { type Shard, WHOLE } from '../shard.js';
import { counted } from '../text.js';
import type { Transform } from '../transform/parse.js';
import { annotationName } from './annotations.js';
import { boxFault } from './boxes.js';
import { type Annotations, type ImageSource, imageName } from './source.js';

export interface LoaderOptions {
  /** See {@link parseTransform}. */
  transform: string;
  batchSize: number;
  /** An integer from 0 to 2^53 - 1; what is random depends on it, the epoch and the image's index alone. Default 0. */
  seed?: number;
  /** A new order in every epoch; otherwise that of the source. Default false. */
  shuffle?: boolean;
  /** Leaves out the last batch where it is smaller than the others. Default false. */
  dropLast?: boolean;
  /** Threads that decode. Default: one for each processor. Changes nothing in the batches. */
  workers?: number;
  /** Batches that are kept ready ahead of the one in use. Default 3. */
  prefetch?: number;
  /** Every `of`-th image of the epoch's order, from the `rank`-th on; with `dropLast` the same number for each rank. */
  shard?: Shard;
  /**
   * `skip`: a batch is smaller by what cannot be read, and {@link Loader.broken} lists it; of boxes only the wrong ones are left out. Default:
   * `fail`, for boxes before anything is loaded.
   */
  onBroken?: 'fail' | 'skip';
  /**
   * Bit-equal to torchvision's preprocessing of JPEG files: the whole file is decoded before a crop is taken from it.
   * Otherwise decoding may leave out what lies outside of a crop, which changes a few pixels at its edges. Default false.
   */
  exact?: boolean;
  /**
   * Of label images and boxes: `image`, they are resized and cropped with the images; `own`, they stay as they are, to be compared with what a
   * network gives for an image that was resized. Default: `image`.
   */
  labelSize?: 'image' | 'own';
  /** Turns images upright by their Exif tag; torchvision does not. Default false. */
  upright?: boolean;
  /** Images of more pixels are broken. Default 179 million, as Pillow's. */
  maxPixels?: number;
  /** Files of more bytes are broken. Default 256 MiB. */
  maxBytes?: number;
  /** The address of a module that exports `createJpegDecoder`, as {@link JpegDecoder} says. Default: libvips, by sharp. */
  jpegDecoder?: string;
}

export const DEFAULTS = {
  seed: 0,
  shuffle: false,
  dropLast: false,
  prefetch: 3,
  shard: WHOLE,
  onBroken: 'fail' as 'fail' | 'skip',
  exact: false,
  labelSize: 'image' as 'image' | 'own',
  upright: false,
  maxPixels: MAX_PIXELS,
  maxBytes: 2 ** 28,
};

export function shapeOf({ place }: ImageSource, { shape, steps }: Transform): readonly [number, number, number] {
  if (shape === undefined && place.kind !== 'memory') {
    fail('the images of files have many sizes; begin the transform with randomResizedCrop, or resize and a crop.');
  }
  const own = place as Extract<typeof place, { kind: 'memory' }>;
  const [height, width] = shape ?? [own.height, own.width];
  const square = steps.find(({ name }) => name === 'randomErasing' || name === 'mixup' || name === 'cutmix');
  if (square && height !== width) fail(`${square.name} needs square images, ${height} x ${width} given.`);
  return [height, width, 3];
}

/** Steps that annotations cannot follow. */
const ALONE: readonly string[] = ['randAugment', 'randomErasing', 'mixup', 'cutmix'];
/** Steps that need boxes. */
const BY_BOXES: readonly string[] = ['randomIouCrop'];

export function checkAnnotated(source: ImageSource, { steps, text }: Transform, options: typeof DEFAULTS): void {
  const { annotations } = source;
  const needing = steps.find(({ name }) => BY_BOXES.includes(name));
  if (needing && annotations?.kind !== 'boxes') fail(`${needing.name} chooses by boxes, which ${source.name} has not.`);
  if (!annotations) return;
  const what = annotationName(annotations);
  const wrong = steps.find(({ name }) => ALONE.includes(name));
  if (wrong) fail(`the ${what} cannot follow the images through ${wrong.name}; leave it out of "${text}".`);
  if (options.upright) fail(`the ${what} cannot be turned upright with the images; leave upright out.`);
  if (options.labelSize === 'own' && steps.some(({ name }) => name !== 'resize'))
    fail(`${what} that stay as they are belong to whole images; "${text}" does more than to resize them.`);
  if (annotations.kind === 'boxes' && options.onBroken === 'fail') checkBoxes(source, annotations);
}

/** Before anything is loaded. @throws Error that names the first annotations that are wrong. */
function checkBoxes({ count, place, name }: ImageSource, annotations: Extract<Annotations, { kind: 'boxes' }>): void {
  const wrong = Array.from({ length: count }, (_, i) => [i, boxFault(annotations, i, true)] as const).filter(
    ([, fault]) => fault !== undefined,
  );
  if (wrong.length === 0) return;
  const shown = wrong.slice(0, 3).map(([i, fault]) => `${imageName(place, i)}: ${fault}`);
  throw new Error(
    `${counted(wrong.length, 'image')} of ${name} cannot be used: ${shown.join('; ')}${wrong.length > 3 ? '; and so on' : ''}. Mend or delete ` +
      "what is wrong, or let it be skipped (onBroken: 'skip').",
  );
}

export function checkOptions(
  source: ImageSource,
  options: typeof DEFAULTS & LoaderOptions & { workers: number },
): void {
  const { seed, shard, onBroken } = options;
  if (source.count === 0) fail('the source has no images.');
  for (const name of ['batchSize', 'workers', 'prefetch', 'maxPixels', 'maxBytes'] as const) {
    const value = options[name];
    if (!Number.isInteger(value) || value < 1) fail(`${name} must be an integer from 1, ${value} given.`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) fail(`seed must be an integer from 0 to 2^53 - 1, ${seed} given.`);
  const { rank, of } = shard;
  if (!Number.isInteger(of) || of < 1 || of > source.count || !Number.isInteger(rank) || rank < 0 || rank >= of) {
    fail(`shard must have a rank from 0 to of - 1, ${rank} of ${of} given for ${source.count} images.`);
  }
  if (onBroken !== 'fail' && onBroken !== 'skip') fail(`onBroken must be 'fail' or 'skip', ${onBroken} given.`);
}

/** @throws RangeError that says that it is of the loader. */
export function fail(message: string): never {
  throw new RangeError(`Loader: ${message}`);
}
