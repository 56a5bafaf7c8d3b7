/** Boxes as the four numbers that the network predicts relative to an anchor (Faster R-CNN's coder with SSD's weights). */
import type { Box } from './boxes.js';

/** Factors on the shifts of the centre and on the logarithms of the sides. */
export const CENTRE_WEIGHT = 10;
export const SIDE_WEIGHT = 5;

/** A decoded side is at most 62.5 times its anchor's (torchvision's limit for its smallest anchors of 16 pixels). */
export const LARGEST_LOGARITHM = Math.log(1000 / 16);

const centreAndSides = ([x1, y1, x2, y2]: Box) => [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1] as const;

/**
 * The code of a box relative to an anchor: shifts of the centre (x, y), logarithms of the sides (width, height).
 * @example
 * ```ts
 * encode([10, 10, 30, 50], [10, 10, 30, 50]); // [0, 0, 0, 0]
 * ```
 */
export function encode(box: Box, anchor: Box): [number, number, number, number] {
  const [x, y, width, height] = centreAndSides(box);
  const [anchorX, anchorY, anchorWidth, anchorHeight] = centreAndSides(anchor);
  return [
    (CENTRE_WEIGHT * (x - anchorX)) / anchorWidth,
    (CENTRE_WEIGHT * (y - anchorY)) / anchorHeight,
    SIDE_WEIGHT * Math.log(width / anchorWidth),
    SIDE_WEIGHT * Math.log(height / anchorHeight),
  ];
}

/**
 * The box that a code stands for; not clipped to the image.
 * @example
 * ```ts
 * decode([0, 0, 0, 0], [10, 10, 30, 50]); // the anchor itself
 * ```
 */
export function decode([dx, dy, dw, dh]: readonly [number, number, number, number], anchor: Box): Box {
  const [anchorX, anchorY, anchorWidth, anchorHeight] = centreAndSides(anchor);
  const x = anchorX + (dx / CENTRE_WEIGHT) * anchorWidth;
  const y = anchorY + (dy / CENTRE_WEIGHT) * anchorHeight;
  const width = anchorWidth * Math.exp(Math.min(dw / SIDE_WEIGHT, LARGEST_LOGARITHM));
  const height = anchorHeight * Math.exp(Math.min(dh / SIDE_WEIGHT, LARGEST_LOGARITHM));
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}
