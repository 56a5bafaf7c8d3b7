import { IMAGENET_WNIDS, imageFiles } from '@refconv/datasets';
import { writeAtomically } from '@refconv/files';
import { requireClassifier } from '@refconv/layers';
import { askedSize, classCount, openSource, taskIdOf } from '@refconv/runs/networks';
import { leftOutBy, leftOutText, predict, progress } from '@refconv/training';
import { stringify } from 'csv-stringify/sync';
import { type TestImagesOptions, testLoaderFor } from '../data.js';

interface PredictOptions extends TestImagesOptions {
  output?: string;
  leastScore?: number;
}

/** A row for each image: its path, the class with the highest logit, by name and number, and that class's probability. */
export async function predictCommand(paths: string[], options: PredictOptions): Promise<void> {
  const task = await taskIdOf(options);
  if (task === 'segmentation') return (await import('./predictSegmentation.js')).predictSegmentation(paths, options);
  if (task === 'detection') return (await import('./predictDetection.js')).predictDetection(paths, options);
  const { output } = options;
  const images = await imageFiles(paths);
  const network = await openSource(options, { height: askedSize(options) });
  const { model, notes } = network;
  requireClassifier(model);
  const loader = testLoaderFor(images, network, options);
  const bar = progress(images.count, 'images');
  const found = await predict(model, loader, { onBatch: (done) => bar.update(done, '') }).finally(async () => {
    bar.stop();
    await loader.close();
  });
  for (const line of leftOutText(leftOutBy(loader))) console.error(line);
  const count = classCount(model);
  // Published weights of 1000 classes have ImageNet's, in this order.
  const usual = count === IMAGENET_WNIDS.length ? IMAGENET_WNIDS : [];
  const names = notes.classes && notes.classes.length === count ? notes.classes : usual;
  const rows = found.map(({ file, prediction, confidence }) => ({
    ...{ file, class: names[prediction] ?? prediction, label: prediction, confidence: confidence.toFixed(6) },
  }));
  const csv = stringify(rows, { header: true, columns: ['file', 'class', 'label', 'confidence'] });
  if (output === undefined) {
    process.stdout.write(csv);
    return;
  }
  await writeAtomically(output, [csv]);
  console.log(`${found.length} images: ${output}`);
}
