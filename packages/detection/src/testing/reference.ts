/** Matching and loss a second time: in float64, without tensors, and gradients by their formulas. */
import { type Box, iou } from '../boxes.js';
import { encode } from '../coder.js';
import type { ImageTargets } from '../targets.js';

/**
 * The box of each anchor, −1 for none.
 * @param rounding IoUs that differ by less of themselves are equal. At 0, as in the oracles, float64's last bits decide.
 */
export function match(anchors: readonly Box[], boxes: readonly Box[], rounding: number): number[] {
  const overlaps = boxes.map((box) => anchors.map((anchor) => iou(box, anchor)));
  const firstOfLargest = (values: number[]) => {
    const least = Math.max(...values) * (1 - rounding);
    return values.findIndex((value) => value >= least);
  };
  const matched = anchors.map((_, anchor) => {
    const column = overlaps.map((row) => row[anchor] as number);
    return Math.max(...column) >= 0.5 ? firstOfLargest(column) : -1;
  });
  overlaps.forEach((row, box) => {
    matched[firstOfLargest(row)] = box;
  });
  return matched;
}

export interface ReferenceLosses {
  classification: number;
  regression: number;
  logitGradient: Float64Array;
  boxGradient: Float64Array;
}

/** Both losses with their gradients, of a batch of `targets.length` images. */
export function referenceLosses(
  logits: ArrayLike<number>,
  codes: ArrayLike<number>,
  targets: readonly ImageTargets[],
  anchors: readonly Box[],
  rounding: number,
): ReferenceLosses {
  const count = targets.length * anchors.length;
  const classes = logits.length / count;
  const matches = targets.map(({ boxes }) => match(anchors, boxes, rounding));
  const positives = Math.max(1, matches.flat().filter((box) => box >= 0).length);
  const found = { classification: 0, regression: 0 };
  const logitGradient = new Float64Array(logits.length);
  const boxGradient = new Float64Array(codes.length);
  targets.forEach(({ boxes, labels }, image) => {
    const matched = matches[image] as number[];
    const rows = anchors.map((anchor, i) => {
      const place = image * anchors.length + i;
      const row = Array.from({ length: classes }, (_, c) => logits[place * classes + c] as number);
      const logSum = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const box = matched[i] as number;
      const label = box < 0 ? 0 : (labels[box] as number);
      return { anchor, place, row, logSum, box, label, loss: logSum - (row[label] as number) };
    });
    const positive = rows.filter(({ box }) => box >= 0);
    const negative = rows.filter(({ box }) => box < 0).sort((a, b) => b.loss - a.loss);
    for (const { place, row, logSum, label, loss } of [...positive, ...negative.slice(0, 3 * positive.length)]) {
      found.classification += loss / positives;
      row.forEach((logit, c) => {
        logitGradient[place * classes + c] = (Math.exp(logit - logSum) - (c === label ? 1 : 0)) / positives;
      });
    }
    for (const { place, anchor, box } of positive) {
      encode(boxes[box] as Box, anchor).forEach((code, k) => {
        const difference = (codes[place * 4 + k] as number) - code;
        const distance = Math.abs(difference);
        found.regression += (distance < 1 ? difference ** 2 / 2 : distance - 0.5) / positives;
        boxGradient[place * 4 + k] = Math.min(1, Math.max(-1, difference)) / positives;
      });
    }
  });
  return { ...found, logitGradient, boxGradient };
}
