/** How good a network is at a task other than classification, over a set's images with their annotations. */
import { annotationKind, openSplit, relabelled, type SplitId } from '@refconv/datasets';
import { TASKS } from '@refconv/runs';
import { askedShape, labelsFor, openSource, openTask, requireClasses } from '@refconv/runs/networks';
import { leftOutBy, leftOutText, predict, progress, requireFinite } from '@refconv/training';
import { openOptions, type TestImagesOptions, testImages } from '../data.js';

export interface EvaluateTaskOptions extends TestImagesOptions {
  data: string;
  split?: SplitId;
  download?: boolean;
  json?: boolean;
  /** Of detection: a folder for the boxes and the detections, as COCO has them. */
  output?: string;
}

export async function evaluateTask(id: string, options: EvaluateTaskOptions): Promise<void> {
  const { data, split = 'test', batchSize, json, output } = options;
  const { task, transforms, text, details, exportResults } = await openTask(id);
  const { annotations } = TASKS.get(id);
  const opened = await openSplit(data, split, openOptions(options));
  const { classes } = opened;
  if (annotations && annotationKind(opened.images) !== annotations.kind)
    throw new Error(`The images of ${data} have no ${annotations.what}, by which ${id} is evaluated.`);
  const [height, width] =
    askedShape(options) ?? ('height' in opened.images ? [opened.images.height, opened.images.width] : []);
  const network = await openSource({ ...options, task: id }, { height, width, classes: classes.length });
  const { model } = network;
  task.checkModel(model);
  if (annotations) requireClasses(task, model, opened);
  const labelled = annotations ? opened.images : relabelled(opened.images, labelsFor(network, opened));
  const { images, close } = testImages(labelled, network, options, { ...opened, transforms });
  const bar = progress(images.count, 'evaluation');
  const begin = performance.now();
  const onBatch = (done: number) => bar.update(done, '');
  const results = await predict(model, images, {
    task,
    onBatch,
    ...(batchSize !== undefined && { batchSize }),
  }).finally(async () => {
    bar.stop();
    await close();
  });
  const evaluation = requireFinite(task.evaluationOf(results));
  const seconds = (performance.now() - begin) / 1000;
  const left = leftOutBy(images);
  for (const line of leftOutText(left)) console.error(line);
  if (output !== undefined) await exportResults?.(output, results, labelled);
  const { images: leftOut, boxes: wrongBoxes } = left;
  const ofBoxes = annotations?.kind === 'boxes' && { wrongBoxes };
  if (json) {
    console.log(JSON.stringify({ ...evaluation, classes, broken: leftOut.length, leftOut, ...ofBoxes, seconds }));
    return;
  }
  console.log(
    `${text(evaluation)}, loss ${evaluation.loss.toFixed(4)}, ${results.length} images, ${seconds.toFixed(1)} s`,
  );
  for (const line of details?.(evaluation, classes) ?? []) console.log(`  ${line}`);
}
