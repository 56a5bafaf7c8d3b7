/** Measures of detections and segmentations that any program made. */
import { checkResults, checkTruth, cocoMetrics, type VocRule, vocMetrics } from '@refconv/detection/metrics';
import { confusionMatrix, segmentationMetrics } from '@refconv/segmentation/metrics';
import { readChecked } from '../jsonFile.js';
import { readLabels } from '../npy.js';

interface BoxFiles {
  truth: string;
  detections: string;
}

export async function coco(files: BoxFiles): Promise<void> {
  const { truth, detections } = await readBoxes(files);
  const { stats, classes } = cocoMetrics(truth, detections);
  console.log(JSON.stringify({ stats, classes: Object.fromEntries(classes) }));
}

export async function voc({ rule, ...files }: BoxFiles & { rule: VocRule }): Promise<void> {
  const { truth, detections } = await readBoxes(files);
  const { map, classes } = vocMetrics(truth, detections, rule);
  console.log(JSON.stringify({ map, classes: Object.fromEntries(classes) }));
}

interface PixelFiles {
  labels: string;
  predictions: string;
  classes: number;
  ignore: number;
}

export async function miou(files: PixelFiles): Promise<void> {
  const [labels, predictions] = [await readLabels(files.labels), await readLabels(files.predictions)];
  if (labels.shape.join() !== predictions.shape.join()) {
    throw new Error(
      `${files.labels} has the shape [${labels.shape}], ${files.predictions} [${predictions.shape}]; expected the same.`,
    );
  }
  const { classAccuracy, ...measures } = segmentationMetrics(confusionMatrix(labels.data, predictions.data, files));
  console.log(JSON.stringify(measures));
}

async function readBoxes(files: BoxFiles) {
  const truth = await readChecked(files.truth, checkTruth);
  return { truth, detections: await readChecked(files.detections, (value) => checkResults(value, truth)) };
}
