/** What belongs to an image besides a label, and how it follows the image through a transform. */
import { closeSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { openFileSync } from '@refconv/files';
import { BOX_MARKS, BOX_NUMBERS } from '../boxTargets.js';
import { mostBoxes } from '../detection/boxLists.js';
import { decodeLabelImage, type LabelImage, labelImageSize } from '../image/labelImage.js';
import type { Corners } from '../transform/boxViews.js';
import type { Placed } from '../transform/render.js';
import { checkSize, cornersOf, writeOwnBoxes, writePlacedBoxes } from './boxes.js';
import { readableName } from './names.js';
import { type Annotations, type LabelArrays, type LabelImages, Reader, textAt } from './source.js';

/** Of pixels that do not count. */
export const IGNORED = 255;
/** In a table of classes: a value that stands for nothing. */
export const UNKNOWN = 254;

type TargetArray = Uint8Array | Int32Array | Float64Array;

/**
 * What a network is to give for an image, as numbers of one shape: for label images the class of each pixel, {@link IGNORED} where none counts;
 * for boxes the three that boxTargets.ts describes.
 */
export interface Target {
  /** `[size, …shape]`. */
  data: TargetArray;
  /** Of one image: of label images `[height, width]`. */
  shape: readonly number[];
}

/** The numbers of one of an image's targets. */
export interface TargetForm {
  type: 'uint8' | 'int32' | 'float64';
  shape: readonly number[];
}

/** What kind of annotation a set has, in words. */
export const annotationName = ({ kind }: Annotations) => (kind === 'boxes' ? 'boxes' : 'label images');

/**
 * The targets of an image. Those of label images have the images' size, or their own, where all have the same.
 * @throws Error where the first label image cannot be read.
 */
export function targetForms(
  annotations: Annotations,
  [height, width]: readonly [number, number, number],
  size: 'image' | 'own',
): readonly TargetForm[] {
  if (annotations.kind === 'boxes') {
    const most = mostBoxes(annotations);
    return [
      { type: 'float64', shape: [most, BOX_NUMBERS] },
      { type: 'int32', shape: [most, BOX_MARKS] },
      { type: 'int32', shape: [2] },
    ];
  }
  const own = () =>
    annotations.kind === 'labelImages' ? sizeOf(labelPath(annotations, 0)) : [annotations.height, annotations.width];
  return [{ type: 'uint8', shape: size === 'image' ? [height, width] : own() }];
}

/** Writes what belongs to one image after the other. */
export interface AnnotationWriter {
  /** What a transform is to know of the image. @throws Error where its annotation cannot be used. */
  boxes(index: number): readonly Corners[];
  /** @param out one image's part of the batch's targets. @throws Error where its annotation cannot be used. */
  write(index: number, placed: Placed, out: readonly TargetArray[]): void;
}

interface WriterOptions {
  labelSize: 'image' | 'own';
  onBroken: 'fail' | 'skip';
  maxBytes: number;
  maxPixels: number;
}

export function annotationWriter(annotations: Annotations, options: WriterOptions): AnnotationWriter {
  const own = options.labelSize === 'own';
  if (annotations.kind !== 'boxes') {
    const reader = new LabelReader(annotations, options);
    return {
      boxes: () => [],
      write: (index, placed, [out]) => writeLabels(reader.read(index, placed.source), placed, out as Uint8Array, own),
    };
  }
  return {
    boxes: (index) => cornersOf(annotations, index, options.onBroken === 'fail'),
    write(index, placed, [boxes, marks, size]) {
      checkSize(annotations, index, placed.source);
      const out = { boxes: boxes as Float64Array, marks: marks as Int32Array, size: size as Int32Array };
      if (own) writeOwnBoxes(annotations, index, placed.source, out);
      else writePlacedBoxes(annotations, index, placed, out);
    },
  };
}

function writeLabels(labels: LabelImage, placed: Placed, out: Uint8Array, own: boolean): void {
  if (!own) {
    placeLabels(labels, placed, out);
    return;
  }
  if (labels.data.length !== out.length)
    throw new Error(
      `its label image is ${labels.width} x ${labels.height}, unlike the first; compare at the network's size instead, by a crop in the transform`,
    );
  out.set(labels.data);
}

export const labelPath = ({ root, names }: LabelImages, index: number) =>
  readableName(join(root, textAt(names, index)));

function sizeOf(path: string): readonly number[] {
  const file = openFileSync(path);
  try {
    const start = new Uint8Array(24);
    readSync(file, start, 0, start.length, 0);
    return labelImageSize(start);
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  } finally {
    closeSync(file);
  }
}

/** Reads the classes of one image's pixels after the other's. */
export class LabelReader {
  private readonly reader: Reader | undefined;

  constructor(
    private readonly annotations: LabelImages | LabelArrays,
    private readonly limits: { maxBytes: number; maxPixels: number },
  ) {
    if (annotations.kind === 'labelArrays') return;
    const { root, names } = annotations;
    this.reader = new Reader({ kind: 'files', root, names }, limits.maxBytes);
  }

  /**
   * @param image the size of the image that they belong to.
   * @throws Error that names the label image, where it cannot be read, has another size, or a value that stands for no class.
   */
  read(index: number, image: { width: number; height: number }): LabelImage {
    const { annotations } = this;
    if (annotations.kind === 'labelImages') return this.fromFile(annotations, index, image);
    const { width, height, data } = annotations;
    return { width, height, data: data.subarray(index * width * height, (index + 1) * width * height) };
  }

  private fromFile(annotations: LabelImages, index: number, image: { width: number; height: number }): LabelImage {
    const fail = (what: string) => new Error(`its label image ${labelPath(annotations, index)} ${what}`);
    let labels: LabelImage;
    try {
      labels = decodeLabelImage(this.reader?.read(index) as Uint8Array, this.limits.maxPixels);
    } catch (error) {
      throw fail(`cannot be read: ${(error as Error).message.replace(/\.$/, '')}`);
    }
    const { data, width, height } = labels;
    if (width !== image.width || height !== image.height)
      throw fail(`is ${width} x ${height}, the image ${image.width} x ${image.height}`);
    const { classOf } = annotations;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      const label = classOf[value] as number;
      if (label === UNKNOWN)
        throw fail(`has the value ${value}, which is no class, at column ${i % width} of row ${Math.floor(i / width)}`);
      data[i] = label;
    }
    return labels;
  }
}

/**
 * Puts an image's classes where its pixels went, by the nearest pixel; padding does not count.
 * @param out takes `[placement.size.height, placement.size.width]`.
 */
export function placeLabels(labels: LabelImage, { placement, mirrored }: Placed, out: Uint8Array): void {
  const { crop, resize, size, offset } = placement;
  const { window } = resize;
  out.fill(IGNORED);
  // Of a resized pixel's middle, as Pillow's NEAREST.
  const column = (x: number) => crop.left + Math.floor(((window.left + x + 0.5) * crop.width) / resize.width);
  const columns = Int32Array.from({ length: window.width }, (_, x) => column(x));
  for (let y = 0; y < window.height; y++) {
    const row = crop.top + Math.floor(((window.top + y + 0.5) * crop.height) / resize.height);
    const [from, to] = [row * labels.width, (offset.top + y) * size.width];
    for (let x = 0; x < window.width; x++) {
      const at = offset.left + x;
      out[to + (mirrored ? size.width - 1 - at : at)] = labels.data[from + (columns[x] as number)] as number;
    }
  }
}
