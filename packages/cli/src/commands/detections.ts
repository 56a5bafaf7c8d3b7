import { anchorsOf, detectionsOf, inputSizeOf, predictionsOf } from '@refconv/detection';
import { openSource, type SourceOptions } from '@refconv/runs/networks';
import { compile, tf } from '@refconv/tensorflow';
import type { Tensor4D } from '@tensorflow/tfjs';
import { readImages } from '../images.js';

/** Images a call. */
const BATCH = 16;

export async function detections({ input, ...options }: SourceOptions & { input: string }): Promise<void> {
  const images = await readImages(input);
  const { model } = await openSource(options, images);
  const [anchors, size] = [anchorsOf(model), inputSizeOf(model)];
  const program = compile({ evaluate: (x: Tensor4D) => ({ ...predictionsOf(model, x, false) }) });
  const found: unknown[] = [];
  for (let start = 0; start < images.count; start += BATCH) {
    const x = images.batch(start, BATCH);
    const predictions = program.evaluate(x);
    const logits = tf.unstack(predictions.logits);
    const boxes = tf.unstack(predictions.boxes);
    for (const [i, row] of logits.entries())
      found.push(detectionsOf(row.dataSync(), (boxes[i] as typeof row).dataSync(), anchors, size));
    tf.dispose([x, predictions, logits, boxes]);
  }
  program.dispose();
  console.log(JSON.stringify(found));
}
