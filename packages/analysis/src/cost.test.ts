import '@refconv/tensorflow';
import { BACKBONES, type BackboneSize, buildBackbone } from '@refconv/backbones';
import { withoutDrawing } from '@refconv/layers';
import { buildMethod, refconvLayers, refocus, reparameterize } from '@refconv/refconv';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { cost, stepCost, trainingCost } from './cost.js';

/** Of a step, at 224×224 with 1000 classes: the multiply-adds of RefConv's maps. */
const STEPS = { mobilenetv1: 226_030_176, mobilenetv2: 365_500_512, resnet18: 98_953_920 };

const sizeOf = (id: string) => BACKBONES.get(id).sizes?.imagenet as Required<BackboneSize>;

describe('cost', () => {
  for (const [id, step] of Object.entries(STEPS)) {
    it(`is what ${id} is published with, plain and refocused`, async () => {
      const { parameters: trainable, macs, basis, map } = sizeOf(id);
      const tensors = tf.memory().numTensors;
      const model = withoutDrawing(() => buildBackbone(id));
      expect(cost(model)).to.include({ trainable, macs });
      const refocused = await refocus(model, { init: 'zero' });
      expect(cost(refocused)).to.include({ trainable: trainable - basis + map, macs });
      const training = trainingCost(refocused);
      expect(training).to.deep.include({ trainable: trainable - basis + map, macs: { image: macs, step } });
      expect(training.layers.map(({ name }) => name)).to.deep.equal(refconvLayers(refocused).map(({ name }) => name));
      expect(training.layers.reduce((sum, { frozen }) => sum + frozen, 0)).to.equal(basis);
      refocused.dispose();
      model.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }

  it('counts a step: the map once, whatever the batch', async () => {
    const model = withoutDrawing(() => buildBackbone('mobilenetv1'));
    const refocused = await refocus(model, { init: 'zero' });
    const [{ macs }, step] = [sizeOf('mobilenetv1'), STEPS.mobilenetv1];
    expect(stepCost(model, 32)).to.deep.equal({
      forward: 64 * macs,
      backward: 128 * macs,
      weights: 0,
      total: 192 * macs,
    });
    // Over a frozen basis: the map forward, and its gradient for W_r alone.
    expect(stepCost(refocused, 32)).to.deep.include({ weights: 4 * step, total: 192 * macs + 4 * step });
    const trained = await refocus(model, { init: 'zero', trainableBasis: true });
    expect(stepCost(trained, 32)).to.deep.include({ weights: 6 * step });
    for (const wrong of [0, 1.5]) {
      expect(() => stepCost(model, wrong)).to.throw(/batchSize must be a whole number from 1; given/);
    }
    for (const each of [model, refocused, trained]) each.dispose();
  });

  it('counts the branches of a structural method', async () => {
    const model = withoutDrawing(() => buildBackbone('mobilenetv2'));
    const branched = await reparameterize(model, buildMethod('acb'));
    expect(trainingCost(branched)).to.deep.include({ trainable: 3_576_936, macs: { image: 321_810_560, step: 0 } });
    expect(trainingCost(model)).to.deep.include({
      trainable: 3_504_872,
      macs: { image: 300_774_272, step: 0 },
      layers: [],
    });
    branched.dispose();
    model.dispose();
  });

  it('counts nested models, shared layers at each use, and dense layers', () => {
    const inner = tf.sequential({
      layers: [tf.layers.conv2d({ inputShape: [8, 8, 3], filters: 4, kernelSize: 3, useBias: true })],
    });
    const shared = tf.layers.dense({ units: 5 });
    const [a, b] = [tf.input({ shape: [8, 8, 3] }), tf.input({ shape: [8, 8, 3] })];
    const pool = tf.layers.globalAveragePooling2d({});
    const head = (x: tf.SymbolicTensor) => shared.apply(pool.apply(inner.apply(x)) as tf.SymbolicTensor);
    const model = tf.model({ inputs: [a, b], outputs: [head(a), head(b)] as tf.SymbolicTensor[] });
    expect(cost(model)).to.include({ trainable: 4 * 27 + 4 + 20 + 5, frozen: 0 });
    expect(
      cost(model)
        .layers.filter(({ className }) => className === 'Dense')
        .map(({ macs }) => macs),
    ).to.deep.equal([20, 20]);
    expect(cost(model).macs).to.equal(2 * (36 * 108 + 20));
    model.dispose();
  });

  it('says which layer it cannot count', () => {
    const layer = tf.layers.conv2d({ inputShape: [null, null, 3], filters: 4, kernelSize: 3, name: 'open' });
    const model = tf.sequential({ layers: [layer] });
    expect(() => cost(model)).to.throw(
      /cost of open is not known: its output has the shape \[,,,4\]\. Give the model an input/,
    );
    model.dispose();
  });
});
