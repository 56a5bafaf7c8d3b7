/**
 * RefConv for a network of your own: any tf.LayersModel from images to logits is refocused, trained, merged and exported.
 *
 *     node examples/dist/ownNetwork.js --model path/to/model.json --epochs 3 --out own-network
 *
 * Without --model a small network is built of plain tf.layers, and trained first. The data are synthetic pictures of 32×32 pixels in
 * ten classes; put your own in their place (an ImageDataset: bytes and labels).
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { normalised, syntheticDataset } from '@refconv/datasets';
import { exportOnnx } from '@refconv/export';
import { merge, refconvParameters, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { evaluate, fit, PAPER_RECIPE, saveModel } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    epochs: { type: 'string', default: '3' },
    images: { type: 'string', default: '2000' },
    out: { type: 'string', default: 'own-network' },
    seed: { type: 'string', default: '1' },
  },
});

const data = normalised(syntheticDataset({ train: Number(values.images), test: 500 }));
const seed = Number(values.seed);
const recipe = {
  ...PAPER_RECIPE,
  seed,
  epochs: Number(values.epochs),
  warmUpEpochs: 0,
  batchSize: 64,
  learningRate: 0.05,
};
const train = (model: LayersModel) => fit({ model, data, recipe, showProgress: false });
const report = async (what: string, model: LayersModel) => {
  const { top1 } = await evaluate(model, data.test);
  console.log(`${what}: ${model.countParams()} parameters, top-1 ${(100 * top1).toFixed(2)} %`);
};

function smallNetwork(): LayersModel {
  const { layers } = tf;
  let drawn = 0;
  const drawing = () => ({ kernelInitializer: tf.initializers.heNormal({ seed: 1000 * seed + ++drawn }) });
  const block = (filters: number, strides: number) => [
    layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', useBias: false, ...drawing() }),
    layers.batchNormalization(),
    layers.reLU(),
  ];
  const head = [layers.globalAveragePooling2d({}), layers.dense({ units: data.classes.length, ...drawing() })];
  const input = layers.inputLayer({ inputShape: [32, 32, 3] });
  return tf.sequential({ layers: [input, ...block(16, 1), ...block(32, 2), ...block(64, 2), ...head] });
}

const model = values.model ? await tf.loadLayersModel(`file://${resolve(values.model)}`) : smallNetwork();
if (!values.model) await train(model);
await report('plain', model);

// A copy: its 3×3 convolutions have frozen kernels W_b, and learn W_r.
const refocused = await refocus(model, { seed });
const { basis, map } = refconvParameters(refocused);
console.log(`refocused: ${basis} parameters frozen, ${map} new`);
await train(refocused);
await report('refocused', refocused);

// The plain architecture again, with the kernels W_t: as fast and as small as before.
const merged = await merge(refocused);
await report('merged', merged);
const notes = { ...data.test.normalisation, classes: data.classes };
await saveModel(merged, `${values.out}/tfjs`, notes, { replace: true });
await exportOnnx(merged, `${values.out}/model.onnx`, { replace: true });
console.log(`written: ${values.out}/tfjs/model.json, ${values.out}/model.onnx`);
