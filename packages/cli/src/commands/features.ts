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
import {
  askedSize,
  inputSizeOf,
  normalisation,
  openSource,
  type SourceOptions,
  testTransform,
} from '@refconv/runs/networks';
import { type Features, features, leftOutBy, leftOutText, progress, testLoader } from '@refconv/training';
import { openOptions } from '../data.js';
import { writeNpy } from '../npy.js';

interface FeaturesOptions extends SourceOptions {
  data?: string;
  split: 'train' | 'test';
  layer?: string;
  output: string;
  labels?: string;
  download?: boolean;
  mean?: number[];
  std?: number[];
  testTransform?: string;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  batchSize?: number;
}

/** What a network makes of images before its head, as an array with a row for each image. */
export async function featuresCommand(paths: string[], options: FeaturesOptions): Promise<void> {
  const { data, labels, output, layer, batchSize, workers, maxPixels } = options;
  if ((data === undefined) === (paths.length === 0))
    throw new Error('Which images? Give files or folders, or --data SET.');
  if (labels !== undefined && data === undefined) throw new Error('--labels is of --data: files alone have no labels.');
  const { images, statistics } = data === undefined ? await opened(paths) : await openSplit(data, options);
  const asked = askedSize(options);
  const height = 'height' in images ? images.height : asked;
  const { split: _, mean, std, ...source } = options;
  const { model, notes } = await openSource(source, { height });
  const bar = progress(images.count, 'images');
  const chosen = { ...(layer !== undefined && { layer }), onBatch: (done: number) => bar.update(done, '') };
  let found: Features;
  if ('place' in images) {
    const transform = testTransform(options, notes, inputSizeOf(model, notes, asked));
    const onBroken = options.skipBroken ? 'skip' : 'fail';
    const loader = testLoader(images, { transform, workers, onBroken, maxPixels, ...(batchSize && { batchSize }) });
    found = await features(model, loader, chosen).finally(async () => {
      bar.stop();
      await loader.close();
    });
    for (const line of leftOutText(leftOutBy(loader))) console.error(line);
  } else {
    const used = normalisation({ mean, std }, notes, statistics as Statistics);
    found = await features(model, images, { ...used, ...chosen, ...(batchSize && { batchSize }) }).finally(() =>
      bar.stop(),
    );
  }
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
