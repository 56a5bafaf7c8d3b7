import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { hbonet } from './hbonet.js';

describe('hbonet', () => {
  it('scales and rounds its channels as the reference does', () => {
    const tensors = tf.memory().numTensors;
    const channels = (width: number) => {
      const model = hbonet({ variant: 'cifar', width });
      const names = ['features.0.0', 'features.1.conv.3', 'features.2.concat', 'features.15.0', 'conv.0'];
      const found = names.map((name) => (model.getLayer(name).outputShape as number[]).at(-1));
      model.dispose();
      return found;
    };
    expect(channels(1)).to.deep.equal([32, 24, 40, 144, 1600]);
    expect(channels(0.25)).to.deep.equal([8, 6, 10, 36, 1600]);
    expect(channels(0.1)).to.deep.equal([4, 4, 4, 16, 1600]);
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('refuses sizes that cannot be halved and doubled', () => {
    expect(() => hbonet({ inputSize: 112 })).to.throw(
      RangeError,
      'hbonet takes images whose size is a multiple of 32; given 112.',
    );
    expect(() => hbonet({ variant: 'cifar', inputSize: 36 })).to.throw(RangeError, 'a multiple of 8; given 36.');
    expect(() => hbonet({ width: -1 })).to.throw(RangeError, 'width must be positive; given -1.');
  });
});
