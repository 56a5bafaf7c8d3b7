import { buildBackbone, loadClassifier } from '@refconv/backbones';
import { variablesOf, withoutDrawing } from '@refconv/layers';
import { merge, refconvLayers, refocus } from '@refconv/refconv';
import { compile, tf } from '@refconv/tensorflow';
import { torchState } from '@refconv/weights';
import type { LayersModel, Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { expectNoLeaks } from '../../backbones/dist/testing/reference.js';
import { buildSegmenter, fromTorchvision, inBackbone, segmentationLoss } from './index.js';

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

  // The numbers that torchvision publishes, with its auxiliary classifiers.
  for (const [backbone, head, outputStride, count] of [
    ['mobilenetv3_large_torchvision', 'deeplabv3', 16, 11_029_328],
    ['resnet50', 'fcn', 8, 35_322_218],
    ['resnet50', 'deeplabv3', 8, 42_004_074],
  ] as const) {
    // ResNet-50 takes long to build.
    if (backbone === 'resnet50' && process.env.REFCONV_LONG !== '1') continue;
    it(`has the parameters and keys that torchvision's ${head} over ${backbone} has`, async () => {
      const given = { backbone, head, outputStride, classes: 21, inputSize: [33, 49], auxiliary: true } as const;
      const model = await withoutDrawing(() => buildSegmenter(given));
      expect(parameters(model)).to.equal(count);
      expect(model.outputs.map(({ shape }) => shape)).to.deep.equal([
        [null, 33, 49, 21],
        [null, 33, 49, 21],
      ]);
      const ofHead = {
        fcn: ['classifier.0.weight', 'classifier.1.running_var', 'classifier.4.bias'],
        deeplabv3: [
          'classifier.0.convs.0.0.weight',
          'classifier.0.convs.3.1.bias',
          'classifier.0.convs.4.1.weight',
          'classifier.0.convs.4.2.running_mean',
          'classifier.0.project.0.weight',
          'classifier.1.weight',
          'classifier.2.bias',
          'classifier.4.weight',
        ],
      }[head];
      const keys = [...torchState(model).keys()];
      expect(keys).to.include.members([...ofHead, 'aux_classifier.0.weight', 'aux_classifier.4.bias']);
      model.dispose();
    });
  }

  it("trains with an auxiliary loss, and leaves the head's convolutions to themselves when it is refocused", async () => {
    const given = { ...SMALL, head: 'deeplabv3', auxiliary: true, dropout: false } as const;
    const plain = await buildSegmenter(given);
    const model = await refocus(plain, { select: inBackbone });
    expect(refconvLayers(model).length).to.equal(14);
    const weights = variablesOf(model.trainableWeights);
    const program = compile({
      train(x: Tensor, y: Tensor3D) {
        const loss = () => segmentationLoss(model.apply(x, { training: true }) as Tensor[], y);
        const { value, grads } = tf.variableGrads(loss, weights);
        for (const weight of weights) weight.assign(tf.sub(weight, tf.mul(grads[weight.name] as Tensor, 0.1)));
        const [own, auxiliary] = model.apply(x, { training: false }) as [Tensor4D, Tensor4D];
        return { value, norms: weights.map(({ name }) => tf.norm(grads[name] as Tensor)), own, auxiliary };
      },
    });
    const x = tf.randomNormal([4, 64, 48, 3], 0, 1, 'float32', 1);
    const y = tf.tensor3d(
      Int32Array.from({ length: 4 * 64 * 48 }, (_, i) => (i % 5 ? 1 : 255)),
      [4, 64, 48],
      'int32',
    );
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) {
      const { value, norms, own, auxiliary } = program.train(x, y);
      losses.push(value.dataSync()[0] as number);
      for (const norm of norms) expect(norm.dataSync()[0]).to.be.above(0);
      tf.tidy(() => {
        const [together, first, second] = [[own, auxiliary], own, auxiliary].map(
          (outputs) => segmentationLoss(outputs, y).dataSync()[0] as number,
        ) as [number, number, number];
        expect(together).to.be.closeTo(first + second / 2, 1e-5);
      });
      tf.dispose([value, norms, own, auxiliary]);
    }
    expect(losses.at(-1)).to.be.below(0.98 * (losses[0] as number));
    program.dispose();
    tf.dispose([x, y]);
    plain.dispose();
    model.dispose();
  });

  it('refuses what it cannot build', async () => {
    const error = (options: object) => buildSegmenter({ ...SMALL, ...options }).catch((error: Error) => error.message);
    expect(await error({ classes: 0 })).to.equal('classes must be a positive integer; given 0.');
    expect(await error({ inputSize: [64, 1.5] })).to.equal('width must be a positive integer; given 1.5.');
    expect(await error({ head: 'unet' })).to.equal("There is no head 'unet'; there are lraspp, fcn and deeplabv3.");
    expect(await error({ auxiliary: true })).to.include('LR-ASPP has no auxiliary loss');
    expect(await error({ backbone: 'hbonet' })).to.include("No taps are known for the backbone 'hbonet'");
    expect(await error({ backbone: 'resnet18', width: undefined, outputStride: 16 })).to.include('no dilated form');
  });
});
