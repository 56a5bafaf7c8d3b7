/** The images of `npm start`. */
import {
  channelStatistics,
  findDataset,
  type ImageDataset,
  type OpenDataset,
  openDataset,
  syntheticDataset,
  takeImages,
} from '@refconv/datasets';

export type StartData = OpenDataset<ImageDataset>;

/** Training images of the synthetic set. */
const SYNTHETIC = 10_000;

/**
 * CIFAR-10, where it is found or may be fetched; else the synthetic set. `log` is told which.
 * @throws Error where what is found of CIFAR-10 is damaged.
 */
export async function startData(options: {
  /** Fetch CIFAR-10 into the cache where it is not found. */
  download: boolean;
  log: (line: string) => void;
}): Promise<StartData> {
  const { download, log } = options;
  if (!download && !findDataset('cifar10')) {
    log(
      'CIFAR-10 was not found (set REFCONV_DATA to its folder, or add --download): a synthetic set of small pictures takes its place.',
    );
    return (await openDataset('synthetic', { synthetic: { train: SYNTHETIC, test: 2000 } })) as StartData;
  }
  return (await openDataset('cifar10', { download, log })) as StartData;
}

/** With so many of the training images. @throws Error where there are not so many. */
export function withImages({ data, ...statistics }: StartData, images: number): StartData {
  const { count } = data.train;
  if (images > count) throw new Error(`There are ${count} training images; given --images ${images}.`);
  if (data.name === 'synthetic' && images < count) {
    // So many are drawn, as a spec says it.
    const drawn = syntheticDataset({ train: images, test: data.test.count });
    return { data: drawn, ...channelStatistics(drawn.train) };
  }
  return { data: { ...data, train: takeImages(data.train, images, 'at random') }, ...statistics };
}
