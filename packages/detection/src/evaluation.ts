/** What a detector makes of images, and how good that is: COCO's and Pascal VOC's measures of a whole set. */
import type { LoadedBox } from '@refconv/datasets/boxes';
import type { ImageResult, Measured } from '@refconv/training';
import type { Detection } from './detections.js';
import {
  type CocoAnnotation,
  type CocoBox,
  type CocoResult,
  type CocoTruth,
  cocoMetrics,
  vocMetrics,
} from './metrics/index.js';

/** What a network makes of one image, in pixels of the image itself. */
export interface DetectedImage extends ImageResult {
  height: number;
  width: number;
  truth: readonly LoadedBox[];
  /** By falling score; none where an output is NaN or infinite. */
  detections: readonly Detection[];
  /** Both losses, summed over the image, and the anchors that have a box. */
  loss: number;
  positives: number;
  /** Without the background. */
  classes: number;
  finite: boolean;
}

/** Of a whole set; every AP from 0 to 1. */
export interface DetectionEvaluation extends Measured {
  /** COCO's AP: the mean over IoU 0.5, 0.55, … 0.95 and the classes. */
  ap: number;
  ap50: number;
  ap75: number;
  /** COCO's twelve numbers in their order; null where there is nothing to find. */
  coco: (number | null)[];
  /** Of each class COCO's AP; null where there is nothing to find. */
  classAp: (number | null)[];
  /** Pascal VOC's AP, the area under the curve of 2010 and later, and the mean of eleven precisions of 2007. */
  voc12: number;
  voc07: number;
  /** Of each class, by the rule of 2012. */
  classVoc12: (number | null)[];
}

/** Numbers of images and classes in COCO's files; default: from 1 on. */
export interface CocoNumbers {
  images?: ArrayLike<number>;
  categories?: ArrayLike<number>;
}

const cocoBox = ([x1, y1, x2, y2]: LoadedBox['box'] | Detection['box']): CocoBox => [x1, y1, x2 - x1, y2 - y1];

/** Boxes of all images as COCO's format has them. */
export function cocoTruth(
  images: readonly DetectedImage[],
  classes: readonly string[],
  { images: ids = images.map((_, i) => i + 1), categories = classes.map((_, i) => i + 1) }: CocoNumbers = {},
): CocoTruth & { images: { id: number; file_name: string; height: number; width: number }[] } {
  const annotations: CocoAnnotation[] = [];
  images.forEach(({ truth }, i) => {
    for (const { box, area, label, crowd, difficult } of truth)
      annotations.push({
        // 0 counts as no number in pycocotools.
        id: annotations.length + 1,
        image_id: ids[i] as number,
        category_id: categories[label - 1] as number,
        bbox: cocoBox(box),
        area,
        iscrowd: crowd ? 1 : 0,
        ...(difficult && { difficult: 1 as const }),
      });
  });
  return {
    images: images.map(({ file, height, width }, i) => ({
      ...{ id: ids[i] as number, file_name: file ?? `${ids[i]}`, height, width },
    })),
    categories: classes.map((name, i) => ({ id: categories[i] as number, name })),
    annotations,
  };
}

/** Detections of all images as COCO's format of results has them. */
export function cocoResults(
  images: readonly Pick<DetectedImage, 'detections'>[],
  { images: ids, categories }: CocoNumbers = {},
): CocoResult[] {
  return images.flatMap(({ detections }, i) =>
    detections.map(({ label, score, box }) => ({
      image_id: ids?.[i] ?? i + 1,
      category_id: categories?.[label - 1] ?? label,
      bbox: cocoBox(box),
      score,
    })),
  );
}

/**
 * @throws RangeError where there is nothing to find in any image.
 * @example
 * ```ts
 * import { predict, testLoader } from '@refconv/training';
 * const loader = testLoader(source, { transform: 'resize(320x320)|normalize(imagenet)' }); // of a set with boxes
 * const { ap, ap50 } = detectionEvaluation(await predict(model, loader, { task: detection }));
 * ```
 */
export function detectionEvaluation(images: readonly DetectedImage[]): DetectionEvaluation {
  const count = images[0]?.classes ?? 0;
  const truth = cocoTruth(
    images,
    Array.from({ length: count }, (_, i) => `${i + 1}`),
  );
  const found = cocoResults(images);
  const known = (value: number | undefined) => (value === undefined || value < 0 ? null : value);
  const { stats, classes } = cocoMetrics(truth, found);
  const [ap, ap50, ap75] = stats as [number, number, number];
  if (ap < 0) throw new RangeError(`The ${images.length} images have no box that counts: AP of nothing is no number.`);
  const [voc12, voc07] = [vocMetrics(truth, found, '12'), vocMetrics(truth, found, '07')];
  const positives = images.reduce((sum, image) => sum + image.positives, 0);
  return {
    ...{ count: images.length, ap, ap50, ap75, coco: stats.map(known) },
    classAp: truth.categories.map(({ id }) => known(classes.get(id))),
    // Where all boxes are difficult ones there is nothing to find by VOC's rules.
    ...{ voc12: Math.max(0, voc12.map), voc07: Math.max(0, voc07.map) },
    classVoc12: truth.categories.map(({ id }) => known(voc12.classes.get(id))),
    loss: images.reduce((sum, { loss }) => sum + loss, 0) / Math.max(1, positives),
    notFinite: images.filter(({ finite }) => !finite).length,
  };
}
