/** Where a loader's images come from. Kept in shared memory, so that workers need no copies. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { openFileSync } from '@refconv/files';
import type { ImageSplit } from '../dataset.js';
import type { BoxLists } from '../detection/boxLists.js';
import type { RawImage } from '../transform/render.js';
import { decodeName, encodeName, readableName } from './names.js';

/** Labelled images in files, in an archive, or in memory. */
export interface ImageSource {
  /** Short name, e.g. `imagenet`. */
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  count: number;
  /** `[count]`. */
  labels: Int32Array;
  /** Where the images lie: what workers are handed. */
  place: Place;
  /** Where it came from: a path, or how it was generated. */
  source: string;
  /** What belongs to the images besides their labels, in the same order. */
  annotations?: Annotations;
  /** Files among the images whose names' endings are not those of images; hidden ones are not told. */
  passedOver?: readonly string[];
}

/** For each image a PNG whose values are classes. */
export interface LabelImages {
  kind: 'labelImages';
  root: string;
  /** From `root` on. */
  names: TextList;
  /** `[256]`: the class of each value, `IGNORED` or `UNKNOWN` of annotations.ts. */
  classOf: Uint8Array;
}

/** The same in memory, as classes already. */
export interface LabelArrays {
  kind: 'labelArrays';
  /** `[count, height, width]`, in memory that workers share. */
  data: Uint8Array;
  width: number;
  height: number;
}

/** The kinds that there are. */
export type Annotations = LabelImages | LabelArrays | BoxLists;

export type Place =
  | { kind: 'files'; root: string; names: TextList }
  /** Files within an uncompressed archive; without names they are told by their offsets. */
  | { kind: 'archive'; path: string; offsets: Float64Array; sizes: Uint32Array; names: TextList }
  | { kind: 'memory'; images: Uint8Array; width: number; height: number };

/** Many strings in two shared buffers; goes to a worker without being copied. */
export interface TextList {
  /** UTF-8, or whatever bytes a file's name has, one after the other. */
  bytes: Uint8Array;
  /** `[count + 1]`: where each begins. */
  starts: Float64Array;
}

export function textList(texts: readonly string[]): TextList {
  const encoded = texts.map(encodeName);
  const starts = shared(Float64Array, texts.length + 1);
  encoded.forEach(({ length }, i) => {
    starts[i + 1] = (starts[i] as number) + length;
  });
  const bytes = shared(Uint8Array, starts[texts.length] as number);
  encoded.forEach((text, i) => {
    bytes.set(text, starts[i]);
  });
  return { bytes, starts };
}

export function textAt({ bytes, starts }: TextList, index: number): string {
  return decodeName(Uint8Array.from(bytes.subarray(starts[index], starts[index + 1])));
}

type NumberArray = Uint8Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** A typed array in memory that workers share. */
export function shared<T extends NumberArray>(
  kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  length: number,
): T {
  return new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT));
}

/**
 * The path of an image, or what stands for it in a message.
 * @example
 * ```ts
 * console.log(`${imageName(source.place, 0)} is too dark`);
 * ```
 */
export function imageName(place: Place, index: number): string {
  if (place.kind === 'files') return readableName(join(place.root, textAt(place.names, index)));
  if (place.kind === 'archive') return `${place.path}: ${readableName(textAt(place.names, index))}`;
  return `image ${index}`;
}

/**
 * The path of an image in its folder or archive; undefined of one in memory.
 * @example
 * ```ts
 * const path = fileName(source, 0); // 'cat/1.jpg', say
 * ```
 */
export const fileName = ({ place }: ImageSource, index: number): string | undefined =>
  place.kind === 'memory' ? undefined : readableName(textAt(place.names, index));

/**
 * A split in memory as a source. Its pixels are copied once, into memory that workers share.
 * @example
 * ```ts
 * const loader = new Loader(memorySource(data.train, data), { transform: 'flip|normalize(imagenet)', batchSize: 64, seed: 1 });
 * ```
 */
export function memorySource(
  split: ImageSplit,
  { name, classes, source }: Pick<ImageSource, 'name' | 'classes' | 'source'>,
): ImageSource {
  const { count, width, height, channels } = split;
  if (channels !== 3) {
    throw new RangeError(`A loader takes images with 3 channels, ${channels} given; batches() takes others.`);
  }
  const images = shared(Uint8Array, split.images.length);
  images.set(split.images);
  const labels = shared(Int32Array, count);
  labels.set(split.labels);
  return { name, classes, count, labels, place: { kind: 'memory', images, width, height }, source };
}

/** Reads one image after the other into a buffer that grows with the largest. */
export class Reader {
  private buffer = new Uint8Array(1 << 18);
  private archive: number | undefined;

  /** @param maxBytes larger files are refused. */
  constructor(
    private readonly place: Place,
    private readonly maxBytes: number,
  ) {}

  /** Valid until the next call. */
  read(index: number): Uint8Array | RawImage {
    const { place } = this;
    if (place.kind === 'memory') {
      const { width, height, images } = place;
      const pixels = 3 * width * height;
      return { image: { width, height, data: images.subarray(index * pixels, (index + 1) * pixels) } };
    }
    if (place.kind === 'archive') {
      this.archive ??= openFileSync(place.path);
      return this.fill(this.archive, place.offsets[index] as number, place.sizes[index] as number);
    }
    const file = openFileSync(Buffer.from(encodeName(join(place.root, textAt(place.names, index)))));
    try {
      return this.fill(file, 0, fstatSync(file).size);
    } finally {
      closeSync(file);
    }
  }

  close(): void {
    if (this.archive !== undefined) closeSync(this.archive);
    this.archive = undefined;
  }

  private fill(file: number, offset: number, size: number): Uint8Array {
    if (size > this.maxBytes) throw new Error(`the file has ${size} bytes, more than ${this.maxBytes}`);
    if (size > this.buffer.length) this.buffer = new Uint8Array(Math.ceil(size * 1.25));
    for (let done = 0; done < size; ) {
      const read = readSync(file, this.buffer, done, size - done, offset + done);
      if (read === 0) throw new Error(`the file ends after ${done} of ${size} bytes`);
      done += read;
    }
    return this.buffer.subarray(0, size);
  }
}
