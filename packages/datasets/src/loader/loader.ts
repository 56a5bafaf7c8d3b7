/** Batches of images, decoded and augmented by worker threads while a training step runs. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { pathsRegistering } from '@refconv/files';
import { batchCount, epochOrder } from '../batches.js';
import type { Statistics } from '../definition.js';
import type { Epochs, ImageBatch, Images, TrainingOrder } from '../images.js';
import { shardCount } from '../shard.js';
import { parseTransform, type Transform } from '../transform/parse.js';
import { STEP } from '../transform/steps.js';
import { type Target, type TargetForm, targetForms } from './annotations.js';
import { EpochRun } from './epochRun.js';
import { checkAnnotated, checkOptions, DEFAULTS, fail, type LoaderOptions, shapeOf } from './options.js';
import type { BrokenImage, Slot, WorkerSetUp } from './protocol.js';
import { type ImageSource, shared } from './source.js';

export type { LoaderOptions } from './options.js';

export type LoadedBatch = ImageBatch & Required<Pick<ImageBatch, 'indices' | 'number'>>;

const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);

const ARRAYS = { uint8: Uint8Array, int32: Int32Array, float64: Float64Array };

/**
 * Loads the batches of one epoch after the other. Order and augmentation depend on (seed, epoch, index) alone: they are
 * the same for any number of workers, and after an epoch was left and taken up again at some batch.
 */
export class Loader implements Images {
  readonly transform: Transform;
  /** `[height, width, 3]` of each image. */
  readonly shape: readonly [number, number, number];
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
    this.shape = shapeOf(source, this.transform);
    checkOptions(source, this.options);
    const { annotations } = source;
    checkAnnotated(source, this.transform, this.options);
    this.targetForms = annotations ? targetForms(annotations, this.shape, this.options.labelSize) : [];
    const { batchSize, dropLast, prefetch, shard } = this.options;
    this.imagesPerEpoch = shardCount(source.count, shard, dropLast);
    this.batchesPerEpoch = batchCount(this.imagesPerEpoch, batchSize, dropLast);
    if (this.batchesPerEpoch === 0) {
      fail(`no batch of ${batchSize} can be made of ${this.imagesPerEpoch} images; give a smaller batchSize.`);
    }
    if (dropLast) this.imagesPerEpoch = this.batchesPerEpoch * batchSize;
    const [height, width] = this.shape;
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

  get count(): number {
    return this.source.count;
  }

  get normalisation(): Statistics {
    const { mean, std, bgr } = this.transform;
    return bgr ? { mean: mean.toReversed(), std: std.toReversed() } : { mean, std };
  }

  training({ augment, shard, ...order }: TrainingOrder): Epochs {
    const { options } = this;
    const wrong = Object.entries({ ...order, shuffle: true })
      .filter(([name, value]) => options[name as keyof typeof options] !== value)
      .map(([name, value]) => `${name} is ${options[name as keyof typeof options]} there and ${value} in the recipe`);
    if (Object.keys(augment).length > 0) {
      wrong.push(
        `its transform is "${this.transform.text}", and the recipe has an augmentation too: set augment to {}`,
      );
    }
    const { rank, of } = options.shard;
    if (rank !== shard.rank || of !== shard.of)
      wrong.push(`its shard is ${rank} of ${of}, and this worker ${shard.rank} of ${shard.of}`);
    if (shard.of > 1 && options.onBroken === 'skip')
      wrong.push(
        'images that cannot be read are left out there, and the workers would have batches of unlike sizes: see that all can be read',
      );
    if (wrong.length > 0) throw new RangeError(`The training loader does not fit the recipe: ${wrong.join('; ')}.`);
    return this.epochs();
  }

  /** Batch size and shard are the loader's own. */
  evaluation(): Epochs {
    const { steps, text } = this.transform;
    if (steps.some(({ name }) => name === 'mixup' || name === 'cutmix')) {
      throw new RangeError(`The test images' transform is "${text}": mixed images have no label to be compared with.`);
    }
    return this.epochs();
  }

  private epochs(): Epochs {
    const { batchesPerEpoch } = this;
    return { batchesPerEpoch, epoch: (epoch, from) => this.epoch(epoch, { from }), ahead: false };
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
    const [height, width, channels] = this.shape;
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
    const [height, width] = this.shape;
    const workerData: WorkerSetUp = {
      ...{ place, labels, batchSize, seed, exact, upright, maxPixels, maxBytes, jpegDecoder },
      ...{ annotations, labelSize, onBroken, transform: this.transform.text, size: [height, width], slots: this.slots },
      imports: pathsRegistering(STEP),
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
