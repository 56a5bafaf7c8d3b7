/** From a network's numbers to the objects that it found, in float64. */
import { type Box, clip, iou, type Size } from './boxes.js';
import { decode } from './coder.js';

export interface Detection {
  /** The class, from 1. */
  label: number;
  /** Its probability. */
  score: number;
  box: Box;
}

export interface DetectionOptions {
  /** Scores must be above it. Default: 0.001. */
  leastScore?: number;
  /** Boxes of each class that are looked at, the best ones. Default: 300. */
  candidates?: number;
  /** Of two boxes of a class that overlap more the better one stays. Default: 0.55. */
  largestIou?: number;
  /** Detections of an image. Default: 300. */
  most?: number;
}

/**
 * The boxes that stay, best first: in falling score (of equals the first) each removes those behind it that overlap it by more than
 * `largestIou`. Unlike tf.image.nonMaxSuppression, which removes an overlap of just so much too.
 * @returns places in `boxes`.
 * @example
 * ```ts
 * nonMaximumSuppression([[0, 0, 10, 10], [1, 0, 11, 10]], [0.9, 0.8], 0.55); // [0]: the second overlaps the first
 * ```
 */
export function nonMaximumSuppression(boxes: readonly Box[], scores: readonly number[], largestIou: number): number[] {
  const kept: number[] = [];
  for (const candidate of inFallingOrder(scores)) {
    const box = boxes[candidate] as Box;
    let stays = true;
    for (let i = 0; stays && i < kept.length; i++) stays = !(iou(boxes[kept[i] as number] as Box, box) > largestIou);
    if (stays) kept.push(candidate);
  }
  return kept;
}

/** Places of the scores, the largest first, of equals the first. */
function inFallingOrder(scores: readonly number[]): number[] {
  return scores.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
}

/**
 * The detections of one image by falling score: softmax, the best boxes of each class but the background decoded and clipped,
 * non-maximum suppression class by class, and of all classes the best.
 * @param logits [anchors, classes], row by row.
 * @param codes [anchors, 4], row by row, undecoded.
 * @param size of the network's input, whose pixels the anchors and the detections are in.
 * @example
 * ```ts
 * const { logits, boxes } = predictionsOf(model, images, false);
 * const [first, codes] = [tf.unstack(logits)[0], tf.unstack(boxes)[0]];
 * const found = detectionsOf(first.dataSync(), codes.dataSync(), anchorsOf(model), inputSizeOf(model));
 * ```
 */
export function detectionsOf(
  logits: ArrayLike<number>,
  codes: ArrayLike<number>,
  anchors: readonly Box[],
  size: Size,
  { leastScore = 0.001, candidates = 300, largestIou = 0.55, most = 300 }: DetectionOptions = {},
): Detection[] {
  const classes = logits.length / anchors.length;
  const probabilities = softmax(logits, classes);
  const code = (i: number) => codes[i] as number;
  const boxOf = (anchor: number) => {
    const i = 4 * anchor;
    return clip(decode([code(i), code(i + 1), code(i + 2), code(i + 3)], anchors[anchor] as Box), size);
  };
  const found: Detection[] = [];
  for (let label = 1; label < classes; label++) {
    const score = (anchor: number) => probabilities[anchor * classes + label] as number;
    const likely: number[] = [];
    for (let anchor = 0; anchor < anchors.length; anchor++) if (score(anchor) > leastScore) likely.push(anchor);
    const best = inFallingOrder(likely.map(score))
      .slice(0, candidates)
      .map((i) => likely[i] as number);
    const boxes = best.map(boxOf);
    const scores = best.map(score);
    for (const i of nonMaximumSuppression(boxes, scores, largestIou))
      found.push({ label, score: scores[i] as number, box: boxes[i] as Box });
  }
  const order = inFallingOrder(found.map(({ score }) => score));
  return order.slice(0, most).map((i) => found[i] as Detection);
}

function softmax(logits: ArrayLike<number>, classes: number): Float64Array {
  const result = Float64Array.from(logits);
  for (let start = 0; start < result.length; start += classes) {
    const end = start + classes;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) largest = Math.max(largest, result[i] as number);
    let sum = 0;
    for (let i = start; i < end; i++) sum += result[i] = Math.exp((result[i] as number) - largest);
    for (let i = start; i < end; i++) result[i] = (result[i] as number) / sum;
  }
  return result;
}
