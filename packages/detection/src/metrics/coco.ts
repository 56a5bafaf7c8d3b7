/** COCO's average precision of boxes, as pycocotools 2.0 computes it (cocoeval.py), in float64. */
import type { CocoAnnotation, CocoResult, CocoTruth } from './cocoFormat.js';
import { type AreaRange, FOUND, type Group, matchGroup, overlapsOf, THRESHOLDS, WRONG } from './cocoMatching.js';
import { groupBy, mean } from './lists.js';

export interface CocoMetrics {
  /**
   * AP (mean over IoU 0.5, 0.55, … 0.95), AP50, AP75, AP of small, medium and large objects; recall with at most 1, 10 and 100
   * detections of an image and class; recall of small, medium and large objects. −1 where there is nothing to find.
   */
  stats: number[];
  /** AP of each category by its id; −1 where there is nothing to find. */
  classes: Map<number, number>;
}

/** In pixels: all, small, medium, large. */
const AREAS: readonly AreaRange[] = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
];

/** Detections of an image and class that count, at most; the last holds where nothing else is said. */
const CAPS = [1, 10, 100] as const;
const MOST = CAPS[2];

// As numpy.linspace(0, 1, 101) rounds them.
const RECALLS = Array.from({ length: 101 }, (_, i) => i * 0.01);

/** What a class reaches at each of the thresholds. */
interface Curves {
  /** At each of RECALLS. */
  precisions: number[][];
  recalls: number[];
}

/** The twelve numbers of COCO, and each class's AP. */
export function cocoMetrics(truth: CocoTruth, detections: readonly CocoResult[]): CocoMetrics {
  const truthOf = groupBy(truth.annotations, ({ category_id }) => category_id);
  const detectionsOf = groupBy(detections, ({ category_id }) => category_id);
  const ids = truth.categories.map(({ id }) => id).sort((a, b) => a - b);
  const evaluated = ids.map((id) => evaluateClass(groupsOf(truthOf.get(id) ?? [], detectionsOf.get(id) ?? [])));

  const of = (area: number, cap: number) => evaluated.flatMap((byArea) => byArea[area]?.(cap) ?? []);
  const precision = (curves: Curves[], threshold?: number) =>
    mean(
      curves.flatMap(({ precisions }) => (threshold === undefined ? precisions : [precisions[threshold] ?? []]).flat()),
    );
  const recall = (curves: Curves[]) => mean(curves.flatMap(({ recalls }) => recalls));
  const [all, ...sizes] = AREAS.map((_, area) => of(area, MOST)) as [Curves[], ...Curves[][]];
  return {
    stats: [
      precision(all),
      precision(all, THRESHOLDS.indexOf(0.5)),
      precision(all, THRESHOLDS.indexOf(0.75)),
      ...sizes.map((curves) => precision(curves)),
      ...CAPS.map((cap) => recall(of(0, cap))),
      ...sizes.map(recall),
    ],
    classes: new Map(ids.map((id, i) => [id, precision(evaluated[i]?.[0]?.(MOST) ?? [])])),
  };
}

/** The images that have the class or detections of it, by rising id. */
function groupsOf(truth: readonly CocoAnnotation[], detections: readonly CocoResult[]): Group[] {
  const truthOf = groupBy(truth, ({ image_id }) => image_id);
  const detectionsOf = groupBy(detections, ({ image_id }) => image_id);
  const images = [...new Set([...truthOf.keys(), ...detectionsOf.keys()])].sort((a, b) => a - b);
  return images.map((image) => {
    const truth = truthOf.get(image) ?? [];
    const best = (detectionsOf.get(image) ?? []).toSorted((a, b) => b.score - a.score).slice(0, MOST);
    return { truth, detections: best, overlaps: overlapsOf(truth, best) };
  });
}

/** Of each area the curves with so many detections of an image, or none where there is nothing to find. */
function evaluateClass(groups: readonly Group[]): ((cap: number) => Curves[])[] {
  const orderOf = inFallingScore(groups);
  const count = groups.reduce((sum, { detections }) => sum + detections.length, 0);
  return AREAS.map((area) => {
    const outcomes = new Int8Array(count * THRESHOLDS.length);
    let [objects, at] = [0, 0];
    for (const group of groups) {
      objects += matchGroup(group, area, outcomes, at);
      at += group.detections.length * THRESHOLDS.length;
    }
    if (objects === 0) return () => [];
    return (cap) => {
      const order = orderOf(cap);
      const curves = THRESHOLDS.map((_, t) => curve(order, outcomes, t, objects));
      return [{ precisions: curves.map(({ precision }) => precision), recalls: curves.map(({ recall }) => recall) }];
    };
  });
}

/** The detections of all images by falling score, of each image at most so many: their places when images follow each other. */
function inFallingScore(groups: readonly Group[]): (cap: number) => Uint32Array {
  const scores = Float64Array.from(groups.flatMap(({ detections }) => detections.map(({ score }) => score)));
  const ranks = Uint8Array.from(groups.flatMap(({ detections }) => [...detections.keys()]));
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  return (cap) => order.filter((place) => (ranks[place] as number) < cap);
}

/** Precision at each of RECALLS, and the recall in the end, at one threshold. */
function curve(order: Uint32Array, outcomes: Int8Array, threshold: number, objects: number) {
  let [found, wrong] = [0, 0];
  // After each object that is found; between them precision only falls.
  const precisions: number[] = [];
  for (const place of order) {
    const outcome = outcomes[place * THRESHOLDS.length + threshold];
    if (outcome === FOUND) precisions.push(++found / (found + wrong + Number.EPSILON));
    else if (outcome === WRONG) wrong++;
  }
  for (let i = found - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i] as number, precisions[i + 1] as number);
  let at = 0;
  const precision = RECALLS.map((recall) => {
    while (at < found && (at + 1) / objects < recall) at++;
    return precisions[at] ?? 0;
  });
  return { precision, recall: found / objects };
}
