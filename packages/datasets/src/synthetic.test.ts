import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { batches } from './batches.js';
import { checkSplit, type ImageSplit } from './dataset.js';
import { type SyntheticOptions, syntheticDataset } from './synthetic.js';

const hash = (split: ImageSplit) => createHash('sha256').update(split.images).digest('hex').slice(0, 16);

describe('syntheticDataset', () => {
  it('gives the same bytes everywhere', () => {
    const { train, test } = syntheticDataset({ train: 200, test: 100 });
    expect([hash(train), hash(test)]).to.deep.equal(['936f3f7e29e9fbf3', '3a224f109df19187']);
    expect(hash(syntheticDataset({ train: 50, test: 10, size: 48, seed: 7, classes: 6 }).train)).to.equal(
      'd6f486d27ad13111',
    );
  });

  it('has the shape asked for, and every class equally often', () => {
    const { name, classes, train, test, source } = syntheticDataset({ classes: 5, size: 24, train: 50, test: 20 });
    checkSplit(train);
    expect({ name, source, shape: [test.count, test.height, test.width, test.channels] }).to.deep.equal({
      name: 'synthetic',
      source: 'generated: classes 5, size 24, seed 1',
      shape: [20, 24, 24, 3],
    });
    expect(classes).to.deep.equal(['disc', 'ring', 'square', 'triangle', 'cross']);
    for (let label = 0; label < 5; label++) {
      expect(train.labels.filter((value) => value === label).length).to.equal(10);
    }
  });

  it('begins as a smaller set of the same seed does, and otherwise repeats nothing', () => {
    const [small, large] = [10, 40].map((train) => syntheticDataset({ train, test: 10 }));
    expect(Buffer.compare(large.train.images.subarray(0, 10 * 3072), small.train.images)).to.equal(0);
    const other = syntheticDataset({ train: 10, test: 10, seed: 2 });
    expect(new Set([small.train, small.test, other.train, other.test].map(hash)).size).to.equal(4);
  });

  it('is out of reach of a linear classifier on pixels', () => {
    const { train, test } = syntheticDataset({ size: 16, train: 3000, test: 1000 });
    // Chance is 10 %. At 32 x 32 with 5000 images, logistic regression reaches 20 % and a network of five small
    // convolutions 88 % after eight epochs.
    expect(linearAccuracy(train, test)).to.be.within(0.05, 0.25);
  });

  const wrong: [SyntheticOptions, string][] = [
    [{ classes: 11 }, 'classes must be an integer from 2 to 10, 11 given'],
    [{ classes: 1 }, '1 given'],
    [{ size: 8 }, 'size must be an integer from 16 to 512, 8 given'],
    [{ train: 0 }, 'train must be an integer from 1 to 10000000, 0 given'],
    [{ test: 1.5 }, 'test must be'],
    [{ seed: -1 }, 'seed must be an integer from 0'],
  ];
  for (const [options, message] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => syntheticDataset(options)).to.throw(RangeError, message);
    });
  }
});

/** Test accuracy of softmax regression by stochastic gradient descent. */
function linearAccuracy(train: ImageSplit, test: ImageSplit): number {
  const inputs = train.height * train.width * train.channels;
  const weights = new Float64Array(10 * inputs);
  const bias = new Float64Array(10);
  const half = [0.5, 0.5, 0.5];
  const options = { batchSize: 1, buffers: 1, mean: half, std: half };
  const scores = (image: Float32Array) =>
    bias.map((b, k) => {
      let sum = b;
      for (let i = 0; i < inputs; i++) sum += weights[k * inputs + i] * image[i];
      return sum;
    });
  for (let epoch = 0; epoch < 6; epoch++) {
    for (const { images, labels } of batches(train, { ...options, shuffle: true, seed: 1, epoch })) {
      const z = scores(images);
      const top = Math.max(...z);
      const exp = z.map((value) => Math.exp(value - top));
      const total = exp.reduce((a, b) => a + b);
      for (let k = 0; k < 10; k++) {
        const step = 0.001 * ((k === labels[0] ? 1 : 0) - exp[k] / total);
        bias[k] += step;
        for (let i = 0; i < inputs; i++) weights[k * inputs + i] += step * images[i];
      }
    }
  }
  let right = 0;
  for (const { images, labels } of batches(test, options)) {
    const z = scores(images);
    right += Number(z.indexOf(Math.max(...z)) === labels[0]);
  }
  return right / test.count;
}
