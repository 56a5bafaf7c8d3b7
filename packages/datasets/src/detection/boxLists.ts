/** The boxes of all images of a set in shared memory, and what of them cannot be used. */
import type { LoadedBox } from '../boxTargets.js';
import { Mark } from '../boxTargets.js';
import { shared, type TextList, textAt, textList } from '../loader/source.js';

/** An object as an annotation tells it. */
export interface AnnotatedObject {
  /** The class's name, or what stands for it where it is unknown. */
  className: string;
  /** (x1, y1, x2, y2), continuous, in pixels; anything but numbers is wrong. */
  box: readonly number[];
  area?: number | undefined;
  crowd?: boolean;
  difficult?: boolean;
}

/** An image as an annotation tells it. */
export interface AnnotatedImage {
  /** From the set's folder on. */
  path: string;
  /** Where the annotation says it. */
  size?: { height: number; width: number } | undefined;
  objects: readonly AnnotatedObject[];
  /** Why the image cannot be used at all: its file or its annotation is missing or broken. */
  fault?: string | undefined;
  /** COCO's number of it. */
  id?: number;
}

/** For each image boxes with classes, in pixels of the image as it lies in its file. */
export interface BoxLists {
  kind: 'boxes';
  /** `[count + 1]`: where each image's boxes begin. */
  starts: Float64Array;
  /** `[boxes, 5]`: corners and area. */
  boxes: Float64Array;
  /** `[boxes, 2]`: class from 1, marks. */
  marks: Int32Array;
  /** `[count, 2]`: height and width by the annotation; 0 where it does not say. */
  sizes: Int32Array;
  /** Of each image why it cannot be used; empty where it can. */
  faults: TextList;
  /** Of each image what its boxes that were left out are; empty where none was. */
  wrong: TextList;
  /** `[count]`: COCO's numbers of the images; else from 1 on. */
  ids: Float64Array;
  /** `[classes]`: COCO's numbers of the classes; else from 1 on. */
  categories: Float64Array;
}

/** A box may reach beyond the image by so much, which is a rounding, and is clipped. */
const ROUNDING = 1;

/**
 * Checks all boxes.
 * @param categories the classes' own numbers; default: from 1 on.
 */
export function boxLists(
  images: readonly AnnotatedImage[],
  classes: readonly string[],
  categories: ArrayLike<number> = classes.map((_, i) => i + 1),
): BoxLists {
  const labelOf = new Map(classes.map((name, i) => [name, i + 1]));
  const kept: number[][] = [];
  const marks: number[][] = [];
  const starts = shared(Float64Array, images.length + 1);
  const sizes = shared(Int32Array, 2 * images.length);
  const wrong = images.map(({ objects, size, fault }, image) => {
    sizes.set([size?.height ?? 0, size?.width ?? 0], 2 * image);
    const reasons = (fault ? [] : objects).flatMap((object, i) => {
      const reason = faultOf(object, size, labelOf);
      if (reason !== undefined) return [`object ${i + 1} (${object.className}) ${reason}`];
      const { box, crowd, difficult } = object;
      const clipped = clip(box as LoadedBox['box'], size);
      const [x1, y1, x2, y2] = clipped;
      kept.push([...clipped, object.area ?? (x2 - x1) * (y2 - y1)]);
      const mark = (crowd ? Mark.crowd : 0) | (difficult ? Mark.difficult : 0);
      marks.push([labelOf.get(object.className) as number, mark]);
      return [];
    });
    starts[image + 1] = kept.length;
    return reasons.join('; ');
  });
  return {
    kind: 'boxes',
    ...{ starts, sizes, boxes: filled(Float64Array, kept), marks: filled(Int32Array, marks) },
    faults: textList(images.map(({ fault }) => fault ?? '')),
    wrong: textList(wrong),
    ids: filled(
      Float64Array,
      images.map(({ id }, i) => [id ?? i + 1]),
    ),
    categories: filled(
      Float64Array,
      Array.from(categories, (id) => [id]),
    ),
  };
}

function filled<T extends Float64Array | Int32Array>(
  kind: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  rows: readonly (readonly number[])[],
): T {
  const columns = rows[0]?.length ?? 0;
  const values = shared(kind, rows.length * columns);
  rows.forEach((row, i) => {
    values.set(row, i * columns);
  });
  return values;
}

/** Why a box cannot be used; undefined where it can. */
function faultOf(
  { className, box, area }: AnnotatedObject,
  size: AnnotatedImage['size'],
  labelOf: ReadonlyMap<string, number>,
): string | undefined {
  if (!labelOf.has(className)) return 'is of an unknown class';
  if (box.length !== 4 || !box.every(Number.isFinite))
    return `has the box [${box.join(', ')}], which is no four numbers`;
  const [x1, y1, x2, y2] = box as LoadedBox['box'];
  if (!(x2 > x1 && y2 > y1)) return `has no area: [${box.join(', ')}]`;
  if (area !== undefined && !(area >= 0)) return `has the area ${area}`;
  return size && outside(box as LoadedBox['box'], size);
}

/** What a box is where it reaches beyond the image; undefined where it lies within. */
export function outside(
  [x1, y1, x2, y2]: LoadedBox['box'],
  { height, width }: { height: number; width: number },
): string | undefined {
  const least = Math.min(x1, y1, width - x2, height - y2);
  return least < -ROUNDING
    ? `lies outside of the image of ${width} x ${height}: [${x1}, ${y1}, ${x2}, ${y2}]`
    : undefined;
}

function clip([x1, y1, x2, y2]: LoadedBox['box'], size: AnnotatedImage['size']): LoadedBox['box'] {
  const { width = Number.POSITIVE_INFINITY, height = Number.POSITIVE_INFINITY } = size ?? {};
  return [Math.max(0, x1), Math.max(0, y1), Math.min(width, x2), Math.min(height, y2)];
}

/** The largest number of boxes that an image has, at least 1. */
export function mostBoxes({ starts }: BoxLists): number {
  let most = 1;
  for (let i = 1; i < starts.length; i++) most = Math.max(most, (starts[i] as number) - (starts[i - 1] as number));
  return most;
}

/** The images with these indices. */
export function selectBoxes(lists: BoxLists, chosen: readonly number[]): BoxLists {
  const { starts, boxes, marks, sizes, faults, wrong, ids } = lists;
  const rows = chosen.flatMap((i) => {
    const [from, to] = [starts[i] as number, starts[i + 1] as number];
    return Array.from({ length: to - from }, (_, k) => from + k);
  });
  const taken = shared(Float64Array, chosen.length + 1);
  chosen.forEach((i, k) => {
    taken[k + 1] = (taken[k] as number) + (starts[i + 1] as number) - (starts[i] as number);
  });
  const pick = (of: Float64Array | Int32Array, columns: number, from: readonly number[]) =>
    from.map((row) => Array.from(of.subarray(columns * row, columns * (row + 1))));
  return {
    ...lists,
    starts: taken,
    boxes: filled(Float64Array, pick(boxes, 5, rows)),
    marks: filled(Int32Array, pick(marks, 2, rows)),
    sizes: filled(Int32Array, pick(sizes, 2, chosen)),
    ids: filled(Float64Array, pick(ids, 1, chosen)),
    faults: textList(chosen.map((i) => textAt(faults, i))),
    wrong: textList(chosen.map((i) => textAt(wrong, i))),
  };
}
