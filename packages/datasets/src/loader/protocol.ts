/** What a loader and its workers tell each other. */
import type { Annotations, Place } from './source.js';

/** Given to a worker when it starts. */
export interface WorkerSetUp {
  place: Place;
  labels: Int32Array;
  /** The transform's text. */
  transform: string;
  /** Files that register steps of a user's own. */
  imports: readonly string[];
  /** `[height, width]` of what comes out. */
  size: readonly [number, number];
  batchSize: number;
  seed: number;
  slots: Slot[];
  annotations: Annotations | undefined;
  labelSize: 'image' | 'own';
  onBroken: 'fail' | 'skip';
  upright: boolean;
  exact: boolean;
  maxPixels: number;
  maxBytes: number;
  /** The address of a module with `createJpegDecoder`. */
  jpegDecoder: string | undefined;
}

/** One batch's memory. */
export interface Slot {
  images: Float32Array;
  labels: Int32Array;
  /** Where the images have annotations: those of a batch. */
  targets: readonly (Uint8Array | Int32Array | Float64Array)[];
  /** Each image's index in the source; -1 where it is broken. */
  indices: Int32Array;
}

/** Begins an epoch. */
export interface EpochMessage {
  epoch: number;
  /** Indices in the order of the epoch, from its beginning. */
  order: Uint32Array;
  /** The first position to load. */
  from: number;
  /** See {@link Control}. */
  control: Int32Array;
}

/** Places in `control`, after which comes one number a slot: how many of its images are done. */
export const Control = {
  /** The next position that no worker has taken. */
  next: 0,
  /** Positions below it may be taken: what holds workers back when batches are not used up. Or {@link STOPPED}. */
  limit: 1,
  slots: 2,
} as const;

/** The limit of an epoch that is given up: as workers sleep until the limit is another, none can sleep through it. */
export const STOPPED = -1;

export interface BrokenImage {
  /** Its index in the source. */
  index: number;
  /** Its path. */
  path: string;
  reason: string;
}

/** A batch whose images are all done. */
export interface BatchMessage {
  kind: 'batch';
  batch: number;
  /** Without what is broken. */
  size: number;
  /** The share of each image's own label, after mixup or cutmix. */
  weight: number | undefined;
}

export type WorkerMessage =
  | BatchMessage
  | ({ kind: 'broken'; batch: number } & BrokenImage)
  /** Has left the epoch. */
  | { kind: 'idle' };

/** Where batch `batch` begins and ends in the order. */
export function batchRange(batch: number, batchSize: number, total: number): [begin: number, end: number] {
  return [batch * batchSize, Math.min(total, (batch + 1) * batchSize)];
}
