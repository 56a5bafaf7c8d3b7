/** Batches of images, decoded and augmented by worker threads while a training step runs. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Batch, batchCount, epochOrder } from '../batches.js';
import { type JpegDecoder, MAX_PIXELS } from '../image/decode.js';
import { counted } from '../text.js';
import { parseTransform, type Transform } from '../transform/parse.js';
import type { Mix } from '../transform/tensor.js';
import { annotationName, type Target, type TargetForm, targetForms } from './annotations.js';
import { boxFault } from './boxes.js';
import {
  type BatchMessage,
  type BrokenImage,
  batchRange,
  Control,
  type EpochMessage,
  type Slot,
  type WorkerMessage,
  type WorkerSetUp,
} from './protocol.js';
import { type Annotations, type ImageSource, imageName, shared } from './source.js';

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
  shard?: { rank: number; of: number };
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

export interface LoadedBatch extends Batch {
  /** `[size]`: the images' indices in the source. */
  indices: Int32Array;
  /** The number of the batch in its epoch, from 0. */
  number: number;
  /** Where the source has annotations. */
  targets?: readonly Target[];
  /** Only where the transform has mixup or cutmix. */
  mix?: Mix;
}

const DEFAULTS = {
  seed: 0,
  shuffle: false,
  dropLast: false,
  prefetch: 3,
  shard: { rank: 0, of: 1 },
  onBroken: 'fail' as 'fail' | 'skip',
  exact: false,
  labelSize: 'image' as 'image' | 'own',
  upright: false,
  maxPixels: MAX_PIXELS,
  maxBytes: 2 ** 28,
};

/**
 * Loads the batches of one epoch after the other. Order and augmentation depend on (seed, epoch, index) alone: they are
 * the same for any number of workers, and after an epoch was left and taken up again at some batch.
 */
export class Loader {
  readonly transform: Transform;
  /** `[height, width, 3]` of each image. */
  readonly imageShape: readonly [number, number, number];
  /** Batches in an epoch. */
  readonly batchesPerEpoch: number;
  /** Images in an epoch, of this rank. */
  readonly imagesPerEpoch: number;
  /** What could not be read so far, each image once. */
  readonly broken: BrokenImage[] = [];

  /** As given, and the defaults of what was not. */
  readonly options: Readonly<typeof DEFAULTS & LoaderOptions & { workers: number }>;
  /** Of an image; none where the source has no annotations. */
  private readonly targetForms: readonly TargetForm[];
  private readonly slots: Slot[];
  private workers: Worker[] = [];
  private running = false;
  private closed = false;

  /** @throws {RangeError} if an option is out of range or does not fit the source. */
  constructor(
    readonly source: ImageSource,
    options: LoaderOptions,
  ) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.options = { workers: availableParallelism(), ...DEFAULTS, ...(given as unknown as LoaderOptions) };
    this.transform = parseTransform(options.transform);
    this.imageShape = shapeOf(source, this.transform);
    checkOptions(source, this.options);
    const { annotations } = source;
    checkAnnotated(source, this.transform, this.options);
    this.targetForms = annotations ? targetForms(annotations, this.imageShape, this.options.labelSize) : [];
    const { batchSize, dropLast, prefetch, shard } = this.options;
    this.imagesPerEpoch = shardCount(source.count, shard, dropLast);
    this.batchesPerEpoch = batchCount(this.imagesPerEpoch, batchSize, dropLast);
    if (this.batchesPerEpoch === 0) {
      fail(`no batch of ${batchSize} can be made of ${this.imagesPerEpoch} images; give a smaller batchSize.`);
    }
    if (dropLast) this.imagesPerEpoch = this.batchesPerEpoch * batchSize;
    const [height, width] = this.imageShape;
    const length = Math.min(prefetch + 1, this.batchesPerEpoch);
    this.slots = Array.from({ length }, () => ({
      images: shared(Float32Array, batchSize * height * width * 3),
      labels: shared(Int32Array, batchSize),
      indices: shared(Int32Array, batchSize),
      targets: this.targetForms.map(({ type, shape }) =>
        shared<Uint8Array | Int32Array | Float64Array>(ARRAYS[type], batchSize * sizeOf(shape)),
      ),
    }));
  }

  /**
   * The batches of an epoch, from the `from`-th on. A batch's arrays are valid until the next one is asked for. Leaving
   * the loop ends the epoch; one epoch at a time.
   *
   * @throws {Error} if an image cannot be read (names its path), unless they are to be skipped.
   */
  async *epoch(epoch: number, { from = 0 }: { from?: number } = {}): AsyncGenerator<LoadedBatch, void, undefined> {
    if (!Number.isSafeInteger(epoch) || epoch < 0) fail(`epoch must be an integer from 0, ${epoch} given.`);
    if (!Number.isInteger(from) || from < 0 || from > this.batchesPerEpoch) {
      fail(`from must be a batch from 0 to ${this.batchesPerEpoch}, ${from} given.`);
    }
    if (this.closed) throw new Error('The loader is closed; make a new one.');
    if (this.running) throw new Error('An epoch of this loader is under way; leave it first, or make another loader.');
    this.running = true;
    const run = new EpochRun(this.startWorkers(), this.slots, this.options.batchSize, this.order(epoch));
    try {
      run.begin(epoch, from);
      for (let number = from; number < this.batchesPerEpoch; number++) {
        const { size, weight, broken } = await run.batch(number);
        const known = new Set(this.broken.map(({ index }) => index));
        this.broken.push(...broken.filter(({ index }) => !known.has(index)));
        if (broken[0] && this.options.onBroken === 'fail') {
          throw new Error(
            `${broken[0].path} cannot be read: ${broken[0].reason}. Mend or delete it, or let broken images be skipped ` +
              "(onBroken: 'skip').",
          );
        }
        // Where all of its images are broken there is no batch.
        if (size > 0) yield this.view(number, size, weight);
        run.release(number);
      }
    } finally {
      await run.end();
      this.running = false;
      // Without all of its workers it cannot go on.
      if (run.failure) await this.close();
    }
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    this.closed = true;
    const workers = this.workers;
    this.workers = [];
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  private view(number: number, size: number, weight: number | undefined): LoadedBatch {
    const { images, labels, indices, targets } = this.slots[number % this.slots.length] as Slot;
    const [height, width, channels] = this.imageShape;
    const batch = {
      images: images.subarray(0, size * height * width * channels),
      labels: labels.subarray(0, size),
      indices: indices.subarray(0, size),
      size,
      number,
      ...(targets.length > 0 && {
        targets: this.targetForms.map(({ shape }, i) => {
          const data = targets[i] as Target['data'];
          return { data: data.subarray(0, size * sizeOf(shape)), shape };
        }),
      }),
    };
    if (weight === undefined) return batch;
    const turned = Int32Array.from({ length: size }, (_, i) => labels[(i + size - 1) % size] as number);
    return { ...batch, mix: { weight, labels: turned } };
  }

  private order(epoch: number): Uint32Array {
    const { shuffle, seed, shard } = this.options;
    const { count } = this.source;
    const all = shuffle ? epochOrder(count, seed, epoch) : undefined;
    const order = shared(Uint32Array, this.imagesPerEpoch);
    for (let i = 0, k = shard.rank; i < order.length; i++, k += shard.of) order[i] = all ? (all[k] as number) : k;
    return order;
  }

  private startWorkers(): Worker[] {
    if (this.workers.length > 0) return this.workers;
    const { place, labels, annotations } = this.source;
    const { batchSize, seed, exact, upright, labelSize, onBroken, maxPixels, maxBytes, jpegDecoder } = this.options;
    const [height, width] = this.imageShape;
    const workerData: WorkerSetUp = {
      ...{ place, labels, batchSize, seed, exact, upright, maxPixels, maxBytes, jpegDecoder },
      ...{ annotations, labelSize, onBroken, transform: this.transform.text, size: [height, width], slots: this.slots },
    };
    const url = new URL('./worker.js', import.meta.url);
    this.workers = Array.from({ length: this.options.workers }, () => {
      // The process's own flags, --eval's for one, need not suit a worker.
      const worker = new Worker(url, { workerData, execArgv: [] });
      // A loader, or an epoch that was begun and forgotten, does not keep the process alive; waiting for a batch does.
      worker.unref();
      // Also of a second worker, after the first one's error has ended the epoch; nobody listening would end the process.
      worker.on('error', () => void this.close());
      return worker;
    });
    return this.workers;
  }
}

/** One pass over an order, and the messages that belong to it. */
class EpochRun {
  private readonly control: Int32Array;
  private readonly finished = new Map<number, BatchMessage>();
  private readonly broken = new Map<number, BrokenImage[]>();
  private idle = 0;
  private begun = false;
  /** Why a worker has ended. */
  failure: Error | undefined;
  private wake = () => {};
  private readonly onMessage = (message: WorkerMessage) => this.take(message);
  private readonly onError = (error: unknown) => {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
    this.wake();
  };
  private readonly onExit = () => this.onError(new Error('A worker of the loader has ended.'));

  constructor(
    private readonly workers: Worker[],
    private readonly slots: Slot[],
    private readonly batchSize: number,
    private readonly order: Uint32Array,
  ) {
    this.control = shared(Int32Array, Control.slots + slots.length);
  }

  begin(epoch: number, from: number): void {
    const { order, control, batchSize, slots } = this;
    const next = Math.min(from * batchSize, order.length);
    control[Control.next] = next;
    control[Control.limit] = Math.min(order.length, next + slots.length * batchSize);
    for (const worker of this.workers) {
      worker.on('message', this.onMessage).on('error', this.onError).on('exit', this.onExit);
      worker.postMessage({ epoch, order, from, control } satisfies EpochMessage);
    }
    this.begun = true;
  }

  /** The batch when it is done, with what of it is broken. */
  async batch(number: number): Promise<BatchMessage & { broken: BrokenImage[] }> {
    const [begin, end] = batchRange(number, this.batchSize, this.order.length);
    for (;;) {
      if (this.failure) throw this.failure;
      const message = this.finished.get(number);
      const broken = this.broken.get(number) ?? [];
      // Another worker's report on a broken image may come later than this batch.
      if (message && message.size + broken.length === end - begin) {
        broken.sort((a, b) => a.index - b.index);
        return { ...message, broken };
      }
      await this.news();
    }
  }

  /** Lets the memory of a batch be written again. */
  release(number: number): void {
    const { control, order, batchSize, slots } = this;
    this.finished.delete(number);
    this.broken.delete(number);
    Atomics.store(control, Control.slots + (number % slots.length), 0);
    const limit = Math.min(order.length, (number + 1 + slots.length) * batchSize);
    Atomics.store(control, Control.limit, limit);
    Atomics.notify(control, Control.limit);
  }

  /** Waits until no worker writes any more. */
  async end(): Promise<void> {
    if (!this.begun) return;
    Atomics.store(this.control, Control.stop, 1);
    Atomics.notify(this.control, Control.limit);
    while (this.idle < this.workers.length && !this.failure) {
      await this.news();
    }
    for (const worker of this.workers) {
      worker.off('message', this.onMessage).off('error', this.onError).off('exit', this.onExit);
    }
  }

  /** Until a worker has told something. */
  private async news(): Promise<void> {
    for (const worker of this.workers) worker.ref();
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    for (const worker of this.workers) worker.unref();
  }

  private take(message: WorkerMessage): void {
    if (message.kind === 'idle') this.idle++;
    else if (message.kind === 'batch') this.finished.set(message.batch, message);
    else {
      const { batch, index, path, reason } = message;
      this.broken.set(batch, [...(this.broken.get(batch) ?? []), { index, path, reason }]);
    }
    this.wake();
  }
}

/** How many images a rank has. */
function shardCount(count: number, { rank, of }: { rank: number; of: number }, even: boolean): number {
  return even ? Math.floor(count / of) : Math.ceil((count - rank) / of);
}

function shapeOf({ place }: ImageSource, { shape, steps }: Transform): readonly [number, number, number] {
  if (shape === undefined && place.kind !== 'memory') {
    fail('the images of files have many sizes; begin the transform with randomResizedCrop, or resize and a crop.');
  }
  const own = place as Extract<typeof place, { kind: 'memory' }>;
  const [height, width] = shape ?? [own.height, own.width];
  const square = steps.find(({ name }) => name === 'randomErasing' || name === 'mixup' || name === 'cutmix');
  if (square && height !== width) fail(`${square.name} needs square images, ${height} x ${width} given.`);
  return [height, width, 3];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);

const ARRAYS = { uint8: Uint8Array, int32: Int32Array, float64: Float64Array };

/** Steps that annotations cannot follow. */
const ALONE: readonly string[] = ['randAugment', 'randomErasing', 'mixup', 'cutmix'];
/** Steps that need boxes. */
const BY_BOXES: readonly string[] = ['randomIouCrop'];

function checkAnnotated(source: ImageSource, { steps, text }: Transform, options: typeof DEFAULTS): void {
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

function checkOptions(source: ImageSource, options: typeof DEFAULTS & LoaderOptions & { workers: number }): void {
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

function fail(message: string): never {
  throw new RangeError(`Loader: ${message}`);
}
