import '@refconv/tensorflow';
import { buildBackbone } from '@refconv/backbones';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { withNewHead } from './newHead.js';
import { rejected } from './testing.js';

const valuesOf = (model: tf.LayersModel, name: string) =>
  model
    .getLayer(name)
    .getWeights()
    .map((weight) => [weight.shape, Array.from(weight.dataSync())] as const);

describe('withNewHead', () => {
  it('keeps the body and draws the logits’ layer by the seed', async () => {
    const model = buildBackbone('mobilenetv1', { width: 0.125, variant: 'cifar', seed: 3 });
    const before = tf.memory().numTensors;
    const [a, b, c] = (await Promise.all([1, 1, 2].map((seed) => withNewHead(model, { classes: 3, seed })))) as [
      tf.LayersModel,
      tf.LayersModel,
      tf.LayersModel,
    ];
    for (const { name } of model.layers.filter(({ name }) => name !== 'classifier'))
      expect(valuesOf(a, name), name).to.deep.equal(valuesOf(model, name));
    expect(a.outputs[0]?.shape).to.deep.equal([null, 3]);
    const [kernel, bias] = valuesOf(a, 'classifier');
    expect(kernel?.[0]).to.deep.equal([128, 3]);
    expect(bias?.[1]).to.deep.equal([0, 0, 0]);
    expect(kernel?.[1].some((value) => value !== 0)).to.equal(true);
    expect(valuesOf(b, 'classifier')).to.deep.equal(valuesOf(a, 'classifier'));
    expect(valuesOf(c, 'classifier')).not.to.deep.equal(valuesOf(a, 'classifier'));
    for (const one of [a, b, c]) one.dispose();
    expect(tf.memory().numTensors).to.equal(before);
    model.dispose();
  });

  it('keeps a softmax behind it, and draws anew also for as many classes', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.globalAveragePooling2d({ inputShape: [4, 4, 3] }),
        tf.layers.dense({ units: 2, name: 'head' }),
        tf.layers.softmax(),
      ],
    });
    const changed = await withNewHead(model, { classes: 2 });
    expect(valuesOf(changed, 'head')[0]?.[1]).not.to.deep.equal(valuesOf(model, 'head')[0]?.[1]);
    expect(changed.layers.at(-1)?.getClassName()).to.equal('Softmax');
  });

  it('says where it cannot be', async () => {
    const model = tf.sequential({
      name: 'odd',
      layers: [tf.layers.embedding({ inputDim: 3, outputDim: 2, inputLength: 4 })],
    });
    expect(await rejected(withNewHead(model, { classes: 2 }))).to.match(
      /takes the place of a Dense or Conv2D layer; the output of odd comes of embedding\w*, which is a Embedding/,
    );
  });
});
