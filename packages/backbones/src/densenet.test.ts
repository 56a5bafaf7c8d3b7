import '@refconv/tensorflow';
import { loadTorchState, normalizeState, torchState } from '@refconv/weights';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { densenet121 } from './densenet.js';

describe('densenet121', () => {
  it('takes the key names of the published weights too', () => {
    const tensors = tf.memory().numTensors;
    const model = densenet121({ variant: 'cifar' });
    const state = torchState(model);
    const old = new Map(
      [...state].map(([key, tensor]) => [key.replace(/(denselayer\d+\.(?:norm|conv))/, '$1.'), tensor]),
    );
    expect([...old.keys()]).to.include('features.denseblock4.denselayer16.norm.2.running_var');
    expect([...old.keys()]).to.include('features.transition1.norm.weight');
    expect(normalizeState(old)).to.deep.equal(state);
    loadTorchState(model, normalizeState(old));
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('starts as torchvision does: √(2 / fan-in), no bias', () => {
    const tensors = tf.memory().numTensors;
    const model = densenet121({ variant: 'cifar' });
    tf.tidy(() => {
      const [kernel] = model.getLayer('features.denseblock4.denselayer1.conv1').getWeights() as [tf.Tensor];
      const { mean, variance } = tf.moments(kernel);
      expect(Math.sqrt(variance.dataSync()[0] as number)).to.be.closeTo(Math.sqrt(2 / 512), 0.001);
      expect(mean.dataSync()[0]).to.be.closeTo(0, 0.001);
      const [weight, bias] = model.getLayer('classifier').getWeights() as [tf.Tensor, tf.Tensor];
      expect(tf.max(tf.abs(weight)).dataSync()[0]).to.be.within(0.99 / Math.sqrt(1024), 1 / Math.sqrt(1024));
      expect([...bias.dataSync()].every((value) => value === 0)).to.equal(true);
    });
    model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });
});
