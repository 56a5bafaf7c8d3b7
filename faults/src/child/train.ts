/**
 * A training that ends with a model folder, to be killed: `node train.js FOLDER`. Prints each step, `saving` before the model is
 * written, and at the end the hash of the weights.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { normalised, syntheticDataset } from '@refconv/datasets';
import { hashOf } from '@refconv/files';
import { tf } from '@refconv/tensorflow';
import { fit, PAPER_RECIPE, saveModel } from '@refconv/training';

const folder = process.argv[2] as string;
const data = syntheticDataset({ size: 16, train: 64, test: 40 });
const he = (seed: number) => tf.initializers.heNormal({ seed });
const model = tf.sequential({
  layers: [
    tf.layers.conv2d({
      name: 'conv',
      inputShape: [16, 16, 3],
      filters: 8,
      kernelSize: 3,
      strides: 2,
      kernelInitializer: he(1),
    }),
    tf.layers.batchNormalization({ name: 'norm' }),
    tf.layers.globalAveragePooling2d({ name: 'pool' }),
    tf.layers.dense({ name: 'fc', units: data.classes.length, kernelInitializer: he(2) }),
  ],
});
// As the command tells an error: its message alone.
process.on('uncaughtException', ({ message }) => {
  writeSync(2, `${message}\n`);
  process.exit(1);
});
const { stopped } = await fit({
  ...{ model, data: normalised(data), folder, showProgress: false, stopOnInterrupt: true },
  recipe: { ...PAPER_RECIPE, epochs: 3, batchSize: 16, warmUpEpochs: 1, augment: { crop: 1, flip: true }, seed: 3 },
  checkpointEvery: { steps: 2 },
  log: () => {},
  onStep: (step) => void writeSync(1, `step ${step}\n`),
});
if (stopped) writeSync(1, 'stopped\n');
else {
  writeSync(1, 'saving\n');
  await saveModel(model, join(folder, 'model'), {}, { replace: true });
  writeSync(1, `weights ${hashOf(model.getWeights().map((weight) => Array.from(weight.dataSync())))}\n`);
}
