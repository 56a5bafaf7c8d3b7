/**
 * Parts of an image with boxes, by which detectors are trained (SSD, arXiv 1512.02325, section 2.2), by the laws of torchvision.transforms.v2:
 * the image in the middle of a larger black one (RandomZoomOut), and a crop that shows enough of some box (RandomIoUCrop).
 */
import type { Rectangle } from '../image/image.js';
import type { Interpolation } from '../image/resample.js';
import type { Random } from '../random.js';
import type { Placement } from './geometry.js';

/** (x1, y1, x2, y2) in pixels of the image, continuous. */
export type Corners = readonly [x1: number, y1: number, x2: number, y2: number];

type Range = readonly [low: number, high: number];

const between = ([low, high]: Range, random: Random) => low + (high - low) * random.uniform();

/** A canvas that is `times` as wide and high, on which the image lies anywhere. @returns it in pixels of the image. */
export function randomExpand(
  { left, top, width, height }: Rectangle,
  times: Range,
  p: number,
  random: Random,
): Rectangle {
  const [chance, share] = [random.uniform(), between(times, random)];
  const [x, y] = [random.uniform(), random.uniform()];
  if (chance >= p) return { left, top, width, height };
  const canvas = { width: Math.trunc(width * share), height: Math.trunc(height * share) };
  const shift = { left: Math.trunc((canvas.width - width) * x), top: Math.trunc((canvas.height - height) * y) };
  return { left: left - shift.left, top: top - shift.top, ...canvas };
}

/** The least IoU that some box and the crop have; the last stands for the whole image. */
const LEAST_IOUS = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1];
const TRIALS = 40;

/** A crop that has the middle of some box in it, and with the best of them at least the IoU that is drawn. */
export function randomIouCrop(
  view: Rectangle,
  boxes: readonly Corners[],
  { scale, ratio }: Record<'scale' | 'ratio', Range>,
  random: Random,
): Rectangle {
  for (;;) {
    const least = LEAST_IOUS[random.integer(LEAST_IOUS.length)] as number;
    if (least >= 1) return view;
    for (let trial = 0; trial < TRIALS; trial++) {
      const width = Math.trunc(view.width * between(scale, random));
      const height = Math.trunc(view.height * between(scale, random));
      const aspect = width / height;
      if (!(aspect >= ratio[0] && aspect <= ratio[1])) continue;
      const crop = {
        left: view.left + Math.trunc((view.width - width) * random.uniform()),
        top: view.top + Math.trunc((view.height - height) * random.uniform()),
        ...{ width, height },
      };
      const inside = boxes.filter((box) => hasCentre(crop, box));
      if (inside.some((box) => overlap(crop, box) >= least)) return crop;
    }
  }
}

function hasCentre({ left, top, width, height }: Rectangle, [x1, y1, x2, y2]: Corners): boolean {
  const [x, y] = [(x1 + x2) / 2 - left, (y1 + y2) / 2 - top];
  return x > 0 && x < width && y > 0 && y < height;
}

/** IoU of a box with a crop. */
function overlap({ left, top, width, height }: Rectangle, [x1, y1, x2, y2]: Corners): number {
  const w = Math.min(x2, left + width) - Math.max(x1, left);
  const h = Math.min(y2, top + height) - Math.max(y1, top);
  const both = Math.max(0, w) * Math.max(0, h);
  return both / (width * height + (x2 - x1) * (y2 - y1) - both);
}

/** A part of the image, which may reach beyond it, resized to `size`: what lies beyond is black. */
export function placeView(
  view: Rectangle,
  image: Rectangle,
  size: { width: number; height: number },
  interpolation: Interpolation,
): Placement {
  const across = along(view.left, view.width, image.width, size.width);
  const down = along(view.top, view.height, image.height, size.height);
  return {
    crop: { left: across.from, top: down.from, width: across.length, height: down.length },
    resize: {
      ...{ width: across.resized, height: down.resized, interpolation },
      window: { left: 0, top: 0, width: across.resized, height: down.resized },
    },
    size: { width: size.width, height: size.height },
    offset: { left: across.offset, top: down.offset },
  };
}

/** One side: what of the image is seen, and where that goes, in whole pixels. */
function along(start: number, length: number, image: number, size: number) {
  const from = Math.max(0, start);
  const seen = Math.min(image, start + length) - from;
  const factor = size / length;
  const resized = Math.max(1, Math.round(seen * factor));
  return { from, length: seen, resized, offset: Math.min(Math.round((from - start) * factor), size - resized) };
}
