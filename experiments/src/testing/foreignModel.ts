/** Makes a small model with plain tfjs, on its JavaScript backend, and saves it into the folder that is given. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

const folder = process.argv[2] as string;
await tf.setBackend('cpu');
const model = tf.sequential();
model.add(
  tf.layers.conv2d({ inputShape: [32, 32, 3], filters: 8, kernelSize: 3, strides: 2, padding: 'same', name: 'first' }),
);
model.add(tf.layers.batchNormalization({ name: 'norm' }));
model.add(tf.layers.activation({ activation: 'elu', name: 'elu' }));
model.add(tf.layers.separableConv2d({ filters: 16, kernelSize: 3, padding: 'same', name: 'separable' }));
model.add(tf.layers.maxPooling2d({ poolSize: 2, name: 'pool' }));
model.add(tf.layers.flatten({ name: 'flat' }));
model.add(tf.layers.dense({ units: 10, name: 'logits' }));
await model.save(
  tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
    const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
    writeFileSync(
      join(folder, 'model.json'),
      JSON.stringify({ modelTopology, weightsManifest, format: 'layers-model' }),
    );
    writeFileSync(join(folder, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  }),
);
