/** Verification's worker thread. */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { type DecodeOptions, openImage } from './image/decode.js';
import type { RgbImage } from './image/image.js';
import { LabelReader } from './loader/annotations.js';
import { checkSize, cornersOf } from './loader/boxes.js';
import { type Annotations, type Place, Reader } from './loader/source.js';

export interface VerifySetUp {
  place: Place;
  annotations: Annotations | undefined;
  maxPixels: number;
  maxBytes: number;
  jpegDecoder: string | undefined;
}

/** What was found out about one image. */
export type ImageReport = { index: number; bytes: number; hash: BigUint64Array } & (
  | { reason: string }
  | {
      format: string;
      width: number;
      height: number;
      rotated: boolean;
      /** Of each channel's values, and of their squares. */
      sums: Float64Array;
      squares: Float64Array;
      /** Where it has a label image: how many pixels of each class; 255 do not count. */
      pixelsOf?: Uint32Array;
    }
);

const { place, annotations, maxPixels, maxBytes, jpegDecoder } = workerData as VerifySetUp;
const jpeg = jpegDecoder && (await import(jpegDecoder)).createJpegDecoder();
const options: DecodeOptions = { upright: false, maxPixels, whole: true, jpeg };
const reader = new Reader(place, maxBytes);
const boxes = annotations?.kind === 'boxes' ? annotations : undefined;
const labels = annotations && annotations.kind !== 'boxes' && new LabelReader(annotations, { maxBytes, maxPixels });

parentPort?.on('message', async ([begin, end]: [number, number]) => {
  const reports: ImageReport[] = [];
  for (let index = begin; index < end; index++) reports.push(await look(index));
  parentPort?.postMessage(reports);
});

async function look(index: number): Promise<ImageReport> {
  let bytes = 0;
  let hash = new BigUint64Array(2);
  try {
    if (boxes) cornersOf(boxes, index, false);
    const read = reader.read(index);
    const contents = read instanceof Uint8Array ? read : read.image.data;
    bytes = contents.length;
    const digest = createHash('sha256').update(contents).digest();
    hash = BigUint64Array.of(digest.readBigUInt64LE(0), digest.readBigUInt64LE(8));
    if (!(read instanceof Uint8Array)) {
      const { width, height } = read.image;
      return { index, bytes, hash, format: 'raw', width, height, rotated: false, ...sumsOf(read.image) };
    }
    const { width, height, rotated, format, pixels } = await openImage(read, options);
    if (boxes) checkSize(boxes, index, { width, height });
    const { image } = await pixels({ left: 0, top: 0, width, height });
    const marked = labels ? { pixelsOf: countOf(labels.read(index, { width, height }).data) } : {};
    return { index, bytes, hash, format, width, height, rotated, ...sumsOf(image), ...marked };
  } catch (error) {
    return { index, bytes, hash, reason: error instanceof Error ? error.message : String(error) };
  }
}

function countOf(classes: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  for (const label of classes) counts[label] = (counts[label] as number) + 1;
  return counts;
}

function sumsOf({ data }: RgbImage): { sums: Float64Array; squares: Float64Array } {
  const counts = new Uint32Array(768);
  for (let i = 0; i < data.length; i += 3) {
    for (let c = 0; c < 3; c++) {
      const bin = 256 * c + (data[i + c] as number);
      counts[bin] = (counts[bin] as number) + 1;
    }
  }
  const [sums, squares] = [new Float64Array(3), new Float64Array(3)];
  for (let i = 0; i < 768; i++) {
    const [c, v, n] = [i >> 8, i & 255, counts[i] as number];
    sums[c] = (sums[c] as number) + n * v;
    squares[c] = (squares[c] as number) + n * v * v;
  }
  return { sums, squares };
}
