/** Which part of an image is used, and at what size: all of it linear, so that decoding can leave out the rest. */
import type { Rectangle } from '../image/image.js';
import type { Interpolation, Resize } from '../image/resample.js';
import type { Random } from '../random.js';
import { type Corners, placeView, randomExpand, randomIouCrop } from './boxViews.js';
import type { Step } from './parse.js';

interface Size {
  width: number;
  height: number;
}

export interface Placement {
  /** The part of the image that counts as the whole for the resize, as its edges are repeated, not looked beyond. */
  crop: Rectangle;
  resize: Resize;
  /** Of the result, and where in it the window of `resize` goes; around it there is black. */
  size: Size;
  offset: { left: number; top: number };
}

/**
 * Draws what is random.
 * @param boxes those of the image, in its pixels.
 * @throws {Error} if a crop is larger than the image.
 */
export function placeImage(
  image: Size,
  steps: readonly Step[],
  random: Random,
  boxes: readonly Corners[] = [],
): Placement {
  let placement = whole(image);
  let view: Rectangle | undefined;
  for (const { name, numbers, ranges, interpolation = 'bilinear' } of steps) {
    const { height, width } = numbers as { height: number; width: number };
    const sides = { height, width };
    if (name === 'randomResizedCrop') {
      const crop = randomResizedCrop(image, ranges as Record<'scale' | 'ratio', readonly [number, number]>, random);
      const window = { left: 0, top: 0, ...sides };
      placement = { crop, resize: { ...sides, window, interpolation }, size: sides, offset: { left: 0, top: 0 } };
    } else if (name === 'randomExpand') {
      view = randomExpand(
        view ?? placement.crop,
        ranges.times as readonly [number, number],
        numbers.p as number,
        random,
      );
    } else if (name === 'randomIouCrop') {
      view = randomIouCrop(
        view ?? placement.crop,
        boxes,
        ranges as Record<'scale' | 'ratio', [number, number]>,
        random,
      );
    } else if (name === 'resize' && view) {
      placement = placeView(view, placement.crop, sides, interpolation);
    } else if (name === 'resize') {
      const { side } = numbers;
      placement = whole(image, side === undefined ? sides : shorterSide(image, side), interpolation);
    } else if (name === 'randomResize') {
      const [least, greatest] = ranges.size as readonly [number, number];
      placement = whole(image, shorterSide(image, least + random.integer(greatest - least + 1)), interpolation);
    } else if (name === 'centerCrop') {
      const { resize } = placement;
      checkFits(placement, sides, 0);
      const at = {
        left: roundHalfEven((resize.width - width) / 2),
        top: roundHalfEven((resize.height - height) / 2),
      };
      placement = cut(placement, at, sides);
    } else if (name === 'randomCrop') {
      const { resize } = placement;
      const padding = numbers.padding as number;
      if (numbers.padIfSmaller !== 1) checkFits(placement, sides, padding);
      const rows = Math.max(0, resize.height + 2 * padding - height) + 1;
      const columns = Math.max(0, resize.width + 2 * padding - width) + 1;
      const top = random.integer(rows) - padding;
      placement = cut(placement, { top, left: random.integer(columns) - padding }, sides);
    }
  }
  return placement;
}

/**
 * The crop of "Inception" training: a share of the area, uniform in `scale`, with an aspect ratio whose logarithm is
 * uniform; after ten that do not fit, the largest in the middle. As in torchvision.transforms.RandomResizedCrop.
 */
export function randomResizedCrop(
  { width, height }: Size,
  { scale, ratio }: { scale: readonly [number, number]; ratio: readonly [number, number] },
  random: Random,
): Rectangle {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(...scale);
    const aspect = Math.exp(between(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = roundHalfEven(Math.sqrt(area * aspect));
    const h = roundHalfEven(Math.sqrt(area / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = random.integer(height - h + 1);
      return { top, left: random.integer(width - w + 1), width: w, height: h };
    }
  }
  const own = width / height;
  const w = own > ratio[1] ? roundHalfEven(height * ratio[1]) : width;
  const h = own < ratio[0] ? roundHalfEven(width / ratio[0]) : height;
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), width: w, height: h };
}

/** The shorter side becomes `side`, the longer one in proportion, rounded down: torchvision.transforms.Resize. */
function shorterSide({ width, height }: Size, side: number): Size {
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side };
}

function whole(image: Size, size: Size = image, interpolation: Interpolation = 'bilinear'): Placement {
  const all = { left: 0, top: 0, ...size };
  return {
    crop: { left: 0, top: 0, width: image.width, height: image.height },
    resize: { ...size, window: all, interpolation },
    size,
    offset: { left: 0, top: 0 },
  };
}

/** A part of the resized image; what lies outside of that is padding. */
function cut(placement: Placement, at: { left: number; top: number }, sides: Size): Placement {
  const { resize } = placement;
  const { width, height } = resize;
  const [left, top] = [Math.max(0, at.left), Math.max(0, at.top)];
  const window = {
    left,
    top,
    width: Math.min(width, at.left + sides.width) - left,
    height: Math.min(height, at.top + sides.height) - top,
  };
  return {
    crop: placement.crop,
    resize: { ...resize, window },
    size: sides,
    offset: { left: left - at.left, top: top - at.top },
  };
}

function checkFits({ resize: { width, height } }: Placement, sides: Size, padding: number): void {
  if (width + 2 * padding >= sides.width && height + 2 * padding >= sides.height) return;
  const what = sides.width === sides.height ? `a square of ${sides.width}` : `${sides.width} x ${sides.height}`;
  throw new Error(
    `the image is ${width} x ${height} where ${what} is to be cut out` +
      `${padding > 0 ? `, ${padding} pixels of padding around it` : ''}; put resize(${Math.max(sides.width, sides.height)}) before it`,
  );
}

/** As Python's round(). */
export function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}
