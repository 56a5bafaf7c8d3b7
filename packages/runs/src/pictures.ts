/** Some test images beside their annotations and what a network makes of them, as one picture. */
import { join } from 'node:path';
import {
  drawBoxes,
  type LoadedBatch,
  type Picture,
  pictureSheet,
  type RgbImage,
  readPicture,
  selectImages,
  withClasses,
} from '@refconv/datasets';
import { boxesOf } from '@refconv/datasets/boxes';
import { anchorsOf, detectionsOf, inputSizeOf, predictionsOf, rescale } from '@refconv/detection';
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

/** An image as it is, and what the network has from its loader. */
interface Shown {
  picture: RgbImage;
  batch: LoadedBatch;
  /** [1, height, width, 3]. */
  input: Tensor4D;
}

/** Pictures of an image's size by their captions; undefined where there is nothing to compare with. */
type Draw = (shown: Shown) => Record<string, ArrayLike<number>> | undefined;

/** Writes pictures.png: a row for each image, with the label image's classes and the network's over it. Nothing where label images are cropped. */
export const writePictures = (folder: string, model: LayersModel, data: TrainingData): Promise<void> =>
  writeSheet(folder, data, ({ picture: { data: pixels, height, width }, batch, input }) => {
    const [target] = batch.targets ?? [];
    if (!target || String(target.shape) !== String([height, width])) return undefined;
    const output = model.predict(input) as Tensor | Tensor[];
    const logits = (Array.isArray(output) ? output[0] : output) as Tensor4D;
    const found = Uint8Array.from(tf.argMax(bilinearResize(logits, [height, width]), 3).dataSync());
    return {
      image: pixels,
      'label image': withClasses(pixels, target.data),
      network: withClasses(pixels, found),
    };
  });

/** Objects that are less likely are not drawn. */
const SURE = 0.5;

/** Writes pictures.png: a row for each image, with its boxes and with those of the network. Nothing where images are cropped. */
export async function writeBoxPictures(folder: string, model: LayersModel, data: TrainingData): Promise<void> {
  const [anchors, size] = [anchorsOf(model), inputSizeOf(model)];
  await writeSheet(folder, data, ({ picture, batch, input }) => {
    const { boxes, height, width } = boxesOf(batch.targets, 0);
    if (height !== picture.height || width !== picture.width) return undefined;
    const { logits, boxes: codes } = predictionsOf(model, input, false);
    const found = detectionsOf(logits.dataSync(), codes.dataSync(), anchors, size).filter(({ score }) => score >= SURE);
    const framed = (objects: readonly { box: readonly [number, number, number, number]; label: number }[]) => {
      const pixels = Uint8ClampedArray.from(picture.data);
      drawBoxes(
        { data: pixels, height, width },
        objects.map(({ box, label }) => ({ box, label: label - 1 })),
        2 * Math.ceil(height / HEIGHT),
      );
      return pixels;
    };
    const own = found.map(({ box, label }) => ({ label, box: rescale(box, size, picture) }));
    return { 'its boxes': framed(boxes), network: framed(own) };
  });
}

async function writeSheet(folder: string, data: TrainingData, draw: Draw): Promise<void> {
  const split = finalSplit(data);
  const { source, transform } = split;
  if (!source || !transform) return;
  const count = Math.min(SHOWN, source.count);
  const chosen = selectImages(
    source,
    Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * source.count) / count)),
  );
  const loader = testLoader(chosen, {
    transform: transform.text,
    workers: 1,
    batchSize: 1,
    onBroken: 'skip',
    shard: { rank: 0, of: 1 },
  });
  const pictures: Picture[] = [];
  let shape = { height: 0, width: 0 };
  let columns = 1;
  try {
    for await (const batch of loader.epoch(0)) {
      const picture = await readPicture(chosen, batch.indices[0] as number);
      const { width, height } = picture;
      const input = tf.tensor4d(batch.images, [1, ...loader.shape]);
      tf.engine().startScope();
      const drawn = draw({ picture, batch, input });
      tf.engine().endScope();
      input.dispose();
      if (!drawn) return;
      const step = Math.ceil(height / HEIGHT);
      const own = { height: Math.floor(height / step), width: Math.floor(width / step) };
      // The sheet has pictures of one size.
      if (pictures.length > 0 && (own.height !== shape.height || own.width !== shape.width)) continue;
      shape = own;
      columns = Object.keys(drawn).length;
      for (const [caption, values] of Object.entries(drawn))
        pictures.push({ pixels: thinned(values, width, own, step), caption });
    }
  } finally {
    await loader.close();
  }
  if (pictures.length === 0) return;
  await writeAtomically(join(folder, PICTURES), [await pictureSheet(pictures, { ...shape, columns })]);
}

/** Every `step`-th row and column. */
function thinned(pixels: ArrayLike<number>, width: number, to: { height: number; width: number }, step: number) {
  return Uint8Array.from({ length: 3 * to.height * to.width }, (_, i) => {
    const [at, c] = [Math.floor(i / 3), i % 3];
    const [row, column] = [Math.floor(at / to.width), at % to.width];
    return pixels[3 * (row * step * width + column * step) + c] as number;
  });
}
