/** How the command line opens data. */
import {
  type ImageDataset,
  type ImageSource,
  type ImageSplit,
  type Images,
  isInFiles,
  type Loader,
  MemoryImages,
  type OpenDataset,
  type OpenOptions,
  openDataset,
  openImages,
  type SplitId,
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

/** For `openDataset` and `openImages`: messages go to stderr. */
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

/** A set's images of one split: those alone, where they lie in files. */
export async function openSplit(spec: string, split: SplitId, download?: boolean) {
  const options = openOptions({ download });
  if (isInFiles(spec)) {
    const { source, statistics } = await openImages(spec, split, options);
    return { images: source, classes: source.classes, name: source.name, statistics };
  }
  const { data, ...statistics } = (await openDataset(spec, options)) as OpenDataset<ImageDataset>;
  const images = split === 'val' ? data.validation : data[split];
  if (!images) throw new Error(`${spec} has no ${split} images.`);
  return { images, classes: data.classes, name: data.name, statistics };
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
