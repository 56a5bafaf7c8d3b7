import { contactSheet, Loader, openImages, type SplitId, verificationText, verifyDataset } from '@refconv/datasets';
import { progress, writeAtomically } from '@refconv/training';
import { openOptions } from '../data.js';
import { requireNew } from '../target.js';

interface VerifyOptions {
  data: string;
  split: SplitId;
  workers?: number;
  maxPixels?: number;
  json?: boolean;
}

/** A usual evaluation's preprocessing of photographs. */
const PHOTOGRAPHS = 'resize(256)|centerCrop(224)|normalize(imagenet)';

export async function verify({ data, split, workers, maxPixels, json }: VerifyOptions): Promise<void> {
  const { source } = await openImages(data, split, openOptions());
  const bar = progress(source.count, 'images');
  const result = await verifyDataset(source, {
    ...(workers !== undefined && { workers }),
    ...(maxPixels !== undefined && { maxPixels }),
    onProgress: (done) => bar.update(done, ''),
  });
  bar.stop();
  console.log(json ? JSON.stringify(result, undefined, 2) : verificationText(result));
  if (result.broken.length || result.boxes?.wrong.length) process.exitCode = 1;
}

/** Usual trainings' of label images and of boxes: see docs/data.md. */
const ANNOTATED = {
  labelImages: 'randomResize(180..480)|randomCrop(240x320,padIfSmaller=1)|flip|normalize(imagenet)',
  labelArrays: 'randomResize(180..480)|randomCrop(240x320,padIfSmaller=1)|flip|normalize(imagenet)',
  boxes: 'randomIouCrop|resize(320x320)|flip|normalize(imagenet)',
};

interface ShowOptions {
  data: string;
  split: SplitId;
  output: string;
  transform?: string;
  maxPixels?: number;
  images: number;
  seed: number;
  epoch: number;
}

export async function show(options: ShowOptions): Promise<void> {
  const { data, split, output, transform, maxPixels, images, seed, epoch } = options;
  requireNew(output);
  const { source, statistics } = await openImages(data, split, openOptions());
  const { mean, std } = statistics;
  const { place } = source;
  const usual = source.annotations
    ? ANNOTATED[source.annotations.kind]
    : place.kind === 'memory'
      ? `randomCrop(${place.height},4)|flip|normalize(${mean.join('/')},${std.join('/')})`
      : PHOTOGRAPHS;
  const loader = new Loader(source, {
    transform: transform ?? usual,
    batchSize: Math.min(images, source.count),
    shuffle: true,
    ...(maxPixels !== undefined && { maxPixels }),
    seed,
    // What of boxes is wrong `data verify` tells.
    ...(source.annotations?.kind === 'boxes' && { onBroken: 'skip' as const }),
  });
  try {
    for await (const batch of loader.epoch(epoch)) {
      await writeAtomically(output, [await contactSheet(batch, loader, { classes: source.classes })]);
      break;
    }
  } finally {
    await loader.close();
  }
  console.log(`${Math.min(images, source.count)} images of ${source.name}: ${output}`);
}
