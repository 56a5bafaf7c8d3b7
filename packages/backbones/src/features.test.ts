import { withoutDrawing } from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, layers, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildFeatures, featureExtractor, featureTaps } from './features.js';
import { BACKBONES, buildBackbone } from './registry.js';
import { expectNoLeaks } from './testing/reference.js';

/** The table of the taps: channels at strides 8, 32 and 16, and the layers that are dilated at output stride 16. */
const EXPECTED: Record<string, { channels: [number, number, number]; dilated: string[] }> = {
  mobilenetv1: { channels: [256, 1024, 512], dilated: ['blocks.4.1.conv_dw'] },
  mobilenetv2: {
    channels: [32, 1280, 576],
    dilated: ['features.15.conv.1.0', 'features.16.conv.1.0', 'features.17.conv.1.0'],
  },
  mobilenetv3_large_torchvision: {
    channels: [40, 960, 672],
    dilated: ['features.13.block.1.0', 'features.14.block.1.0', 'features.15.block.1.0'],
  },
  mobilenetv3_small_torchvision: {
    channels: [24, 576, 288],
    dilated: ['features.9.block.1.0', 'features.10.block.1.0', 'features.11.block.1.0'],
  },
  efficientnet_b0: { channels: [40, 1280, 672], dilated: [] },
  resnet18: { channels: [128, 512, 256], dilated: [] },
  resnet50: { channels: [512, 2048, 1024], dilated: ['layer4.1.conv2', 'layer4.2.conv2'] },
};

const dilated = (model: LayersModel) =>
  model.layers
    .filter((layer) => ((layer as unknown as { dilationRate?: number[] }).dilationRate ?? [1])[0] !== 1)
    .map(({ name }) => name);

/** Height, width and channels of the outputs. */
const shapes = (model: LayersModel) => model.outputs.map(({ shape }) => shape.slice(1));

it('every network with taps has an expectation', () => {
  expect(BACKBONES.ids().filter((id) => BACKBONES.find(id)?.features)).to.have.members(Object.keys(EXPECTED));
});

describe('the features of the networks', () => {
  expectNoLeaks();

  for (const [id, { channels, dilated: names }] of Object.entries(EXPECTED)) {
    it(`${id}: have the channels and strides of their taps, dilated too`, async () => {
      const { segmentation, detection } = featureTaps(id);
      expect(detection.stride32).to.equal(segmentation.high);
      const taps = [segmentation.low, segmentation.high, detection.stride16];
      // Odd sizes, which are rounded up at every stride.
      const inputSize = [90, 122] as const;
      const size = (stride: number) => inputSize.map((n) => Math.ceil(n / stride));
      const model = await withoutDrawing(() => buildFeatures(id, { taps, inputSize }));
      const plain = [8, 32, 16].map((stride, i) => [...size(stride), channels[i]]);
      expect(shapes(model)).to.deep.equal(plain);
      expect(model.inputs[0]?.shape).to.deep.equal([null, 90, 122, 3]);
      expect(dilated(model)).to.deep.equal([]);
      model.dispose();

      if (names.length) {
        const given = { taps: taps.slice(0, 2), inputSize, outputStride: 16 };
        const model = await withoutDrawing(() => buildFeatures(id, given));
        expect(shapes(model)).to.deep.equal([8, 16].map((stride, i) => [...size(stride), channels[i]]));
        expect(dilated(model)).to.deep.equal(names.map((name) => `backbone.${name}`));
        model.dispose();
      } else {
        const refused = withoutDrawing(() => buildFeatures(id, { taps, outputStride: 16 })).catch(
          (error: Error) => error.message,
        );
        expect(await refused).to.equal(`${id} has no dilated form; its output stride is 32. Given 16.`);
      }
    });
  }

  for (const id of ['mobilenetv1', 'mobilenetv2']) {
    it(`${id}: dilated by timm's dialect hold every feature that there is without, at every second pixel`, async () => {
      const { segmentation } = featureTaps(id);
      const given = { taps: [segmentation.high], inputSize: [90, 122], width: 0.25 } as const;
      const [sparse, dense] = [await buildFeatures(id, given), await buildFeatures(id, { ...given, outputStride: 16 })];
      tf.tidy(() => {
        const x = tf.randomNormal([1, 90, 122, 3], 0, 1, 'float32', 1);
        const wanted = sparse.predict(x) as Tensor;
        const [, h, w, c] = (dense.predict(x) as Tensor).shape as [number, number, number, number];
        const found = tf.stridedSlice(dense.predict(x) as Tensor, [0, 0, 0, 0], [1, h, w, c], [1, 2, 2, 1]);
        expect(found.shape).to.deep.equal(wanted.shape);
        const largest = tf.max(tf.abs(wanted)).dataSync()[0] as number;
        expect(tf.max(tf.abs(tf.sub(found, wanted))).dataSync()[0]).to.be.below(1e-5 * largest);
      });
      sparse.dispose();
      dense.dispose();
    });
  }

  it("are the classifier's own, at any module that is named", async () => {
    const classifier = buildBackbone('shufflenetv2', { inputSize: 64 });
    const last = classifier.layers.findLast((layer) => layer.getClassName() === 'Activation') as layers.Layer;
    const features = await featureExtractor(classifier, { taps: [last.name] });
    const inside = tf.model({ inputs: classifier.inputs, outputs: last.output as SymbolicTensor });
    tf.tidy(() => {
      const x = tf.randomNormal([1, 64, 64, 3], 0, 1, 'float32', 1);
      const [found, wanted] = [features, inside].map((model) => [...(model.predict(x) as Tensor).dataSync()]);
      expect(found).to.deep.equal(wanted);
    });
    features.dispose();
    classifier.dispose();
  });

  it('are refused where there is no such module, or a stride that cannot be taken out', async () => {
    const model = withoutDrawing(() => buildBackbone('resnet18', { inputSize: 64 }));
    const error = async (taps: string[], outputStride?: number) =>
      featureExtractor(model, { taps, outputStride }).catch((error: Error) => error.message);
    expect(await error(['layer9'])).to.include('resnet18 has no module layer9');
    expect(await error(['layer4'], 2)).to.include(
      'The layer maxpool has stride 2, which only convolutions can give up',
    );
    model.dispose();
    expect(() => featureTaps('hbonet')).to.throw(RangeError, "No taps are known for the backbone 'hbonet'");
  });
});
