/** RefConv for an own network, where the packages are installed: refocused, trained, merged. */
import { normalised, syntheticDataset } from '@refconv/datasets';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { evaluate, fit, PAPER_RECIPE } from '@refconv/training';

const model: tf.LayersModel = tf.sequential({
  layers: [
    tf.layers.conv2d({ inputShape: [32, 32, 3], filters: 8, kernelSize: 3, strides: 2, padding: 'same' }),
    tf.layers.batchNormalization(),
    tf.layers.reLU(),
    tf.layers.globalAveragePooling2d({}),
    tf.layers.dense({ units: 10 }),
  ],
});
const data = normalised(syntheticDataset({ train: 256, test: 64 }));
const recipe = { ...PAPER_RECIPE, epochs: 1, warmUpEpochs: 0 };

const refocused = await refocus(model);
await fit({ model: refocused, data, recipe, showProgress: false, log: () => {} });
const merged = await merge(refocused);
const { top1 } = await evaluate(merged, data.test);
console.log(JSON.stringify({ same: merged.countParams() === model.countParams(), top1 }));
