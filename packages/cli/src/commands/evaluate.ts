import { openSplit, relabelled, type SplitId } from '@refconv/datasets';
import { counted } from '@refconv/datasets/text';
import { requireClassifier } from '@refconv/layers';
import { askedSize, CLASSIFICATION, labelsFor, openSource, taskIdOf } from '@refconv/runs/networks';
import { evaluate, leftOutBy, leftOutText, progress } from '@refconv/training';
import { openOptions, type TestImagesOptions, testImages } from '../data.js';

interface EvaluateOptions extends TestImagesOptions {
  data: string;
  split?: SplitId;
  download?: boolean;
  json?: boolean;
  output?: string;
}

export async function evaluateCommand(options: EvaluateOptions): Promise<void> {
  const task = await taskIdOf(options);
  if (task !== CLASSIFICATION) return (await import('./evaluateTask.js')).evaluateTask(task, options);
  if (options.split !== undefined && options.split !== 'test')
    throw new Error(
      '--split is for images with label images or boxes; classification is evaluated on the test images.',
    );
  const { data, batchSize, json } = options;
  const opened = await openSplit(data, 'test', openOptions(options));
  const height = 'height' in opened.images ? opened.images.height : askedSize(options);
  const network = await openSource(options, { height });
  const { model } = network;
  requireClassifier(model);
  const test = testImages(relabelled(opened.images, labelsFor(network, opened)), network, options, opened);
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
