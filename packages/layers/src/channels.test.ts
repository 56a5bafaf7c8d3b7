import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { ChannelShuffle, ChannelSlice, ChannelSplit } from './channels.js';
import { LayerScale } from './layerScale.js';

const values = (tensor: unknown) => [...(tensor as tf.Tensor).dataSync()];
/** Two images of one pixel with 12 channels, numbered. */
const numbered = () => tf.reshape(tf.range(0, 24), [2, 1, 1, 12]);

for (const backend of ['tensorflow', 'cpu']) {
  describe(`layers over channels on the backend ${backend}`, () => {
    before(() => tf.setBackend(backend));
    after(() => tf.setBackend('tensorflow'));

    it('shuffles as ShuffleNet does, and back', () => {
      const tensors = tf.memory().numTensors;
      tf.tidy(() => {
        const x = numbered();
        const shuffle = new ChannelShuffle({ groups: 3 });
        const y = shuffle.apply(x) as tf.Tensor;
        expect(y.shape).to.deep.equal(x.shape);
        expect(values(y).slice(0, 12)).to.deep.equal([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        expect(values(y).slice(12)).to.deep.equal([12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23]);
        expect(values(new ChannelShuffle({ groups: 4 }).apply(y))).to.deep.equal(values(x));
        const gradient = tf.grad((x) => tf.sum(tf.mul(shuffle.apply(x) as tf.Tensor, x)))(x);
        const inverse = new ChannelShuffle({ groups: 4 }).apply(x) as tf.Tensor;
        expect(values(gradient)).to.deep.equal(values(tf.add(y, inverse)));
      });
      expect(tf.memory().numTensors).to.equal(tensors);
    });

    it('splits', () => {
      const tensors = tf.memory().numTensors;
      tf.tidy(() => {
        const x = numbered();
        const layer = new ChannelSplit({ sizes: [5, 7] });
        const [a, b] = layer.apply(x) as [tf.Tensor, tf.Tensor];
        expect([a.shape, b.shape]).to.deep.equal(layer.computeOutputShape(x.shape));
        expect(values(a)).to.deep.equal([0, 1, 2, 3, 4, 12, 13, 14, 15, 16]);
        expect(values(b)).to.deep.equal([5, 6, 7, 8, 9, 10, 11, 17, 18, 19, 20, 21, 22, 23]);
        const gradient = tf.grad((x) => {
          const [a, b] = layer.apply(x) as [tf.Tensor, tf.Tensor];
          return tf.add(tf.sum(tf.square(a)), tf.sum(b));
        })(x);
        const expected = values(x).map((value) => (value % 12 < 5 ? 2 * value : 1));
        expect(values(gradient)).to.deep.equal(expected);
      });
      expect(tf.memory().numTensors).to.equal(tensors);
    });

    it('slices', () => {
      const tensors = tf.memory().numTensors;
      tf.tidy(() => {
        const x = numbered();
        const layer = new ChannelSlice({ begin: 2, size: 3 });
        const y = layer.apply(x) as tf.Tensor;
        expect(y.shape).to.deep.equal(layer.computeOutputShape(x.shape));
        expect(values(y)).to.deep.equal([2, 3, 4, 14, 15, 16]);
        const gradient = tf.grad((x) => tf.sum(tf.square(layer.apply(x) as tf.Tensor)))(x);
        const expected = values(x).map((value) => (value % 12 >= 2 && value % 12 < 5 ? 2 * value : 0));
        expect(values(gradient)).to.deep.equal(expected);
      });
      expect(tf.memory().numTensors).to.equal(tensors);
    });

    it('scales', () => {
      const tensors = tf.memory().numTensors;
      tf.tidy(() => {
        const layer = new LayerScale({ initialValue: 0.5 });
        const x = numbered();
        expect(values(layer.apply(x))).to.deep.equal(values(tf.mul(x, 0.5)));
        const factors = tf.range(0, 12);
        layer.setWeights([factors]);
        expect(values(layer.apply(x))).to.deep.equal(values(tf.mul(x, factors)));
        const [weight] = layer.trainableWeights as unknown as [{ val: tf.Variable }];
        const { grads } = tf.variableGrads(() => tf.sum(layer.apply(x) as tf.Tensor), [weight.val]);
        expect(values(grads[weight.val.name])).to.deep.equal(values(tf.sum(x, [0, 1, 2])));
        layer.dispose();
      });
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  });
}

describe('layers over channels', () => {
  it('save and load', async () => {
    const tensors = tf.memory().numTensors;
    const input = tf.input({ shape: [2, 2, 12] });
    const shuffled = new ChannelShuffle({ groups: 3 }).apply(input) as tf.SymbolicTensor;
    const [a, b] = new ChannelSplit({ sizes: [4, 8] }).apply(shuffled) as [tf.SymbolicTensor, tf.SymbolicTensor];
    const scaled = new LayerScale({ initialValue: 3 }).apply(b) as tf.SymbolicTensor;
    const first = new ChannelSlice({ begin: 1, size: 2 }).apply(a) as tf.SymbolicTensor;
    const joined = tf.layers.concatenate().apply([scaled, first]) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: joined });
    const loaded = await tf.models.modelFromJSON({ modelTopology: model.toJSON(undefined, false) } as never);
    tf.tidy(() => {
      const x = tf.randomNormal([1, 2, 2, 12], 0, 1, 'float32', 1);
      expect(values(loaded.predict(x))).to.deep.equal(values(model.predict(x)));
      const order = [5, 9, 2, 6, 10, 3, 7, 11];
      const channels = tf.gather(x, tf.tensor1d(order, 'int32'), 3);
      expect(values(tf.slice(loaded.predict(x) as tf.Tensor, [0, 0, 0, 0], [1, 2, 2, 8]))).to.deep.equal(
        values(tf.mul(channels, 3)),
      );
    });
    for (const layer of [...model.layers, ...loaded.layers]) layer.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('refuse what does not fit', () => {
    const shuffle = (groups: number) => () => new ChannelShuffle({ groups, inputShape: [2, 2, 12], name: 'shuffle' });
    expect(shuffle(0)).to.throw(RangeError, 'groups must be a positive integer; given 0 for shuffle.');
    expect(shuffle(2.5)).to.throw(RangeError, 'given 2.5');
    expect(() => tf.sequential({ layers: [shuffle(5)()] })).to.throw(
      RangeError,
      'shuffle has 12 channels, which its 5 groups do not divide.',
    );
    const split = (...sizes: number[]) => new ChannelSplit({ sizes, name: 'split' });
    expect(() => split(12)).to.throw(RangeError, 'sizes must be two or more positive integers; given 12 for split.');
    expect(() => split(12, 0)).to.throw(RangeError, 'given 12,0');
    expect(() => split(4, 4).apply(tf.input({ shape: [2, 2, 12] }))).to.throw(
      RangeError,
      'split splits 8 channels as 4 + 4; given 12.',
    );
    const slice = (begin: number, size: number) => new ChannelSlice({ begin, size, name: 'slice' });
    expect(() => slice(-1, 2)).to.throw(
      RangeError,
      'begin must be an integer from 0 and size a positive one; given -1 and 2 for slice.',
    );
    expect(() => slice(0, 0)).to.throw(RangeError, 'given 0 and 0');
    expect(() => slice(10, 3).apply(tf.input({ shape: [2, 2, 12] }))).to.throw(
      RangeError,
      'slice takes channels up to 13; given 12.',
    );
  });
});
