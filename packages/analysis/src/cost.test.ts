import '@refconv/tensorflow';
import { buildBackbone } from '@refconv/backbones';
import { refconvLayers, refconvParameters, refocus } from '@refconv/refconv';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { cost, refconvCost } from './cost.js';

/** The numbers of the implementations that the networks follow, at 224×224 with 1000 classes. */
const PUBLISHED = {
  mobilenetv1: { trainable: 4_231_976, macs: 568_740_352, basis: 45_504, map: 25_114_464, mapMacs: 226_030_176 },
  mobilenetv2: { trainable: 3_504_872, macs: 300_774_272, basis: 65_088, map: 40_611_168, mapMacs: 365_500_512 },
  resnet18: { trainable: 11_689_512, macs: 1_814_073_344, basis: 10_994_880, map: 10_987_200, mapMacs: 98_953_920 },
};

describe('cost', () => {
  for (const [id, { trainable, macs, ...refconv }] of Object.entries(PUBLISHED)) {
    it(`is what ${id} is published with`, () => {
      const tensors = tf.memory().numTensors;
      const model = buildBackbone(id);
      expect(cost(model)).to.include({ trainable, macs });
      expect(refconvCost(model)).to.include({ ...refconv, trainable: trainable - refconv.basis + refconv.map });
      model.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }

  it('is the same for the model that refocus makes', async () => {
    const model = buildBackbone('mobilenetv1', { variant: 'cifar', width: 0.25 });
    for (const options of [{}, { mapKernel: 1 as const }, { trainableBasis: true }]) {
      const expected = refconvCost(model, options);
      const refocused = await refocus(model, options);
      expect(cost(refocused)).to.include({ trainable: expected.trainable, macs: cost(model).macs });
      expect(refconvParameters(refocused)).to.deep.equal({ basis: expected.basis, map: expected.map });
      expect(refconvLayers(refocused).map(({ name }) => name)).to.deep.equal(expected.layers.map(({ name }) => name));
      refocused.dispose();
    }
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
