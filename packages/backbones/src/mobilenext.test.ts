import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mobilenext } from './mobilenext.js';

describe('mobilenext', () => {
  it('scales and rounds its channels as the reference does', () => {
    const tensors = tf.memory().numTensors;
    const channels = (width: number) => {
      const model = mobilenext({ variant: 'cifar', width });
      const names = [
        'features.0.0',
        'features.2.conv.3',
        'features.2.conv.5',
        'features.20.conv.3',
        'features.20.conv.5',
      ];
      const found = names.map((name) => (model.getLayer(name).outputShape as number[]).at(-1));
      model.dispose();
      return found;
    };
    expect(channels(1)).to.deep.equal([32, 32, 144, 208, 1280]);
    expect(channels(0.5)).to.deep.equal([16, 16, 72, 208, 1280]);
    expect(channels(1.4)).to.deep.equal([48, 32, 200, 304, 1792]);
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('has shortcuts where neither stride nor channels change, except in stages of one block', () => {
    const model = mobilenext({ variant: 'cifar', width: 0.25 });
    const shortcuts = model.layers.flatMap(({ name }) => /^features\.(\d+)\.add$/.exec(name)?.[1] ?? []).map(Number);
    expect(shortcuts).to.deep.equal([4, 5, 7, 8, 10, 11, 12, 14, 15, 16, 18, 19]);
    model.dispose();
  });

  it('refuses options that are out of range', () => {
    expect(() => mobilenext({ width: 0 })).to.throw(RangeError, 'width must be positive; given 0.');
    expect(() => mobilenext({ dropout: 1 })).to.throw(RangeError, 'dropout must be in [0, 1); given 1.');
  });
});
