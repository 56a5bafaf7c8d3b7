import { outputActivation, requireClassifier } from '@refconv/layers';
import { openSource, type SourceOptions, taskIdOf } from '@refconv/runs/networks';
import { compile, tf } from '@refconv/tensorflow';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { readImages } from '../images.js';
import { writeNpy } from '../npy.js';

/** Images a call: 64 at 224×224, and at most. */
const LARGEST_BATCH = 64;
const BATCH_PIXELS = LARGEST_BATCH * 224 ** 2;

export async function logits({
  input,
  output,
  ...options
}: SourceOptions & { input: string; output: string }): Promise<void> {
  const images = await readImages(input);
  const { model } = await openSource(options, images);
  if ((await taskIdOf(options)) === 'classification') requireClassifier(model);
  const program = compile({
    evaluate: (x: Tensor4D) => {
      const outputs = model.apply(x, { training: false }) as Tensor | Tensor[];
      if (Array.isArray(outputs)) return tf.concat(outputs, -1);
      const y = outputs;
      return y.rank === 4 ? tf.transpose(y, [0, 3, 1, 2]) : y;
    },
  });
  const pixels = images.height * images.width;
  const batch = Math.max(1, Math.min(LARGEST_BATCH, Math.floor(BATCH_PIXELS / pixels)));
  const rows: Float32Array[] = [];
  let shape: number[] = [];
  for (let start = 0; start < images.count; start += batch) {
    const x = images.batch(start, batch);
    const y = program.evaluate(x);
    rows.push(y.dataSync<'float32'>().slice());
    shape = [images.count, ...y.shape.slice(1)];
    tf.dispose([x, y]);
  }
  program.dispose();
  const data = new Float32Array(tf.util.sizeFromShape(shape));
  let at = 0;
  for (const row of rows) {
    data.set(row, at);
    at += row.length;
  }
  await writeNpy(output, { shape, data });
  const what = outputActivation(model) === 'softmax' ? 'Probabilities' : 'Logits';
  console.log(`${what} of ${images.count} images, ${shape.slice(1).join('×')}: ${output}`);
}
