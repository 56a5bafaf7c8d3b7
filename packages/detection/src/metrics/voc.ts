/** Pascal VOC's average precision, as py-faster-rcnn computes it (lib/datasets/voc_eval.py), in float64. */
import type { CocoAnnotation, CocoBox, CocoResult, CocoTruth } from './cocoFormat.js';
import { groupBy, mean } from './lists.js';

/** VOC 2007's mean of eleven precisions, or the area under the curve of 2010 and later. */
export type VocRule = '07' | '12';

export interface VocMetrics {
  /** Mean of the classes; −1 where there is nothing to find in any. */
  map: number;
  /** AP of each category by its id; −1 where there is nothing to find. */
  classes: Map<number, number>;
}

const LEAST_IOU = 0.5;

/** Boxes are (x, y, width, height) of pixels: x is the first pixel, and x + width − 1 the last one. */
export function vocMetrics(truth: CocoTruth, detections: readonly CocoResult[], rule: VocRule = '12'): VocMetrics {
  const truthOf = groupBy(truth.annotations, ({ category_id }) => category_id);
  const detectionsOf = groupBy(detections, ({ category_id }) => category_id);
  const ids = truth.categories.map(({ id }) => id).sort((a, b) => a - b);
  const classes = new Map(
    ids.map((id) => [id, classPrecision(truthOf.get(id) ?? [], detectionsOf.get(id) ?? [], rule)]),
  );
  return { map: mean([...classes.values()].filter((precision) => precision >= 0)), classes };
}

function classPrecision(truth: readonly CocoAnnotation[], detections: readonly CocoResult[], rule: VocRule): number {
  const objects = truth.filter(({ difficult }) => difficult !== 1).length;
  if (objects === 0) return -1;
  const inImage = groupBy(truth, ({ image_id }) => image_id);
  const taken = new Set<CocoAnnotation>();
  let [found, wrong] = [0, 0];
  const recalls: number[] = [];
  const precisions: number[] = [];
  for (const { image_id, bbox } of detections.toSorted((a, b) => b.score - a.score)) {
    const { object, overlap } = nearest(bbox, inImage.get(image_id) ?? []);
    if (!object || !(overlap > LEAST_IOU)) wrong++;
    else if (object.difficult !== 1) {
      if (taken.has(object)) wrong++;
      else found++;
      taken.add(object);
    }
    recalls.push(found / objects);
    precisions.push(found / Math.max(found + wrong, Number.EPSILON));
  }
  return rule === '07' ? meanOfEleven(recalls, precisions) : areaUnder(recalls, precisions);
}

/** The box of the largest overlap, of equals the first. */
function nearest(box: CocoBox, objects: readonly CocoAnnotation[]) {
  let best: { object?: CocoAnnotation; overlap: number } = { overlap: -1 };
  for (const object of objects) {
    const overlap = pixelIou(box, object.bbox);
    if (overlap > best.overlap) best = { object, overlap };
  }
  return best;
}

function pixelIou(a: CocoBox, b: CocoBox): number {
  const sides = [0, 1].map((axis) => {
    const last = ([...box]: CocoBox) => (box[axis] as number) + (box[axis + 2] as number) - 1;
    return Math.max(Math.min(last(a), last(b)) - Math.max(a[axis] as number, b[axis] as number) + 1, 0);
  }) as [number, number];
  const both = sides[0] * sides[1];
  return both / (a[2] * a[3] + b[2] * b[3] - both);
}

function meanOfEleven(recalls: readonly number[], precisions: readonly number[]): number {
  // As numpy.arange(0, 1.1, 0.1) rounds them.
  const levels = Array.from({ length: 11 }, (_, i) => i * 0.1);
  return mean(
    levels.map((level) =>
      precisions.reduce((best, p, i) => ((recalls[i] as number) >= level ? Math.max(best, p) : best), 0),
    ),
  );
}

function areaUnder(recalls: readonly number[], precisions: readonly number[]): number {
  let [sum, envelope] = [0, 0];
  for (let i = recalls.length - 1; i >= 0; i--) {
    envelope = Math.max(envelope, precisions[i] as number);
    sum += ((recalls[i] as number) - (recalls[i - 1] ?? 0)) * envelope;
  }
  return sum;
}
