import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { encodeLabelImage, encodePicture, imageFiles, readPicture, withClasses } from '@refconv/datasets';
import { bilinearResize } from '@refconv/layers';
import { openSource, shapeOf } from '@refconv/runs/networks';
import { segmentation, segmentationTransforms } from '@refconv/segmentation';
import { compile, tf } from '@refconv/tensorflow';
import { leftOutBy, leftOutText, progress, writeAtomically } from '@refconv/training';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { type TestImagesOptions, testLoaderFor } from '../data.js';
import { namesOf, requireNewFiles } from '../pictureNames.js';

export interface PredictSegmentationOptions extends TestImagesOptions {
  output?: string;
}

/** Images a call. */
const BATCH = 8;

/** Of each image a PNG of its pixels' classes, NAME.png, and a picture with their colours, NAME-colours.png; of its own size. */
export async function predictSegmentation(paths: string[], options: PredictSegmentationOptions): Promise<void> {
  const { output, maxPixels } = options;
  if (output === undefined)
    throw new Error(
      'Where do the label images go? Give --output, a folder: NAME.png has the classes, NAME-colours.png shows them.',
    );
  if (existsSync(output) && extname(output) !== '')
    throw new Error(`${output} is a file; --output is a folder for segmentation.`);
  const images = await imageFiles(paths);
  const names = namesOf(images);
  requireNewFiles(
    output,
    names.flatMap((name) => [`${name}.png`, `${name}-colours.png`]),
  );
  const network = await openSource({ ...options, task: 'segmentation' });
  const { model } = network;
  segmentation.checkModel(model);
  const [height, width] = shapeOf(model);
  const loader = testLoaderFor(images, network, { batchSize: BATCH, ...options }, segmentationTransforms);
  const program = compile({
    logits(x: Tensor4D) {
      const outputs = model.apply(x, { training: false }) as Tensor | Tensor[];
      return (Array.isArray(outputs) ? outputs[0] : outputs) as Tensor4D;
    },
  });
  await mkdir(output, { recursive: true });
  const bar = progress(images.count, 'images');
  let done = 0;
  try {
    for await (const batch of loader.epoch(0)) {
      const x = tf.tensor4d(batch.images, [batch.size, height, width, 3]);
      const logits = program.logits(x);
      for (let i = 0; i < batch.size; i++) {
        const index = batch.indices[i] as number;
        const picture = await readPicture(images, index, maxPixels);
        const size = { height: picture.height, width: picture.width };
        const classes = tf.tidy(() => {
          const own = tf.slice(logits, [i, 0, 0, 0], [1, -1, -1, -1]) as Tensor4D;
          return Uint8Array.from(tf.argMax(bilinearResize(own, [size.height, size.width]), 3).dataSync());
        });
        const name = join(output, names[index] as string);
        await writeAtomically(`${name}.png`, [encodeLabelImage({ data: classes, ...size })]);
        const shown = { data: withClasses(picture.data, classes), ...size };
        await writeAtomically(`${name}-colours.png`, [await encodePicture(shown)]);
        bar.update(++done, '');
      }
      tf.dispose([x, logits]);
    }
  } finally {
    bar.stop();
    program.dispose();
    await loader.close();
  }
  for (const line of leftOutText(leftOutBy(loader))) console.error(line);
  console.log(`${done} images: ${output}, NAME.png with the classes and NAME-colours.png to look at`);
}
