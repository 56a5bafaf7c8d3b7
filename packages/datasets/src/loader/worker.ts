/** A loader's worker thread: takes positions of the epoch's order, one at a time, and writes images to shared memory. */
import { parentPort, workerData } from 'node:worker_threads';
import { importFile } from '@refconv/files';
import type { JpegDecoder } from '../image/decode.js';
import { stream } from '../random.js';
import { parseTransform } from '../transform/parse.js';
import { Renderer } from '../transform/render.js';
import { type Mixing, mix } from '../transform/tensor.js';
import { annotationWriter } from './annotations.js';
import {
  batchRange,
  Control,
  type EpochMessage,
  type Slot,
  STOPPED,
  type WorkerMessage,
  type WorkerSetUp,
} from './protocol.js';
import { imageName, Reader } from './source.js';

const { place, labels, size: imageSize, batchSize, seed, slots, ...setUp } = workerData as WorkerSetUp;
for (const file of setUp.imports) await importFile(file, import.meta.url);
const transform = parseTransform(setUp.transform);
const alphas = transform.steps.filter(({ name }) => name === 'mixup' || name === 'cutmix');
const mixing: Mixing = Object.fromEntries(alphas.map(({ name, numbers }) => [name, numbers.alpha as number]));
const pixels = imageSize[0] * imageSize[1] * 3;

const jpeg: JpegDecoder | undefined = setUp.jpegDecoder && (await import(setUp.jpegDecoder)).createJpegDecoder();
const { upright, maxPixels, exact } = setUp;
const renderer = new Renderer(transform, { upright, maxPixels, whole: exact, jpeg });
const reader = new Reader(place, setUp.maxBytes);
const writer = setUp.annotations && annotationWriter(setUp.annotations, setUp);

const post = (message: WorkerMessage) => parentPort?.postMessage(message);
parentPort?.on('message', run);

async function run({ epoch, order, control }: EpochMessage): Promise<void> {
  for (;;) {
    const position = takePosition(control, order.length);
    if (position === undefined) break;
    const batch = Math.floor(position / batchSize);
    const number = batch % slots.length;
    const slot = slots[number] as Slot;
    const [begin, end] = batchRange(batch, batchSize, order.length);
    const index = order[position] as number;
    await load(epoch, index, batch, slot, position - begin);
    if (Atomics.add(control, Control.slots + number, 1) + 1 === end - begin) finish(epoch, batch, slot, end - begin);
  }
  post({ kind: 'idle' });
}

/** Undefined at the epoch's end. Sleeps while all batches' memory is full; the main thread need not wake up for it. */
function takePosition(control: Int32Array, total: number): number | undefined {
  for (;;) {
    const limit = Atomics.load(control, Control.limit);
    if (limit === STOPPED) return undefined;
    const position = Atomics.load(control, Control.next);
    if (position >= total) return undefined;
    if (position >= limit) Atomics.wait(control, Control.limit, limit);
    else if (Atomics.compareExchange(control, Control.next, position, position + 1) === position) return position;
  }
}

async function load(epoch: number, index: number, batch: number, slot: Slot, at: number): Promise<void> {
  slot.labels[at] = labels[index] as number;
  slot.indices[at] = index;
  try {
    const out = slot.images.subarray(at * pixels, (at + 1) * pixels);
    const random = stream(seed, 'augment', epoch, index);
    const placed = await renderer.render(reader.read(index), random, out, writer?.boxes(index));
    writer?.write(index, placed, targetsOf(slot, at));
  } catch (error) {
    slot.indices[at] = -1;
    const reason = error instanceof Error ? error.message : String(error);
    post({ kind: 'broken', batch, index, path: imageName(place, index), reason });
  }
}

/** One image's part of the batch's targets. */
function targetsOf({ targets }: Slot, at: number) {
  return targets.map((target) => {
    const length = target.length / batchSize;
    return target.subarray(at * length, (at + 1) * length);
  });
}

/** What concerns a batch as a whole is done by whoever finished its last image. */
function finish(epoch: number, batch: number, slot: Slot, count: number): void {
  const { images, labels, indices } = slot;
  let size = 0;
  for (let i = 0; i < count; i++) {
    if (indices[i] === -1) continue;
    if (i !== size) {
      images.copyWithin(size * pixels, i * pixels, (i + 1) * pixels);
      labels[size] = labels[i] as number;
      indices[size] = indices[i] as number;
      const from = targetsOf(slot, i);
      targetsOf(slot, size).forEach((to, k) => {
        to.set(from[k] as typeof to);
      });
    }
    size++;
  }
  const random = () => stream(seed, 'mix', epoch, batch);
  const mixed = alphas.length > 0 && size > 0;
  const { weight } = mixed ? mix({ images, labels, size }, [...imageSize, 3], mixing, random()) : { weight: undefined };
  post({ kind: 'batch', batch, size, weight });
}
