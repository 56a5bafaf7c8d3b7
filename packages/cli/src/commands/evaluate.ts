import {
  type ImageDataset,
  isInFiles,
  type OpenDataset,
  openDataset,
  openImages,
  relabelled,
  type SplitId,
} from '@refconv/datasets';
import { counted } from '@refconv/datasets/text';
import { requireClassifier } from '@refconv/layers';
import { askedSize, labelsFor, openSource, type SourceOptions, taskIdOf } from '@refconv/runs/networks';
import { evaluate, leftOutBy, leftOutText, progress } from '@refconv/training';
import { openOptions, testImages } from '../data.js';

interface EvaluateOptions extends SourceOptions {
  data: string;
  split?: SplitId;
  download?: boolean;
  mean?: number[];
  std?: number[];
  testTransform?: string;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  batchSize?: number;
  json?: boolean;
  output?: string;
}

export async function evaluateCommand(options: EvaluateOptions): Promise<void> {
  const task = await taskIdOf(options);
  if (task === 'segmentation') return (await import('./evaluateSegmentation.js')).evaluateSegmentation(options);
  if (task === 'detection') return (await import('./evaluateDetection.js')).evaluateDetection(options);
  if (options.split !== undefined && options.split !== 'test')
    throw new Error(
      '--split is for images with label images or boxes; classification is evaluated on the test images.',
    );
  const { data, download, batchSize, json } = options;
  const opened = await openTest(data, download);
  const height = 'height' in opened.images ? opened.images.height : askedSize(options);
  const network = await openSource(options, { height });
  const { model } = network;
  requireClassifier(model);
  const test = testImages(relabelled(opened.images, labelsFor(network, opened)), network, options, opened.statistics);
  const { images } = test;
  const bar = progress(images.count, 'evaluation');
  const begin = performance.now();
  const onBatch = (done: number) => bar.update(done, '');
  const result = await evaluate(model, images, { batchSize, onBatch }).finally(async () => {
    bar.stop();
    await test.close();
  });
  const left = leftOutBy(images);
  for (const line of leftOutText(left)) console.error(line);
  const { images: leftOut, files: passedOver } = left;
  const { top1, top5, correct, count, loss } = result;
  const seconds = (performance.now() - begin) / 1000;
  if (json)
    console.log(
      JSON.stringify({ top1, top5, correct, count, broken: leftOut.length, leftOut, passedOver, loss, seconds }),
    );
  else {
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
    console.log(
      `top-1 ${percent(top1)} (${correct} of ${counted(count, 'test image')}), top-5 ${percent(top5)}, loss ${loss.toFixed(4)}, ${seconds.toFixed(1)} s`,
    );
  }
}

/** The test images alone, where they lie in files. */
async function openTest(spec: string, download?: boolean) {
  const options = openOptions({ download });
  if (isInFiles(spec)) {
    const { source, statistics } = await openImages(spec, 'test', options);
    return { images: source, classes: source.classes, name: source.name, statistics };
  }
  const { data, ...statistics } = (await openDataset(spec, options)) as OpenDataset<ImageDataset>;
  return { images: data.test, classes: data.classes, name: data.name, statistics };
}
