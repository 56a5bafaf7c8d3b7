/** A picture of what a network is shown. */
import sharp from 'sharp';
import type { LoadedBatch } from './loader/loader.js';
import type { Transform } from './transform/parse.js';

export interface ContactSheetOptions {
  transform: Transform;
  /** `[height, width, 3]` of an image. */
  imageShape: readonly [number, number, number];
  classes: readonly string[];
  /** Default: about as many as rows. */
  columns?: number;
  /** Default: all of the batch. */
  images?: number;
}

const GAP = 4;
const CAPTION = 16;

/**
 * Draws a batch as it is after augmentation, normalisation undone, with each image's class under it.
 * @returns a PNG.
 */
export async function contactSheet(batch: LoadedBatch, options: ContactSheetOptions): Promise<Uint8Array> {
  const { transform, imageShape, classes } = options;
  const [height, width] = imageShape;
  const count = Math.min(options.images ?? batch.size, batch.size);
  const columns = Math.min(options.columns ?? Math.ceil(Math.sqrt(count)), count);
  if (!(count >= 1) || !(columns >= 1)) {
    throw new RangeError(
      `contactSheet: images and columns must be from 1, ${options.images} and ${options.columns} given.`,
    );
  }
  const [cellWidth, cellHeight] = [width + GAP, height + GAP + CAPTION];
  const sheet = { width: columns * cellWidth + GAP, height: Math.ceil(count / columns) * cellHeight + GAP };
  const pixels = Buffer.alloc(sheet.width * sheet.height * 3, 255);
  const captions: string[] = [];
  for (let i = 0; i < count; i++) {
    const [left, top] = [GAP + (i % columns) * cellWidth, GAP + Math.floor(i / columns) * cellHeight];
    const image = batch.images.subarray(i * height * width * 3, (i + 1) * height * width * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) {
          const channel = transform.bgr ? 2 - c : c;
          const value = image[(y * width + x) * 3 + channel] as number;
          const byte = 255 * (value * (transform.std[c] as number) + (transform.mean[c] as number));
          pixels[((top + y) * sheet.width + left + x) * 3 + c] = Math.max(0, Math.min(255, Math.round(byte)));
        }
      }
    }
    const letters = Math.max(3, Math.floor(width / 7));
    const name = (classes[batch.labels[i] as number] ?? `${batch.labels[i]}`).slice(0, letters);
    captions.push(`<text x="${left}" y="${top + height + 12}">${escaped(name)}</text>`);
  }
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${sheet.width}" height="${sheet.height}"
    font-family="monospace" font-size="11">${captions.join('')}</svg>`;
  return sharp(pixels, { raw: { ...sheet, channels: 3 } })
    .composite([{ input: Buffer.from(text) }])
    .png()
    .toBuffer();
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
