import { contactSheet, Loader, verificationText, verifyDataset } from '@refconv/datasets';
import { progress, writeAtomically } from '@refconv/training';
import { openImages } from '../data.js';

interface VerifyOptions {
  data: string;
  split: 'train' | 'test';
  workers?: number;
  json?: boolean;
}

export async function verify({ data, split, workers, json }: VerifyOptions): Promise<void> {
  const { source } = await openImages(data, split);
  const bar = progress(source.count, 'images');
  const result = await verifyDataset(source, {
    ...(workers !== undefined && { workers }),
    onProgress: (done) => bar.update(done, ''),
  });
  bar.stop();
  console.log(json ? JSON.stringify(result, undefined, 2) : verificationText(result));
  if (result.broken.length) process.exitCode = 1;
}

interface ShowOptions {
  data: string;
  split: 'train' | 'test';
  output: string;
  transform?: string;
  images: number;
  seed: number;
  epoch: number;
}

export async function show({ data, split, output, transform, images, seed, epoch }: ShowOptions): Promise<void> {
  const { source, transform: usual } = await openImages(data, split);
  const loader = new Loader(source, {
    transform: transform ?? usual,
    batchSize: Math.min(images, source.count),
    shuffle: true,
    seed,
  });
  try {
    for await (const batch of loader.epoch(epoch)) {
      const sheet = { transform: loader.transform, imageShape: loader.imageShape, classes: source.classes };
      await writeAtomically(output, [await contactSheet(batch, sheet)]);
      break;
    }
  } finally {
    await loader.close();
  }
  console.log(`${Math.min(images, source.count)} images of ${source.name}: ${output}`);
}
