/** Reads the oracles of dense prediction. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shared, uniform } from '../../../backbones/dist/testing/oracle.js';
import type { Box } from '../boxes.js';
import type { ImageTargets } from '../targets.js';

/** Numbers of a case whose inputs are generated from names. */
export interface LossCase {
  targets: ImageTargets[];
  logits: string;
  boxes: string;
  losses: [classification: number, regression: number];
  gradientNorms: [logits: number, boxes: number];
  positives: number[];
}

export interface AnchorCase {
  size: [height: number, width: number];
  maps: number[][];
  count: number;
  first: number[];
  last: number[];
  sums: number[];
  norms?: number[];
}

export interface BoxesOracle {
  anchors: AnchorCase;
  iou: { boxes: Box[]; iou: number[][] };
  coder: {
    boxes: Box[];
    anchors: Box[];
    encoded: number[][];
    codes: [number, number, number, number][];
    decoded: Box[];
  };
  matching: (ImageTargets & { matched: [anchor: number, box: number][] })[];
  loss: LossCase[];
  nms: { boxes: Box[]; scores: number[]; kept: number[] }[];
  postprocess: { logits: string; logitScale: number; boxes: string; boxScale: number; detections: number[][] }[];
}

export interface MetricsOracle {
  coco: {
    kind: string;
    images: number[];
    classes: number[];
    /** image, class, x, y, w, h, area, crowd. */
    truth: number[][];
    /** image, class, x, y, w, h, score. */
    detections: number[][];
    stats: number[];
    perClass: number[];
  }[];
  voc: {
    images: number[];
    /** image, xmin, ymin, xmax, ymax, difficult. */
    truth: number[][];
    /** image, score, xmin, ymin, xmax, ymax. */
    detections: number[][];
    voc07: number;
    voc12: number;
  }[];
}

/** An oracle of the shared folder; undefined where that is missing (REFCONV_SHARED). */
export function readDense<T>(name: string): T | undefined {
  const path = join(shared, 'oracles', 'dense', `${name}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** `scale`·(2u − 1) of the numbers that belong to a name. */
export const generated = (name: string, count: number, scale = 1) =>
  Float64Array.from(uniform(name, count), (u) => scale * (2 * u - 1));
