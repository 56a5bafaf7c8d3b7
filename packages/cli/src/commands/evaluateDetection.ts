import { mkdir } from 'node:fs/promises';
import { fileName, type ImageSource, openImages } from '@refconv/datasets';
import { type DetectedImage, detection, detectionTransforms } from '@refconv/detection';
import { writeCoco } from '@refconv/detection/results';
import { askedShape, normalisationSteps, openSource, openTask, requireClasses, shapeOf } from '@refconv/runs/networks';
import { leftOutBy, leftOutText, predict, progress, requireFinite, testLoader } from '@refconv/training';
import { openOptions } from '../data.js';
import type { EvaluateSegmentationOptions } from './evaluateSegmentation.js';

/** What COCO's twelve numbers are called. */
const COCO_NAMES = [
  ...['AP', 'AP50', 'AP75', 'AP small', 'AP medium', 'AP large'],
  ...['recall at 1', 'recall at 10', 'recall at 100', 'recall small', 'recall medium', 'recall large'],
];

/** COCO's twelve numbers, each class's AP, and VOC's. @param options.output a folder for the boxes and detections in COCO's formats. */
export async function evaluateDetection(options: EvaluateSegmentationOptions & { output?: string }): Promise<void> {
  const { data, split = 'test', workers, skipBroken, maxPixels, batchSize, json, output } = options;
  const { source } = await openImages(data, split, openOptions());
  if (source.annotations?.kind !== 'boxes')
    throw new Error(`The images of ${data} have no boxes, by which detection is evaluated.`);
  const [height, width] = askedShape(options) ?? [];
  const { model, notes } = await openSource({ ...options, task: 'detection' }, height ? { height, width } : undefined);
  detection.checkModel(model);
  requireClasses(detection, model, source);
  const usual = detectionTransforms(shapeOf(model), normalisationSteps(options, notes)).test;
  const changed = options.mean !== undefined;
  const loader = testLoader(source, {
    transform: options.testTransform ?? (changed ? usual : (notes.transform ?? usual)),
    ...{ workers, maxPixels, onBroken: skipBroken ? 'skip' : 'fail' },
    ...(batchSize !== undefined && { batchSize }),
  });
  const bar = progress(source.count, 'evaluation');
  const begin = performance.now();
  const onBatch = (done: number) => bar.update(done, '');
  const images = await predict(model, loader, { task: detection, onBatch }).finally(async () => {
    bar.stop();
    await loader.close();
  });
  const result = requireFinite(detection.evaluationOf(images));
  const left = leftOutBy(loader);
  for (const line of leftOutText(left)) console.error(line);
  const seconds = (performance.now() - begin) / 1000;
  if (output !== undefined) {
    await mkdir(output, { recursive: true });
    await writeCoco(output, images, source.classes, numbersOf(source, images));
  }
  const { images: leftOut, boxes: wrongBoxes } = left;
  if (json) {
    const { classes } = source;
    console.log(JSON.stringify({ ...result, classes, broken: leftOut.length, leftOut, wrongBoxes, seconds }));
    return;
  }
  const percent = (value: number | null | undefined) =>
    typeof value === 'number' ? `${(100 * value).toFixed(2)} %` : 'none';
  console.log(
    `${(await openTask('detection')).text(result)}, loss ${result.loss.toFixed(4)}, ${result.count} images, ${seconds.toFixed(1)} s`,
  );
  COCO_NAMES.forEach((name, i) => {
    console.log(`  ${name}: ${percent(result.coco[i])}`);
  });
  source.classes.forEach((name, i) => {
    console.log(`  ${name}: AP ${percent(result.classAp[i])}, VOC AP ${percent(result.classVoc12[i])}`);
  });
}

/** COCO's own numbers of the images that were evaluated, and of the classes. */
function numbersOf(source: ImageSource, images: readonly DetectedImage[]) {
  const { annotations, count } = source;
  if (annotations?.kind !== 'boxes') return {};
  const idOf = new Map(Array.from({ length: count }, (_, i) => [fileName(source, i), annotations.ids[i] as number]));
  const { categories } = annotations;
  return { categories, images: images.map(({ file }, i) => (file === undefined ? i + 1 : (idOf.get(file) as number))) };
}
