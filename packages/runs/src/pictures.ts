/** Some test images beside their label images and what a segmenter makes of them, as one picture. */
import { join } from 'node:path';
import { Loader, type Picture, pictureSheet, readPicture, selectImages, withClasses } from '@refconv/datasets';
import { writeAtomically } from '@refconv/files';
import { bilinearResize } from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import { finalSplit, type TrainingData, testLoader } from '@refconv/training';
import type { LayersModel, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { PICTURES } from './folder.js';

/** So many, from the whole set: neighbours are alike. */
const SHOWN = 4;
/** Larger ones lose rows and columns. */
const HEIGHT = 180;

/** Writes pictures.png: a row for each image, with the label image's classes and the network's over it. Nothing where label images are cropped. */
export async function writePictures(folder: string, model: LayersModel, data: TrainingData): Promise<void> {
  const split = finalSplit(data);
  if (!(split instanceof Loader)) return;
  const { source, transform } = split;
  const count = Math.min(SHOWN, source.count);
  const chosen = selectImages(
    source,
    Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * source.count) / count)),
  );
  const loader = testLoader(chosen, { transform: transform.text, workers: 1, batchSize: 1, onBroken: 'skip' });
  const pictures: Picture[] = [];
  let shape = { height: 0, width: 0 };
  try {
    for await (const { images, targets, indices } of loader.epoch(0)) {
      const [target] = targets ?? [];
      const { data: pixels, width, height } = await readPicture(chosen, indices[0] as number);
      if (!target || String(target.shape) !== String([height, width])) return;
      const found = tf.tidy(() => {
        const output = model.predict(tf.tensor4d(images, [1, ...loader.imageShape])) as Tensor | Tensor[];
        const logits = (Array.isArray(output) ? output[0] : output) as Tensor4D;
        return Uint8Array.from(tf.argMax(bilinearResize(logits, [height, width]), 3).dataSync());
      });
      const step = Math.ceil(height / HEIGHT);
      const own = { height: Math.floor(height / step), width: Math.floor(width / step) };
      // The sheet has pictures of one size.
      if (pictures.length > 0 && (own.height !== shape.height || own.width !== shape.width)) continue;
      shape = own;
      const columns = {
        image: pixels,
        'label image': withClasses(pixels, target.data),
        network: withClasses(pixels, found),
      };
      for (const [caption, values] of Object.entries(columns))
        pictures.push({ pixels: thinned(values, width, own, step), caption });
    }
  } finally {
    await loader.close();
  }
  if (pictures.length === 0) return;
  await writeAtomically(join(folder, PICTURES), [await pictureSheet(pictures, { ...shape, columns: 3 })]);
}

/** Every `step`-th row and column. */
function thinned(pixels: ArrayLike<number>, width: number, to: { height: number; width: number }, step: number) {
  return Uint8Array.from({ length: 3 * to.height * to.width }, (_, i) => {
    const [at, c] = [Math.floor(i / 3), i % 3];
    const [row, column] = [Math.floor(at / to.width), at % to.width];
    return pixels[3 * (row * step * width + column * step) + c] as number;
  });
}
