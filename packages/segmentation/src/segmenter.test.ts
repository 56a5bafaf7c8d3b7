import { buildBackbone, loadClassifier, torchState } from '@refconv/backbones';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { expectNoLeaks } from '../../backbones/dist/testing/reference.js';
import { buildSegmenter, fromTorchvision } from './index.js';

const SMALL = { backbone: 'mobilenetv1', width: 0.25, classes: 3, inputSize: [64, 48] } as const;

const parameters = (model: LayersModel) =>
  model.trainableWeights.reduce((total, { shape }) => total + tf.util.sizeFromShape(shape as number[]), 0);

function logits(model: LayersModel): number[] {
  return tf.tidy(() => {
    const x = tf.randomNormal([1, 64, 48, 3], 0, 1, 'float32', 1);
    return [...(model.predict(x) as Tensor).dataSync()];
  });
}

describe('buildSegmenter', () => {
  expectNoLeaks();

  it("has the parameters that torchvision publishes, and its checkpoint's keys", async () => {
    const model = await buildSegmenter({
      backbone: 'mobilenetv3_large_torchvision',
      classes: 21,
      inputSize: [65, 65],
    });
    expect(parameters(model)).to.equal(3_221_538);
    expect(model.outputs[0]?.shape).to.deep.equal([null, 65, 65, 21]);
    const state = torchState(model);
    const theirs = new Map([...state].map(([key, value]) => [key.replace('backbone.features.', 'backbone.'), value]));
    expect([...theirs.keys()]).to.include.members(['backbone.0.0.weight', 'backbone.16.1.running_var']);
    expect([...fromTorchvision(theirs).keys()]).to.deep.equal([...state.keys()]);
    expect([...fromTorchvision(state).keys()]).to.deep.equal([...state.keys()]);
    model.dispose();
  });

  it('starts from the same weights for the same seed, from others for another', async () => {
    const states: number[][] = [];
    for (const seed of [1, 1, 2]) {
      const model = await buildSegmenter({ ...SMALL, seed });
      states.push([...torchState(model).values()].flatMap(({ data }) => [...data.subarray(0, 20)]));
      model.dispose();
    }
    expect(states[0]).to.deep.equal(states[1]);
    expect(states[0]).not.to.deep.equal(states[2]);
  });

  it("takes a classifier's weights: trained, refocused with its W_r, merged", async () => {
    const classifier = buildBackbone('mobilenetv1', { width: 0.25, seed: 7 });
    const refocused = await refocus(classifier, { seed: 8 });
    const merged = await merge(refocused);
    const plain = await buildSegmenter(SMALL);
    const model = await refocus(plain, { init: 'zero' });

    loadClassifier(plain, torchState(classifier));
    const own = torchState(classifier);
    for (const [key, { data }] of torchState(plain))
      if (key.startsWith('backbone.')) expect(data).to.deep.equal(own.get(key.slice('backbone.'.length))?.data);

    expect(() => loadClassifier(plain, torchState(refocused))).to.throw(/hold W_r .* Refocus it first, or merge/);
    expect(() => loadClassifier(model, torchState(classifier))).to.throw('backbone.conv_stem.convmap.weight');
    loadClassifier(model, torchState(refocused));
    loadClassifier(plain, torchState(merged));
    const back = await merge(model);
    const [wanted, found] = [logits(plain), logits(back)];
    const largest = Math.max(...wanted.map(Math.abs));
    for (const each of [found, logits(model)])
      each.forEach((value, i) => {
        expect(value).to.be.closeTo(wanted[i] as number, 1e-5 * largest);
      });
    for (const each of [classifier, refocused, merged, plain, model, back]) each.dispose();
  });

  it('refuses what it cannot build', async () => {
    const error = (options: object) => buildSegmenter({ ...SMALL, ...options }).catch((error: Error) => error.message);
    expect(await error({ classes: 0 })).to.equal('classes must be a positive integer; given 0.');
    expect(await error({ inputSize: [64, 1.5] })).to.equal('width must be a positive integer; given 1.5.');
    expect(await error({ backbone: 'hbonet' })).to.include("No taps are known for the backbone 'hbonet'");
    expect(await error({ backbone: 'resnet18', width: undefined, outputStride: 16 })).to.include('no dilated form');
  });
});
