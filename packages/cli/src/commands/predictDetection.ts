import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileName, imageFiles, pictureWithBoxes, readPicture } from '@refconv/datasets';
import { anchorsOf, detection, detectionsOf, detectionTransforms, predictionsOf, rescale } from '@refconv/detection';
import { cocoResults } from '@refconv/detection/results';
import { openSource, shapeOf } from '@refconv/runs/networks';
import { compile, tf } from '@refconv/tensorflow';
import { leftOutBy, leftOutText, progress, writeAtomically } from '@refconv/training';
import type { Tensor4D } from '@tensorflow/tfjs';
import { testLoaderFor } from '../data.js';
import { namesOf, requireNewFiles } from '../pictureNames.js';
import type { PredictSegmentationOptions } from './predictSegmentation.js';

/** Images a call. */
const BATCH = 8;

const DETECTIONS = 'detections.json';
const IMAGES = 'images.json';

/**
 * Of each image a picture with the boxes of all objects from `leastScore` on, NAME.png; of all images what was found in COCO's format of
 * results, and which images and classes its numbers stand for.
 */
export async function predictDetection(
  paths: string[],
  options: PredictSegmentationOptions & { leastScore?: number },
): Promise<void> {
  const { output, maxPixels, leastScore = 0.5 } = options;
  if (output === undefined)
    throw new Error(
      `Where do the pictures go? Give --output, a folder: NAME.png shows the boxes, ${DETECTIONS} has them.`,
    );
  if (existsSync(output) && extname(output) !== '')
    throw new Error(`${output} is a file; --output is a folder for detection.`);
  const source = await imageFiles(paths);
  const names = namesOf(source);
  requireNewFiles(output, [...names.map((name) => `${name}.png`), DETECTIONS, IMAGES]);
  const network = await openSource({ ...options, task: 'detection' });
  const { model, notes } = network;
  detection.checkModel(model);
  const [height, width] = shapeOf(model);
  const anchors = anchorsOf(model);
  const loader = testLoaderFor(source, network, { batchSize: BATCH, ...options }, detectionTransforms);
  const program = compile({ evaluate: (x: Tensor4D) => ({ ...predictionsOf(model, x, false) }) });
  const classes = notes.classes ?? Array.from({ length: detection.classesOf(model) ?? 0 }, (_, i) => `class ${i + 1}`);
  const found: Parameters<typeof cocoResults>[0][number][] = [];
  const images: { id: number; file_name: string; height: number; width: number }[] = [];
  await mkdir(output, { recursive: true });
  const bar = progress(source.count, 'images');
  try {
    for await (const batch of loader.epoch(0)) {
      const x = tf.tensor4d(batch.images, [batch.size, height, width, 3]);
      const predictions = program.evaluate(x);
      const [logits, codes] = [tf.unstack(predictions.logits), tf.unstack(predictions.boxes)];
      for (let i = 0; i < batch.size; i++) {
        const index = batch.indices[i] as number;
        const picture = await readPicture(source, index, maxPixels);
        const numbers = [logits[i], codes[i]].map((each) => (each as (typeof logits)[0]).dataSync());
        const detections = detectionsOf(numbers[0] as Float32Array, numbers[1] as Float32Array, anchors, {
          ...{ height, width },
        }).map(({ box, ...each }) => ({ ...each, box: rescale(box, { height, width }, picture) }));
        found.push({ detections });
        const own = { height: picture.height, width: picture.width };
        images.push({ id: found.length, file_name: fileName(source, index) as string, ...own });
        const shown = detections
          .filter(({ score }) => score >= leastScore)
          .map(({ box, label, score }) => ({
            ...{ box, label: label - 1 },
            caption: `${classes[label - 1]} ${score.toFixed(2)}`,
          }));
        await writeAtomically(join(output, `${names[index]}.png`), [await pictureWithBoxes(picture, shown)]);
        bar.update(found.length, '');
      }
      tf.dispose([x, predictions, logits, codes]);
    }
  } finally {
    bar.stop();
    program.dispose();
    await loader.close();
  }
  const categories = classes.map((name, i) => ({ id: i + 1, name }));
  await writeAtomically(join(output, DETECTIONS), [JSON.stringify(cocoResults(found))]);
  await writeAtomically(join(output, IMAGES), [JSON.stringify({ images, categories })]);
  for (const line of leftOutText(leftOutBy(loader))) console.error(line);
  console.log(`${found.length} images: ${output}, NAME.png to look at; ${DETECTIONS} with the numbers of ${IMAGES}`);
}
