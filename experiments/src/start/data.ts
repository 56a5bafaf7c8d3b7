/** The images of `npm start`. */
import { findDataset, type ImageDataset, type OpenDataset, openDataset, takeImages } from '@refconv/datasets';

export type StartData = OpenDataset<ImageDataset>;

/**
 * CIFAR-10 with some of its training images and all test images, where it is found or may be fetched; else the synthetic set
 * with as many training images. `log` is told which.
 * @throws Error where there are not so many images, or what is found of CIFAR-10 is damaged.
 */
export async function startData(options: {
  /** Number of training images. */
  images: number;
  /** Fetch CIFAR-10 into the cache where it is not found. */
  download: boolean;
  log: (line: string) => void;
}): Promise<StartData> {
  const { images, download, log } = options;
  if (!download && !findDataset('cifar10')) {
    log(
      'CIFAR-10 was not found (set REFCONV_DATA to its folder, or add --download): a synthetic set of small pictures takes its place.',
    );
    return (await openDataset('synthetic', { synthetic: { train: images, test: 2000 } })) as StartData;
  }
  const { data, ...statistics } = (await openDataset('cifar10', { download, log })) as StartData;
  const { count } = data.train;
  if (images > count) throw new Error(`There are ${count} training images; given --images ${images}.`);
  return { data: { ...data, train: takeImages(data.train, images, 'at random') }, ...statistics };
}
