/** How the command line opens data. */
import {
  type ImageSource,
  type ImageSplit,
  type Images,
  MemoryImages,
  type OpenOptions,
  type Statistics,
} from '@refconv/datasets';
import { askedSize, inputSizeOf, normalisation, type Source, testTransform } from '@refconv/runs/networks';
import { testLoader } from '@refconv/training';

/** For `openDataset` and `openImages`: messages go to stderr. */
export function openOptions({ download }: { download?: boolean } = {}): OpenOptions {
  return { download, log: (message) => console.error(message) };
}

export interface TestImagesOptions {
  mean?: number[];
  std?: number[];
  testTransform?: string;
  weights?: string;
  inputSize?: number;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  batchSize?: number;
}

/**
 * Images as a classifier is evaluated by them: those in memory as they are, those in files by its transform.
 * @param statistics of a set in memory.
 */
export function testImages(
  images: ImageSplit | ImageSource,
  { model, notes }: Pick<Source, 'model' | 'notes'>,
  options: TestImagesOptions,
  statistics?: Statistics,
): { images: Images; close(): Promise<void> } {
  if (!('place' in images)) {
    const used = normalisation(options, notes, statistics as Statistics);
    return { images: new MemoryImages(images, used), close: async () => {} };
  }
  const { workers, maxPixels, batchSize, skipBroken } = options;
  const transform = testTransform(options, notes, inputSizeOf(model, notes, askedSize(options)));
  const onBroken = skipBroken ? 'skip' : 'fail';
  const loader = testLoader(images, { transform, workers, onBroken, maxPixels, ...(batchSize && { batchSize }) });
  return { images: loader, close: () => loader.close() };
}
