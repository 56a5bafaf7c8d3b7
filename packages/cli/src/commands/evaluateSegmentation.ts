import { openImages, type SplitId } from '@refconv/datasets';
import {
  askedShape,
  normalisationSteps,
  openSource,
  openTask,
  requireClasses,
  type SourceOptions,
  shapeOf,
} from '@refconv/runs/networks';
import { segmentation, segmentationTransforms } from '@refconv/segmentation';
import { evaluate, leftOutBy, leftOutText, progress, testLoader } from '@refconv/training';
import { openOptions } from '../data.js';

export interface EvaluateSegmentationOptions extends SourceOptions {
  data: string;
  split?: SplitId;
  mean?: number[];
  std?: number[];
  testTransform?: string;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  batchSize?: number;
  json?: boolean;
}

/** Mean IoU, accuracies and the IoU of each class, of one confusion matrix over all pixels that count. */
export async function evaluateSegmentation(options: EvaluateSegmentationOptions): Promise<void> {
  const { data, split = 'test', workers, skipBroken, maxPixels, batchSize, json } = options;
  const { source } = await openImages(data, split, openOptions());
  if (!source.annotations)
    throw new Error(`The images of ${data} have no label images, by which segmentation is evaluated.`);
  const [height, width] = askedShape(options) ?? [];
  const { model, notes } = await openSource(
    { ...options, task: 'segmentation' },
    { height, width, classes: source.classes.length },
  );
  segmentation.checkModel(model);
  requireClasses(segmentation, model, source);
  const usual = segmentationTransforms(shapeOf(model), normalisationSteps(options, notes)).test;
  const changed = options.mean !== undefined;
  const loader = testLoader(source, {
    transform: options.testTransform ?? (changed ? usual : (notes.transform ?? usual)),
    ...{ workers, maxPixels, onBroken: skipBroken ? 'skip' : 'fail' },
    ...(batchSize !== undefined && { batchSize }),
  });
  const bar = progress(source.count, 'evaluation');
  const begin = performance.now();
  const onBatch = (done: number) => bar.update(done, '');
  const result = await evaluate(model, loader, { task: segmentation, onBatch }).finally(async () => {
    bar.stop();
    await loader.close();
  });
  const { images: leftOut } = leftOutBy(loader);
  for (const line of leftOutText({ images: leftOut })) console.error(line);
  const seconds = (performance.now() - begin) / 1000;
  if (json) {
    console.log(JSON.stringify({ ...result, classes: source.classes, broken: leftOut.length, leftOut, seconds }));
    return;
  }
  const percent = (value: number | null | undefined) =>
    typeof value === 'number' ? `${(100 * value).toFixed(2)} %` : 'none';
  console.log(
    `${(await openTask('segmentation')).text(result)}, loss ${result.loss.toFixed(4)}, ${result.count} images, ${seconds.toFixed(1)} s`,
  );
  source.classes.forEach((name, i) => {
    console.log(`  ${name}: IoU ${percent(result.iou[i])}, accuracy ${percent(result.classAccuracy[i])}`);
  });
}
