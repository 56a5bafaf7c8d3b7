/** SSD's default boxes (arXiv 1512.02325, section 2.2) as torchvision's ssdlite320 has them. */
import type { Box, Size } from './boxes.js';

/** Of a map's boxes relative to the image, map by map; the last is the scale after the last map. */
const SCALES = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1];
const ASPECT_RATIOS = [2, 3];

/** Maps that the boxes lie on. */
export const MAPS = SCALES.length - 1;

/** Boxes at each place of a map: two squares, and each aspect ratio in both directions. */
export const ANCHORS_PER_PLACE = 2 + 2 * ASPECT_RATIOS.length;

/** Widths and heights relative to the image. */
function shapes(map: number): [width: number, height: number][] {
  const [scale, next] = SCALES.slice(map) as [number, number];
  const between = Math.sqrt(scale * next);
  const sides: [number, number][] = [
    [scale, scale],
    [between, between],
  ];
  for (const ratio of ASPECT_RATIOS) {
    const [long, short] = [scale * Math.sqrt(ratio), scale / Math.sqrt(ratio)];
    sides.push([long, short], [short, long]);
  }
  return sides.map(([width, height]) => [Math.min(width, 1), Math.min(height, 1)]);
}

/**
 * The default boxes in the order of the network's outputs: map, row, column, shape. They are not clipped to the image.
 * @param maps height and width of each of the six feature maps.
 * @throws RangeError for another number of maps.
 * @example
 * ```ts
 * const size = { height: 320, width: 320 };
 * const boxes = defaultBoxes(size, [20, 10, 5, 3, 2, 1].map((side) => ({ height: side, width: side })));
 * ```
 */
export function defaultBoxes(image: Size, maps: readonly Size[]): Box[] {
  if (maps.length !== MAPS) throw new RangeError(`Default boxes lie on ${MAPS} maps; given ${maps.length}.`);
  return maps.flatMap((map, k) => {
    const sides = shapes(k);
    return Array.from({ length: map.height * map.width }, (_, place) => {
      const x = ((place % map.width) + 0.5) / map.width;
      const y = (Math.floor(place / map.width) + 0.5) / map.height;
      // In torchvision's order: a square and its oblongs are equally large, and the last bit says which is nearer to a small box.
      return sides.map(([width, height]): Box => {
        const [left, right] = [(x - 0.5 * width) * image.width, (x + 0.5 * width) * image.width];
        return [left, (y - 0.5 * height) * image.height, right, (y + 0.5 * height) * image.height];
      });
    }).flat();
  });
}
