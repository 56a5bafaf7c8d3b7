import { checkSplit, type ImageSplit } from './dataset.js';
import { stream } from './random.js';
import { type Shard, shardCount, WHOLE } from './shard.js';
import { type Mix, type Mixing, mix } from './transform/tensor.js';

/**
 * Mean and standard deviation of CIFAR-10's 50,000 training images (R, G, B; 255 is 1), as in
 * https://github.com/KellerJordan/cifar10-airbench (CIFAR_MEAN, CIFAR_STD). This package's tests compute them from the
 * data. Some code has std (0.2023, 0.1994, 0.2010) instead: the mean over images of each image's own deviation.
 */
export const CIFAR10_MEAN: readonly number[] = [0.4914, 0.4822, 0.4465];
/** See {@link CIFAR10_MEAN}. */
export const CIFAR10_STD: readonly number[] = [0.247, 0.2435, 0.2616];

/** Random changes of a training image; what is left out is not done. */
export interface Augmentation extends Mixing {
  /** Pads with so many rows and columns of zeros on every side, then cuts out the original size at random. */
  crop?: number;
  /** Mirrors left and right with probability 1/2. */
  flip?: boolean;
}

export interface BatchOptions {
  /** Images in a batch. */
  batchSize: number;
  /** Subtracted from every channel, in units where 255 is 1. */
  mean: readonly number[];
  /** Every channel is then divided by it, in units where 255 is 1. */
  std: readonly number[];
  /** Needed if anything is random: an integer from 0 to 2^53 - 1. */
  seed?: number;
  /** Needed if anything is random: an integer from 0. */
  epoch?: number;
  /** A new order in every epoch; otherwise the order of the split. Default false. */
  shuffle?: boolean;
  /** Leaves out the last batch where it is smaller than the others. Default false. */
  dropLast?: boolean;
  /** Default: none. */
  augment?: Augmentation;
  /** Of each batch every `of`-th image, from the `rank`-th on: `batchSize` of them. Default: all. */
  shard?: Shard;
  /** Fills so many buffers in turn: a batch is then valid until as many more have been asked for. Default: each batch has its own. */
  buffers?: number;
}

export interface Batch {
  /** `[size, height, width, channels]`, normalised. */
  images: Float32Array;
  /** `[size]`. */
  labels: Int32Array;
  size: number;
  /** Only where the augmentation mixes images. */
  mix?: Mix;
}

/**
 * One epoch of batches. The order depends on (seed, epoch) alone, and how an image is cropped and flipped on (seed,
 * epoch, index of the image in the split) alone, so neither changes with the batch size. How a batch is mixed depends on (seed, epoch,
 * number of the batch), and on the shard: images are mixed within it.
 *
 * As torchvision's `RandomCrop(size, padding)`, `RandomHorizontalFlip()`, `ToTensor()`, `Normalize(mean, std)` do on
 * 8-bit images, the padding has pixel value 0 and is normalised with the rest: it is black, not grey.
 *
 * @throws {RangeError} if an option is out of range, the split's arrays do not have the sizes that it states, or
 *   `dropLast` leaves no batch.
 * @example
 * ```ts
 * for (const { images, labels, size } of batches(data.train, { batchSize: 128, mean, std, seed: 1, epoch: 0, shuffle: true })) {
 *   console.log(size, images.length, labels[0]);
 * }
 * ```
 */
export function batches(split: ImageSplit, options: BatchOptions): Generator<Batch, void, undefined> {
  checkSplit(split);
  checkOptions(split, options);
  return generate(split, options);
}

/**
 * How many batches an epoch of `count` images has.
 * @example
 * ```ts
 * batchCount(50_000, 128); // 391; with dropLast 390
 * ```
 */
export function batchCount(count: number, batchSize: number, dropLast = false): number {
  return dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
}

/** Where a crop starts, in pixels from the image's own corner (negative: in the padding), and whether it is mirrored. */
export interface Placement {
  top: number;
  left: number;
  flip: boolean;
}

/** What happens to the image with this index in this epoch. */
export function placement(seed: number, epoch: number, index: number, { crop = 0, flip }: Augmentation): Placement {
  const random = stream(seed, 'augment', epoch, index);
  const top = random.integer(2 * crop + 1) - crop;
  const left = random.integer(2 * crop + 1) - crop;
  return { top, left, flip: flip === true && random.integer(2) === 1 };
}

/** The images of a split in the order of an epoch. */
export function epochOrder(count: number, seed: number, epoch: number): Uint32Array {
  return stream(seed, 'order', epoch).shuffle(Uint32Array.from({ length: count }, (_, i) => i));
}

const UNCHANGED: Placement = { top: 0, left: 0, flip: false };

function* generate(split: ImageSplit, options: BatchOptions): Generator<Batch, void, undefined> {
  const { batchSize, seed = 0, epoch = 0, shuffle, dropLast, augment, buffers, shard = WHOLE } = options;
  const { count, height, width, channels } = split;
  const pixels = height * width * channels;
  const mixes = augment?.mixup !== undefined || augment?.cutmix !== undefined;
  const table = normalisationTable(options.mean, options.std);
  const order = shuffle ? epochOrder(count, seed, epoch) : undefined;
  const padding = new Float32Array(augment?.crop ? pixels : 0);
  for (let i = 0; i < padding.length; i++) padding[i] = table[(i % channels) * 256];

  const filled: Pick<Batch, 'images' | 'labels'>[] = [];
  const total = shardCount(count, shard, dropLast === true);
  const number = batchCount(total, batchSize, dropLast);
  for (let b = 0; b < number; b++) {
    const start = b * batchSize;
    const size = Math.min(batchSize, total - start);
    const used = buffers ? filled[b % buffers] : undefined;
    const filling = used ?? { images: new Float32Array(size * pixels), labels: new Int32Array(size) };
    if (buffers && !used) filled.push(filling);
    const { images, labels } = filling;
    for (let i = 0; i < size; i++) {
      const at = (start + i) * shard.of + shard.rank;
      const index = order === undefined ? at : order[at];
      const place = augment === undefined ? UNCHANGED : placement(seed, epoch, index, augment);
      writeImage(split, index, place, table, padding, images, i * pixels);
      labels[i] = split.labels[index];
    }
    const batch =
      labels.length === size
        ? { images, labels, size }
        : { images: images.subarray(0, size * pixels), labels: labels.subarray(0, size), size };
    yield mixes
      ? { ...batch, mix: mix(batch, [height, width, channels], augment as Mixing, stream(seed, 'mix', epoch, b)) }
      : batch;
  }
}

/** `table[c * 256 + v]` is what pixel value v of channel c becomes. */
function normalisationTable(mean: readonly number[], std: readonly number[]): Float32Array {
  return Float32Array.from({ length: mean.length * 256 }, (_, i) => {
    const c = Math.floor(i / 256);
    return ((i % 256) / 255 - mean[c]) / std[c];
  });
}

/** Writes one image, cropped, mirrored and normalised, to `out` from `offset` on. */
function writeImage(
  { images, height, width, channels }: ImageSplit,
  index: number,
  { top, left, flip }: Placement,
  table: Float32Array,
  padding: Float32Array,
  out: Float32Array,
  offset: number,
): void {
  if (top !== 0 || left !== 0) out.set(padding, offset);
  // The part of the picture, counted before mirroring, that falls on the image and not on its padding.
  const firstRow = Math.max(0, -top);
  const firstColumn = Math.max(0, -left);
  const rows = Math.min(height, height - top) - firstRow;
  const columns = Math.min(width, width - left) - firstColumn;
  const line = width * channels;
  const from = ((index * height + firstRow + top) * width + firstColumn + left) * channels;
  const to = offset + (firstRow * width + (flip ? width - 1 - firstColumn : firstColumn)) * channels;
  const step = flip ? -channels : channels;
  for (let row = 0; row < rows; row++) {
    const start = from + row * line;
    const end = start + columns * channels;
    let q = to + row * line;
    if (channels === 3) {
      // Written out for colour images: nearly twice as fast.
      for (let p = start; p < end; p += 3, q += step) {
        out[q] = table[images[p]];
        out[q + 1] = table[256 + images[p + 1]];
        out[q + 2] = table[512 + images[p + 2]];
      }
    } else {
      for (let p = start; p < end; p += channels, q += step) {
        for (let c = 0; c < channels; c++) out[q + c] = table[c * 256 + images[p + c]];
      }
    }
  }
}

function checkOptions(split: ImageSplit, options: BatchOptions): void {
  const { batchSize, seed, epoch, shuffle, dropLast, augment, mean, std, shard, buffers } = options;
  const { count, channels } = split;
  const fail = (message: string): never => {
    throw new RangeError(`batches: ${message}`);
  };
  if (!(buffers === undefined || (Number.isInteger(buffers) && buffers >= 1)))
    fail(`buffers must be an integer from 1, ${buffers} given.`);
  if (!Number.isInteger(batchSize) || batchSize < 1) fail(`batchSize must be an integer from 1, ${batchSize} given.`);
  if (count === 0) fail('the split has no images.');
  const { rank, of } = shard ?? WHOLE;
  if (!(Number.isInteger(of) && Number.isInteger(rank) && rank >= 0 && rank < of)) {
    fail(`shard must have a rank from 0 to of - 1, ${rank} of ${of} given.`);
  }
  if (dropLast && count < batchSize * of) {
    fail(
      `dropLast leaves no batch of ${count} images at batchSize ${batchSize * of}; ` +
        `give a batchSize of at most ${count} or leave dropLast out.`,
    );
  }
  for (const [name, values] of Object.entries({ mean, std })) {
    if (values.length !== channels || !values.every(Number.isFinite)) {
      fail(`${name} must have a number for each of the ${channels} channels, [${values.join(', ')}] given.`);
    }
  }
  if (!std.every((value) => value > 0)) fail(`std must be above 0 in every channel, [${std.join(', ')}] given.`);
  const crop = augment?.crop ?? 0;
  if (!Number.isInteger(crop) || crop < 0) fail(`augment.crop is rows of padding, an integer from 0, ${crop} given.`);
  const mixing = [augment?.mixup, augment?.cutmix].filter((alpha) => alpha !== undefined);
  for (const alpha of mixing)
    if (!(Number.isFinite(alpha) && alpha > 0)) fail(`augment.mixup and cutmix are numbers above 0, ${alpha} given.`);
  if ((shuffle || crop > 0 || augment?.flip || mixing.length > 0) && (seed === undefined || epoch === undefined)) {
    fail(`shuffle and augment need seed and epoch, seed ${seed} and epoch ${epoch} given.`);
  }
  for (const [name, value] of Object.entries({ seed, epoch })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      fail(`${name} must be an integer from 0 to 2^53 - 1, ${value} given.`);
    }
  }
}
