import { outputActivation, requireClassifier } from '@refconv/layers';
import { compile, tf } from '@refconv/tensorflow';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { readImages } from '../images.js';
import { writeNpy } from '../npy.js';
import { openSource, type SourceOptions } from '../source.js';

/** Images a call. */
const BATCH = 64;

export async function logits({
  input,
  output,
  ...options
}: SourceOptions & { input: string; output: string }): Promise<void> {
  const images = await readImages(input);
  const { model } = await openSource(options, images);
  requireClassifier(model);
  const program = compile({ evaluate: (x: Tensor4D) => model.apply(x, { training: false }) as Tensor2D });
  const rows: Float32Array[] = [];
  let classes = 0;
  for (let start = 0; start < images.count; start += BATCH) {
    const x = images.batch(start, BATCH);
    const y = program.evaluate(x);
    rows.push(y.dataSync<'float32'>().slice());
    classes = y.shape[1];
    tf.dispose([x, y]);
  }
  program.dispose();
  const data = new Float32Array(images.count * classes);
  rows.forEach((row, i) => {
    data.set(row, i * BATCH * classes);
  });
  await writeNpy(output, { shape: [images.count, classes], data });
  const what = outputActivation(model) === 'softmax' ? 'Probabilities' : 'Logits';
  console.log(`${what} of ${images.count} images, ${classes} classes: ${output}`);
}
