/** A picture of what a network is shown. */
import { boxesOf } from './boxTargets.js';
import { drawBoxes } from './image/boxPicture.js';
import { classColour, withClasses } from './image/classColours.js';
import type { ImageBatch, Images } from './images.js';
import { pictureSheet } from './pictureSheet.js';

export interface ContactSheetOptions {
  classes: readonly string[];
  /** Default: about as many as rows. */
  columns?: number;
  /** Default: all of the batch. */
  images?: number;
}

/**
 * Draws a batch as it is after augmentation, normalisation undone, with each image's class under it; or with its pixels' classes or its boxes
 * over it, and a tile for each class's colour at the end.
 * @param images that the batch is of.
 * @returns a PNG.
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * const loader = new Loader(source, { transform: 'resize(64)|centerCrop(56)|normalize(imagenet)', batchSize: 16 });
 * for await (const batch of loader.epoch(0))
 *   await writeFile('sheet.png', await contactSheet(batch, loader, { classes: source.classes }));
 * await loader.close();
 * ```
 */
export async function contactSheet(
  batch: ImageBatch,
  {
    shape: [height, width],
    normalisation: { mean, std },
    transform,
  }: Pick<Images, 'shape' | 'normalisation' | 'transform'>,
  options: ContactSheetOptions,
): Promise<Uint8Array> {
  const { classes } = options;
  const count = Math.min(options.images ?? batch.size, batch.size);
  const columns = Math.min(options.columns ?? Math.ceil(Math.sqrt(count)), count);
  if (!(count >= 1) || !(columns >= 1)) {
    throw new RangeError(
      `contactSheet: images and columns must be from 1, ${options.images} and ${options.columns} given.`,
    );
  }
  const [target, marks] = batch.targets ?? [];
  const hasBoxes = marks !== undefined;
  const pictures = Array.from({ length: count }, (_, i) => {
    const image = batch.images.subarray(i * height * width * 3, (i + 1) * height * width * 3);
    const pixels = image.map((_, at) => {
      const c = transform?.bgr ? 2 - (at % 3) : at % 3;
      return 255 * ((image[at - (at % 3) + c] as number) * (std[c] as number) + (mean[c] as number));
    });
    if (!target) return { pixels, caption: classes[batch.labels[i] as number] ?? `${batch.labels[i]}` };
    if (hasBoxes) {
      const { boxes } = boxesOf(batch.targets, i);
      const size = { height, width };
      drawBoxes(
        { data: pixels, ...size },
        boxes.map(({ box, label }) => ({ box, label: label - 1 })),
      );
      return { pixels, caption: `image ${batch.indices?.[i]}` };
    }
    const labels = target.data.subarray(i * height * width, (i + 1) * height * width);
    return { pixels: withClasses(pixels, labels), caption: `image ${batch.indices?.[i]}` };
  });
  const colours = target ? classes.map((name, label) => ({ pixels: tile(label, height * width), caption: name })) : [];
  return pictureSheet([...pictures, ...colours], { height, width, columns });
}

const tile = (label: number, pixels: number) =>
  Uint8Array.from({ length: 3 * pixels }, (_, i) => classColour(label)[i % 3] as number);
