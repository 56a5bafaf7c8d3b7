import {
  type ImageDataset,
  type ImageSource,
  type ImageSplit,
  imageFiles,
  isInFiles,
  type OpenDataset,
  openDataset,
  openImages,
  type Statistics,
} from '@refconv/datasets';
import { askedSize, openSource, type SourceOptions } from '@refconv/runs/networks';
import { features, leftOutBy, leftOutText, progress } from '@refconv/training';
import { openOptions, type TestImagesOptions, testImages } from '../data.js';
import { writeNpy } from '../npy.js';

interface FeaturesOptions extends Omit<SourceOptions, keyof TestImagesOptions>, TestImagesOptions {
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
  const { images, statistics } = data === undefined ? await opened(paths) : await openSplit(data, options);
  const height = 'height' in images ? images.height : askedSize(options);
  const network = await openSource(options, { height });
  const test = testImages(images, network, options, statistics);
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

interface Opened {
  images: ImageSplit | ImageSource;
  statistics: Statistics | undefined;
}

const opened = async (paths: string[]): Promise<Opened> => ({ images: await imageFiles(paths), statistics: undefined });

async function openSplit(data: string, { split, download }: FeaturesOptions): Promise<Opened> {
  const how = openOptions({ download });
  if (isInFiles(data)) {
    const { source, statistics } = await openImages(data, split, how);
    return { images: source, statistics };
  }
  const { data: set, ...statistics } = (await openDataset(data, how)) as OpenDataset<ImageDataset>;
  return { images: set[split], statistics };
}
