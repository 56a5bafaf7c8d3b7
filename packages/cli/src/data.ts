/** How the command line opens data. */
import {
  type ImageSource,
  type ImageSplit,
  type Images,
  type Loader,
  MemoryImages,
  type OpenOptions,
  type Statistics,
} from '@refconv/datasets';
import type { RunTask } from '@refconv/runs';
import {
  askedSize,
  inputSizeOf,
  normalisation,
  normalisationSteps,
  type Source,
  type SourceOptions,
  shapeOf,
  testTransform,
} from '@refconv/runs/networks';
import { testLoader } from '@refconv/training';

/** For `openDataset` and its kin: messages go to stderr. */
export function openOptions({ download }: { download?: boolean } = {}): OpenOptions {
  return { download, log: (message) => console.error(message) };
}

export interface TestImagesOptions extends SourceOptions {
  mean?: number[];
  std?: number[];
  testTransform?: string;
  workers?: number;
  skipBroken?: boolean;
  maxPixels?: number;
  batchSize?: number;
}

/** Images as a network is evaluated by them: those in memory, normalised by their statistics where nothing else is known; or those in files. */
export function testImages(
  images: ImageSplit | ImageSource,
  network: Pick<Source, 'model' | 'notes'>,
  options: TestImagesOptions,
  { statistics, transforms }: { statistics?: Statistics | undefined; transforms?: RunTask['transforms'] },
): { images: Images; close(): Promise<void> } {
  if ('place' in images) {
    const loader = testLoaderFor(images, network, options, transforms);
    return { images: loader, close: () => loader.close() };
  }
  const used = normalisation(options, network.notes, statistics as Statistics);
  return { images: new MemoryImages(images, used), close: async () => {} };
}

/**
 * A loader by the command's transform, else as the model was trained with, else as its task has it for images with annotations, or its weights
 * for others. `--mean` and `--std` change the normalisation alone.
 */
export function testLoaderFor(
  images: ImageSource,
  { model, notes }: Pick<Source, 'model' | 'notes'>,
  options: TestImagesOptions,
  transforms?: RunTask['transforms'],
): Loader {
  const { workers, maxPixels, batchSize, skipBroken } = options;
  const transform = transforms
    ? (options.testTransform ??
      (options.mean === undefined ? notes.transform : undefined) ??
      transforms(shapeOf(model), normalisationSteps(options, notes)).test)
    : testTransform(options, notes, inputSizeOf(model, notes, askedSize(options)));
  return testLoader(images, {
    ...{ transform, workers, maxPixels, onBroken: skipBroken ? 'skip' : 'fail' },
    ...(batchSize !== undefined && { batchSize: Math.min(batchSize, images.count) }),
  });
}
