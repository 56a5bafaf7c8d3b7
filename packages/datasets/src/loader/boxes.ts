/** Boxes of a set as a loader's worker reads them, and where they go as their image is transformed. */
import { BOX_MARKS, BOX_NUMBERS, Mark } from '../boxTargets.js';
import { type BoxLists, outside } from '../detection/boxLists.js';
import type { Corners } from '../transform/boxViews.js';
import type { Placed } from '../transform/render.js';
import { textAt } from './source.js';

interface Size {
  height: number;
  width: number;
}

/** A batch's part that belongs to one image. */
export interface BoxPlaces {
  /** `[most, 5]`. */
  boxes: Float64Array;
  /** `[most, 2]`. */
  marks: Int32Array;
  /** `[2]`: height, width. */
  size: Int32Array;
}

/** Why an image cannot be used, by its annotation; undefined where it can. @param boxes whether a wrong box makes it so. */
export function boxFault({ faults, wrong }: BoxLists, index: number, boxes: boolean): string | undefined {
  const fault = textAt(faults, index);
  if (fault !== '') return fault;
  const found = boxes ? textAt(wrong, index) : '';
  return found === '' ? undefined : `its ${found}`;
}

/** The corners of an image's boxes. @throws Error that says what of its annotation is wrong. */
export function cornersOf(lists: BoxLists, index: number, strict: boolean): Corners[] {
  const fault = boxFault(lists, index, strict);
  if (fault !== undefined) throw new Error(fault);
  const [from, to] = [lists.starts[index] as number, lists.starts[index + 1] as number];
  return Array.from({ length: to - from }, (_, k) => {
    const at = BOX_NUMBERS * (from + k);
    return Array.from(lists.boxes.subarray(at, at + 4)) as unknown as Corners;
  });
}

/** @throws Error where the annotation is of an image of another size, or says none and a box lies outside of the image. */
export function checkSize(lists: BoxLists, index: number, { height, width }: Size): void {
  const [ownHeight, ownWidth] = [lists.sizes[2 * index] as number, lists.sizes[2 * index + 1] as number];
  if (ownHeight === 0) {
    const wrong = cornersOf(lists, index, false).map((box) => outside([...box], { height, width }));
    const i = wrong.findIndex((reason) => reason !== undefined);
    if (i >= 0) throw new Error(`its object ${i + 1} ${wrong[i]}`);
  } else if (ownHeight !== height || ownWidth !== width)
    throw new Error(`its annotation is of an image of ${ownWidth} x ${ownHeight}, and it is ${width} x ${height}`);
}

/** Writes boxes in pixels of the image as it is in its file, all of them. */
export function writeOwnBoxes(lists: BoxLists, index: number, source: Size, out: BoxPlaces): void {
  const [from, to] = [lists.starts[index] as number, lists.starts[index + 1] as number];
  out.boxes.fill(0).set(lists.boxes.subarray(BOX_NUMBERS * from, BOX_NUMBERS * to));
  out.marks.fill(0).set(lists.marks.subarray(BOX_MARKS * from, BOX_MARKS * to));
  out.size.set([source.height, source.width]);
}

/**
 * Writes boxes where their image's pixels went, in pixels of the result: those whose middle is still there, cut off at the edges of what is
 * shown of the image. Crowds are left out.
 */
export function writePlacedBoxes(lists: BoxLists, index: number, placed: Placed, out: BoxPlaces): void {
  const { mirrored, placement } = placed;
  const { crop, resize, size, offset } = placement;
  const { window } = resize;
  const [scaleX, scaleY] = [resize.width / crop.width, resize.height / crop.height];
  out.boxes.fill(0);
  out.marks.fill(0);
  out.size.set([size.height, size.width]);
  let count = 0;
  for (let k = lists.starts[index] as number; k < (lists.starts[index + 1] as number); k++) {
    const [label, mark] = lists.marks.subarray(BOX_MARKS * k, BOX_MARKS * (k + 1)) as unknown as [number, number];
    const [x1, y1, x2, y2, area] = lists.boxes.subarray(BOX_NUMBERS * k, BOX_NUMBERS * (k + 1)) as unknown as [
      ...Corners,
      number,
    ];
    if (mark & Mark.crowd) continue;
    const across = shown(
      (x1 - crop.left) * scaleX - window.left,
      (x2 - crop.left) * scaleX - window.left,
      window.width,
    );
    const down = shown((y1 - crop.top) * scaleY - window.top, (y2 - crop.top) * scaleY - window.top, window.height);
    if (!across || !down) continue;
    const [left, right] = [offset.left + across[0], offset.left + across[1]];
    const sides = mirrored ? [size.width - right, size.width - left] : [left, right];
    const [top, bottom] = [offset.top + down[0], offset.top + down[1]];
    out.boxes.set([sides[0] as number, top, sides[1] as number, bottom, area * scaleX * scaleY], BOX_NUMBERS * count);
    out.marks.set([label, mark], BOX_MARKS * count);
    count++;
  }
}

/** A side within 0 and `length`, cut off there; undefined where its middle is not. */
function shown(from: number, to: number, length: number): [number, number] | undefined {
  const middle = (from + to) / 2;
  return middle > 0 && middle < length ? [Math.max(0, from), Math.min(length, to)] : undefined;
}
