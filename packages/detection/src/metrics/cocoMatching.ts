/** Which detections of one image and class find an object, as pycocotools 2.0 decides it (cocoeval.py, evaluateImg). */
import type { CocoAnnotation, CocoBox, CocoResult } from './cocoFormat.js';

// As numpy.linspace rounds them.
const STEP = (0.95 - 0.5) / 9;
export const THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) => (i === 9 ? 0.95 : 0.5 + i * STEP));

/** The objects and detections of one class in one image. */
export interface Group {
  truth: CocoAnnotation[];
  /** By falling score. */
  detections: CocoResult[];
  /** Of each detection with each object, row by row. */
  overlaps: Float64Array;
}

/** From least to largest area in pixels, both included. */
export type AreaRange = readonly [least: number, largest: number];

export const FOUND = 1;
export const WRONG = 0;
/** Neither right nor wrong. */
export const IGNORED = -1;

const areaOf = ([, , width, height]: CocoBox) => width * height;

/** Of all detections with all objects, row by row; with a crowd the share of the detection that is inside. */
export function overlapsOf(truth: readonly CocoAnnotation[], detections: readonly CocoResult[]): Float64Array {
  const overlaps = new Float64Array(truth.length * detections.length);
  detections.forEach(({ bbox: d }, row) => {
    truth.forEach(({ bbox: t, iscrowd }, column) => {
      const width = Math.min(d[0] + d[2], t[0] + t[2]) - Math.max(d[0], t[0]);
      const height = Math.min(d[1] + d[3], t[1] + t[3]) - Math.max(d[1], t[1]);
      if (width <= 0 || height <= 0) return;
      const both = width * height;
      overlaps[row * truth.length + column] = both / (iscrowd ? areaOf(d) : areaOf(d) + areaOf(t) - both);
    });
  });
  return overlaps;
}

/**
 * Gives each detection, best first, the object that it overlaps most at each threshold.
 * @param outcomes takes FOUND, WRONG or IGNORED of each detection at each threshold, row by row, from the place `at` on.
 * @returns the number of objects to be found: neither crowds nor of an area outside the range.
 */
export function matchGroup(
  { truth, detections, overlaps }: Group,
  range: AreaRange,
  outcomes: Int8Array,
  at: number,
): number {
  const isOutside = (area: number) => area < range[0] || area > range[1];
  const steps = THRESHOLDS.length;
  for (let d = 0; d < detections.length; d++) {
    const withoutObject = isOutside(areaOf((detections[d] as CocoResult).bbox)) ? IGNORED : WRONG;
    for (let t = 0; t < steps; t++) outcomes[at + d * steps + t] = withoutObject;
  }
  if (truth.length === 0) return 0;

  const ignored = truth.map(({ iscrowd, area, bbox }) => iscrowd === 1 || isOutside(area ?? areaOf(bbox)));
  const places = [...truth.keys()];
  const regular = places.filter((i) => !ignored[i]);
  const order = [...regular, ...places.filter((i) => ignored[i])];
  const taken = new Uint8Array(truth.length);
  for (let t = 0; t < steps; t++) {
    taken.fill(0);
    for (let d = 0; d < detections.length; d++) {
      let best = Math.min(THRESHOLDS[t] as number, 1 - 1e-10);
      let match = -1;
      for (const object of order) {
        if (taken[object] && truth[object]?.iscrowd !== 1) continue;
        if (match >= 0 && !ignored[match] && ignored[object]) break;
        const overlap = overlaps[d * truth.length + object] as number;
        if (overlap < best) continue;
        best = overlap;
        match = object;
      }
      if (match < 0) continue;
      taken[match] = 1;
      outcomes[at + d * steps + t] = ignored[match] ? IGNORED : FOUND;
    }
  }
  return regular.length;
}
