/** Looks at every image of a source. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { median } from 'd3-array';
import { type BoxCounts, boxCounts, boxText } from './detection/boxCounts.js';
import { MAX_PIXELS } from './image/decode.js';
import type { BrokenImage } from './loader/protocol.js';
import { type ImageSource, imageName } from './loader/source.js';
import { counted } from './text.js';
import type { ImageReport, VerifySetUp } from './verifyWorker.js';

export interface VerifyOptions {
  /** Threads. Default: one for each processor. */
  workers?: number;
  maxPixels?: number;
  maxBytes?: number;
  /** See `LoaderOptions.jpegDecoder`. */
  jpegDecoder?: string;
  /** Called now and then, and at the end. */
  onProgress?: (done: number, count: number) => void;
  signal?: AbortSignal;
}

export interface Verification {
  name: string;
  source: string;
  /** Images, the broken ones among them. */
  count: number;
  bytes: number;
  /** How many images each class has; of label images and boxes, how many show it. */
  classes: { name: string; count: number }[];
  /** Of label images: the share of all pixels that each class has, and that of the pixels that do not count. */
  pixels?: { classes: { name: string; share: number }[]; ignored: number };
  /** Of sets with boxes. */
  boxes?: BoxCounts;
  broken: BrokenImage[];
  /** Files among the images whose names' endings are not those of images. */
  passedOver: readonly string[];
  /** Paths of files with the same contents (by SHA-256), and whether their labels differ. */
  duplicates: { paths: string[]; labelsDiffer: boolean }[];
  /** How many images of each kind: `jpeg`, `jpeg, grey`, `png, 16-bit`. */
  formats: Record<string, number>;
  /** How many images have an Exif tag that turns them. */
  rotated: number;
  width: SizeStatistics;
  height: SizeStatistics;
  /** Of R, G, B over all pixels of all readable images, in units where 255 is 1; every image counts by its size. */
  mean: number[];
  std: number[];
}

export interface SizeStatistics {
  least: number;
  median: number;
  greatest: number;
}

const CHUNK = 16;

/**
 * Decodes every image once and counts. Needs some 60 bytes of memory an image.
 *
 * @throws {DOMException} AbortError, if `signal` says so.
 * @example
 * ```ts
 * const { count, broken, duplicates } = await verifyDataset(source);
 * ```
 */
export async function verifyDataset(source: ImageSource, options: VerifyOptions = {}): Promise<Verification> {
  const { maxPixels = MAX_PIXELS, maxBytes = 2 ** 28, jpegDecoder, onProgress, signal } = options;
  const { count, labels, place, annotations } = source;
  const tally = new Tally(source);
  const setUp: VerifySetUp = { place, annotations, maxPixels, maxBytes, jpegDecoder };
  const workers = Array.from(
    { length: Math.min(options.workers ?? availableParallelism(), Math.ceil(count / CHUNK)) },
    () => new Worker(new URL('./verifyWorker.js', import.meta.url), { workerData: setUp, execArgv: [] }),
  );
  let next = 0;
  let done = 0;
  try {
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            const more = () => {
              if (signal?.aborted) return reject(signal.reason);
              if (next >= count) return resolve();
              worker.postMessage([next, Math.min(count, next + CHUNK)]);
              next += CHUNK;
            };
            worker.on('error', reject);
            worker.on('message', (reports: ImageReport[]) => {
              for (const report of reports) tally.add(report);
              done += reports.length;
              onProgress?.(done, count);
              more();
            });
            more();
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return tally.result(labels);
}

class Tally {
  private readonly broken: BrokenImage[] = [];
  private readonly formats = new Map<string, number>();
  private readonly widths = new Map<number, number>();
  private readonly heights = new Map<number, number>();
  private readonly sums = new Float64Array(3);
  private readonly squares = new Float64Array(3);
  /** 16 bytes of each image's hash. */
  private readonly hashes: BigUint64Array;
  private readonly pixelsOf = new Float64Array(256);
  private readonly imagesWith = new Uint32Array(256);
  private pixels = 0;
  private bytes = 0;
  private rotated = 0;

  constructor(private readonly source: ImageSource) {
    this.hashes = new BigUint64Array(2 * source.count);
  }

  add(report: ImageReport): void {
    this.hashes.set(report.hash, 2 * report.index);
    this.bytes += report.bytes;
    if ('reason' in report) {
      const { index, reason } = report;
      this.broken.push({ index, path: imageName(this.source.place, index), reason });
      return;
    }
    const { format, width, height, rotated, sums, squares } = report;
    increment(this.formats, format);
    increment(this.widths, width);
    increment(this.heights, height);
    if (rotated) this.rotated++;
    report.pixelsOf?.forEach((pixels, label) => {
      this.pixelsOf[label] = (this.pixelsOf[label] as number) + pixels;
      if (pixels > 0) this.imagesWith[label] = (this.imagesWith[label] as number) + 1;
    });
    this.pixels += width * height;
    for (let c = 0; c < 3; c++) {
      this.sums[c] = (this.sums[c] as number) + (sums[c] as number);
      this.squares[c] = (this.squares[c] as number) + (squares[c] as number);
    }
  }

  result(labels: Int32Array): Verification {
    const { name, classes, count, source, passedOver = [] } = this.source;
    const perClass = new Array<number>(classes.length).fill(0);
    const share = (label: number) => (this.pixelsOf[label] as number) / this.pixels;
    const { annotations } = this.source;
    const boxes = annotations?.kind === 'boxes' ? boxCounts(this.source, annotations) : undefined;
    const shown = boxes?.classes.map(({ images }) => images) ?? this.imagesWith.subarray(0, classes.length);
    if (annotations) perClass.splice(0, classes.length, ...shown);
    else for (const label of labels) perClass[label] = (perClass[label] ?? 0) + 1;
    const mean = Array.from(this.sums, (sum) => sum / this.pixels);
    const std = Array.from(this.squares, (sum, c) =>
      Math.sqrt(Math.max(0, sum / this.pixels - (mean[c] as number) ** 2)),
    );
    return {
      ...{ name, source, count, bytes: this.bytes },
      classes: classes.map((className, i) => ({ name: className, count: perClass[i] as number })),
      ...(boxes && { boxes }),
      ...(annotations &&
        !boxes && {
          pixels: { classes: classes.map((each, i) => ({ name: each, share: share(i) })), ignored: share(255) },
        }),
      broken: this.broken.sort((a, b) => a.index - b.index),
      passedOver,
      duplicates: this.duplicates(labels),
      formats: Object.fromEntries([...this.formats].sort(([, a], [, b]) => b - a)),
      rotated: this.rotated,
      width: sizes(this.widths),
      height: sizes(this.heights),
      mean: mean.map((value) => value / 255),
      std: std.map((value) => value / 255),
    };
  }

  private duplicates(labels: Int32Array): Verification['duplicates'] {
    const { hashes } = this;
    const hash = (i: number, word: number) => hashes[2 * i + word] as bigint;
    const order = Uint32Array.from({ length: labels.length }, (_, i) => i).sort((a, b) => {
      const word = hash(a, 0) === hash(b, 0) ? 1 : 0;
      return hash(a, word) < hash(b, word) ? -1 : hash(a, word) > hash(b, word) ? 1 : a - b;
    });
    const found: number[][] = [];
    for (let i = 1; i < order.length; i++) {
      const [before, here] = [order[i - 1] as number, order[i] as number];
      const same = hash(before, 0) === hash(here, 0) && hash(before, 1) === hash(here, 1);
      // No hash: the file could not be read.
      if (!same || (hash(here, 0) === 0n && hash(here, 1) === 0n)) continue;
      if (found.at(-1)?.at(-1) === before) found.at(-1)?.push(here);
      else found.push([before, here]);
    }
    return found
      .sort((a, b) => (a[0] as number) - (b[0] as number))
      .map((indices) => ({
        paths: indices.map((i) => imageName(this.source.place, i)),
        labelsDiffer: indices.some((i) => labels[i] !== labels[indices[0] as number]),
      }));
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sizes(counts: ReadonlyMap<number, number>): SizeStatistics {
  const sorted = [...counts].sort(([a], [b]) => a - b);
  function* each() {
    for (const [size, n] of sorted) for (let i = 0; i < n; i++) yield size;
  }
  return { least: sorted[0]?.[0] ?? 0, median: median(each()) ?? 0, greatest: sorted.at(-1)?.[0] ?? 0 };
}

/**
 * A verification for people; `JSON.stringify` is the one for programs.
 * @example
 * ```ts
 * console.log(verificationText(await verifyDataset(source)));
 * ```
 */
export function verificationText(v: Verification): string {
  const counts = v.classes.map(({ count }) => count);
  const empty = v.classes.filter(({ count }) => count === 0);
  const range = ({ least, median, greatest }: SizeStatistics) => `${least} to ${greatest}, median ${median}`;
  const channels = (values: number[]) => values.map((value) => value.toFixed(4)).join(' ');
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const lines = [
    `${v.name} (${v.source})`,
    `${v.count} images, ${(v.bytes / 2 ** 20).toFixed(1)} MiB, ${v.classes.length} classes`,
    `a class has ${counts.reduce((a, b) => Math.min(a, b), v.count)} to ${counts.reduce((a, b) => Math.max(a, b), 0)} images`,
    ...(empty.length > 0 ? [`${empty.length} classes have none: ${some(empty.map(({ name }) => name))}`] : []),
    ...(v.pixels
      ? [
          `pixels: ${v.pixels.classes.map(({ name, share }) => `${name} ${percent(share)}`).join(', ')}; ${percent(v.pixels.ignored)} do not count`,
        ]
      : []),
    ...(v.boxes ? boxText(v.boxes) : []),
    `formats: ${Object.entries(v.formats)
      .map(([name, n]) => `${name} ${n}`)
      .join('; ')}`,
    `width ${range(v.width)}; height ${range(v.height)}; ${v.rotated} with an Exif rotation`,
    `mean ${channels(v.mean)}; standard deviation ${channels(v.std)} (R G B, 255 is 1)`,
    `${v.duplicates.length} groups of equal files, ${v.duplicates.filter((group) => group.labelsDiffer).length} with different labels`,
    ...v.duplicates.slice(0, 10).map(({ paths }) => `  ${some(paths)}`),
    ...(v.passedOver.length > 0
      ? [
          `passed over: ${counted(v.passedOver.length, 'file')} that ${v.passedOver.length === 1 ? 'has' : 'have'} no image's ending: ${some(v.passedOver)}`,
        ]
      : []),
    `${v.broken.length} broken`,
    ...v.broken.slice(0, 20).map(({ path, reason }) => `  ${path}: ${reason}`),
    ...(v.broken.length > 20 ? [`  and ${v.broken.length - 20} more`] : []),
  ];
  return lines.join('\n');
}

function some(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}
