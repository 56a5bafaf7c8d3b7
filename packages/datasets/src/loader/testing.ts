// Helpers of this folder's tests.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { stream } from '../random.js';
import type { LoadedBatch, Loader } from './loader.js';

/** A JPEG of our own: soft colours and a few rectangles, so that it shrinks well and every crop differs. */
export async function drawJpeg(width: number, height: number, seed: number): Promise<Buffer> {
  const random = stream(seed, 'picture');
  const pixels = Buffer.alloc(width * height * 3);
  const tint = [random.integer(256), random.integer(256), random.integer(256)];
  for (let i = 0; i < pixels.length; i++) {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    pixels[i] = ((tint[i % 3] as number) + 2 * x + 3 * y + (((x >> 3) ^ (y >> 3)) & 1 ? 60 : 0)) & 255;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** A folder of classes with images of several sizes. */
export async function writeImageFolder(root: string, classes: readonly string[], perClass: number): Promise<void> {
  for (const [c, name] of classes.entries()) {
    mkdirSync(join(root, name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const seed = c * perClass + i;
      writeFileSync(
        join(root, name, `${name}_${i}.JPEG`),
        await drawJpeg(40 + 7 * (seed % 5), 36 + 5 * (seed % 7), seed),
      );
    }
  }
}

/** A folder of three classes, each of a colour of its own under noise: a network learns them in a few dozen steps. */
export async function writeColourFolder(root: string, perClass: number): Promise<void> {
  const colours = { blue: [30, 60, 190], green: [40, 170, 50], red: [180, 50, 40] };
  for (const [name, colour] of Object.entries(colours)) {
    mkdirSync(join(root, name), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const random = stream(i, basename(root), name);
      const pixels = Buffer.from(
        Array.from({ length: 36 * 36 * 3 }, (_, k) => (colour[k % 3] ?? 0) + random.integer(64)),
      );
      await sharp(pixels, { raw: { width: 36, height: 36, channels: 3 } }).toFile(join(root, name, `${name}_${i}.jpg`));
    }
  }
}

/** Copies of an epoch's batches. */
export async function collect(loader: Loader, epoch: number, from = 0): Promise<LoadedBatch[]> {
  const batches: LoadedBatch[] = [];
  for await (const batch of loader.epoch(epoch, { from })) {
    batches.push({
      ...batch,
      images: batch.images.slice(),
      labels: batch.labels.slice(),
      indices: batch.indices.slice(),
    });
  }
  return batches;
}
