import { imageFiles, openSplit } from '@refconv/datasets';
import { askedSize, openSource } from '@refconv/runs/networks';
import { features, leftOutBy, leftOutText, progress } from '@refconv/training';
import { openOptions, type TestImagesOptions, testImages } from '../data.js';
import { writeNpy } from '../npy.js';

interface FeaturesOptions extends TestImagesOptions {
  data?: string;
  split: 'train' | 'test';
  layer?: string;
  output: string;
  labels?: string;
  download?: boolean;
}

/** What a network makes of images before its head, as an array with a row for each image. */
export async function featuresCommand(paths: string[], options: FeaturesOptions): Promise<void> {
  const { data, labels, output, layer, batchSize } = options;
  if ((data === undefined) === (paths.length === 0))
    throw new Error('Which images? Give files or folders, or --data SET.');
  if (labels !== undefined && data === undefined) throw new Error('--labels is of --data: files alone have no labels.');
  const opened =
    data === undefined
      ? { images: await imageFiles(paths), statistics: undefined }
      : await openSplit(data, options.split, openOptions(options));
  const { images } = opened;
  const height = 'height' in images ? images.height : askedSize(options);
  const network = await openSource(options, { height });
  const test = testImages(images, network, options, opened);
  const bar = progress(images.count, 'images');
  const onBatch = (done: number) => bar.update(done, '');
  const chosen = { ...(layer !== undefined && { layer }), ...(batchSize && { batchSize }), onBatch };
  const found = await features(network.model, test.images, chosen).finally(async () => {
    bar.stop();
    await test.close();
  });
  for (const line of leftOutText(leftOutBy(test.images))) console.error(line);
  await writeNpy(output, found);
  if (labels !== undefined) await writeNpy(labels, { shape: [found.labels.length], data: found.labels });
  console.log(
    `${output}: float32 [${found.shape}]${labels === undefined ? '' : `; ${labels}: int32 [${found.labels.length}]`}`,
  );
}
