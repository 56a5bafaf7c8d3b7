import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { BoxDecoding } from './boxDecoding.js';

const coding = {
  anchors: [
    [0, 0, 32, 32],
    [10, 20, 30, 60],
  ],
  centreWeight: 10,
  sideWeight: 5,
  largestLogarithm: Math.log(1000 / 16),
  size: [64, 80] as [number, number],
};

describe('BoxDecoding', () => {
  it('decodes, limits sides, cuts boxes off at the image, and is loaded again from its configuration', () => {
    const before = tf.memory().numTensors;
    const config = new BoxDecoding({ name: 'boxes', ...coding }).getConfig();
    const layer = new BoxDecoding(config as unknown as ConstructorParameters<typeof BoxDecoding>[0]);
    const codes = tf.tensor3d([
      [
        // Centre (20.8, 22.4), sides 16 · 2 and 64.
        [1.5, 2, 0, 5 * Math.LN2],
        [0, 0, 0, 30],
      ],
    ]);
    const boxes = layer.call(codes) as tf.Tensor;
    const [first = [], second = []] = (boxes.arraySync() as number[][][])[0] ?? [];
    [4.8, 0, 36.8, 54.4].forEach((side, i) => {
      expect(first[i]).to.be.closeTo(side, 1e-4);
    });
    // 40 pixels high at first, then 2500.
    expect(second).to.deep.equal([10, 0, 30, 64]);
    tf.dispose([codes, boxes]);
    expect(tf.memory().numTensors).to.equal(before);
    expect(layer.computeOutputShape([null, 2, 4])).to.deep.equal([null, 2, 4]);
  });
});
