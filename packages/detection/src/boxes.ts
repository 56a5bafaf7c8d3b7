/** Boxes of continuous coordinates, in float64. */

/** (x1, y1, x2, y2) in pixels. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** Height and width in pixels. */
export interface Size {
  height: number;
  width: number;
}

/**
 * Intersection over union; NaN for two boxes without area.
 * @example
 * ```ts
 * iou([0, 0, 2, 2], [1, 0, 3, 2]); // 1/3
 * ```
 */
export function iou(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const intersection = width * height;
  return intersection / (area(a) + area(b) - intersection);
}

// By index, as taking it apart costs several times as much, and this is called twice for each pair of boxes.
const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);

/** The part of a box that is inside the image. */
export function clip([x1, y1, x2, y2]: Box, { height, width }: Size): Box {
  const within = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  return [within(x1, width), within(y1, height), within(x2, width), within(y2, height)];
}

/**
 * A box in an image of another size; both sides are scaled apart.
 * @example
 * ```ts
 * rescale([10, 10, 20, 20], { height: 100, width: 100 }, { height: 200, width: 50 }); // [5, 20, 10, 40]
 * ```
 */
export function rescale([x1, y1, x2, y2]: Box, from: Size, to: Size): Box {
  const [x, y] = [to.width / from.width, to.height / from.height];
  return [x1 * x, y1 * y, x2 * x, y2 * y];
}
