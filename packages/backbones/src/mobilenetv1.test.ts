import '@refconv/tensorflow';
import { loadTorchState, torchState } from '@refconv/weights';
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mobilenetv1 } from './mobilenetv1.js';

describe('mobilenetv1', () => {
  it('has in its cifar variant the sizes of kuangliu/pytorch-cifar', () => {
    const cifar = mobilenetv1({ variant: 'cifar' });
    expect(cifar.outputs[0]?.shape).to.deep.equal([null, 10]);
    expect(cifar.getLayer('blocks.4.0.conv_dw').output).to.have.property('shape').that.deep.equals([null, 2, 2, 512]);
    cifar.dispose();
  });

  it('starts from the same weights for the same seed, from others for another', () => {
    const first = (seed: number) => {
      const model = mobilenetv1({ variant: 'cifar', width: 0.25, seed });
      const values = [...(model.getLayer('blocks.1.0.conv_pw').getWeights()[0] as Tensor).dataSync()];
      model.dispose();
      return values;
    };
    expect(first(1)).to.deep.equal(first(1));
    expect(first(1)).not.to.deep.equal(first(2));
  });

  it('refuses sizes that are none', () => {
    expect(() => mobilenetv1({ width: 0.01 })).to.throw(RangeError, 'without channels');
    expect(() => mobilenetv1({ classes: 0 })).to.throw(RangeError, 'classes must be a positive integer; given 0');
    expect(() => mobilenetv1({ variant: 'mnist' as never })).to.throw(RangeError, "no variant 'mnist'");
  });
});

describe('weights from PyTorch', () => {
  it('go in and out unchanged', () => {
    const model = mobilenetv1({ variant: 'cifar', width: 0.25 });
    const given = torchState(model);
    for (const { data } of given.values()) data.set(data.map((_, i) => Math.sin(i)));
    loadTorchState(model, given);
    expect(torchState(model)).to.deep.equal(given);
    model.dispose();
  });

  it('that do not fit are listed, and leave the model as it was', () => {
    const model = mobilenetv1({ variant: 'cifar', width: 0.25 });
    const before = torchState(model);
    const state = torchState(model);
    state.delete('bn1.bias');
    state.set('extra.weight', { shape: [1], data: new Float32Array(1) });
    state.set('bn1.num_batches_tracked', { shape: [], data: new Float32Array(1) });
    state.set('classifier.weight', { shape: [10, 3], data: new Float32Array(30) });
    expect(() => loadTorchState(model, state)).to.throw(
      'Keys missing: bn1.bias. Keys unexpected: extra.weight. ' +
        'Keys of another shape: classifier.weight: given [10,3], expected [10,256].',
    );
    expect(torchState(model)).to.deep.equal(before);
    model.dispose();
  });
});
