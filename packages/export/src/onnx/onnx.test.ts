import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { anchorsOf, decode, withDecoding } from '@refconv/detection';
import {
  BilinearResize,
  ChannelShuffle,
  ChannelSlice,
  ChannelSplit,
  DilatedDepthwiseConv2D,
  GroupedConv2D,
  HardSigmoid,
  HardSwish,
  LayerScale,
} from '@refconv/layers';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, layers, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import * as ort from 'onnxruntime-node';
import {
  expectClose,
  images,
  inFolder,
  mergedDetector,
  mergedSegmenter,
  messageOf,
  randomize,
  smallBackbone,
  TESTED,
} from '../testing/models.js';
import { exportOnnx, onnxModel } from './index.js';

/** Runs the model in ONNX Runtime for batches of these sizes, and compares with tfjs. */
async function expectSameLogits(model: LayersModel, { layout = 'nchw', batches = [1, 3] } = {}): Promise<void> {
  const before = tf.memory().numTensors;
  const session = await ort.InferenceSession.create(onnxModel(model, layout as 'nchw' | 'nhwc'));
  const [output = ''] = session.outputNames;
  expect(session.inputNames).to.deep.equal(['image']);
  expect(output).to.be.oneOf(['logits', 'probabilities']);
  for (const batch of batches) {
    const x = images(model, batch, batch);
    const turned = (tensor: Tensor) => layout === 'nchw' && tensor.rank === 4;
    const fed = turned(x) ? tf.transpose(x, [0, 3, 1, 2]) : x.clone();
    const result = model.predict(x) as Tensor;
    const wanted = turned(result) ? tf.transpose(result, [0, 3, 1, 2]) : result.clone();
    const found = await session.run({ image: new ort.Tensor('float32', fed.dataSync<'float32'>(), fed.shape) });
    expect(found[output]?.dims).to.deep.equal(wanted.shape);
    expectClose(found[output]?.data as Float32Array, wanted.dataSync());
    tf.dispose([x, fed, result, wanted]);
  }
  await session.release();
  expect(tf.memory().numTensors - before, 'tensors left').to.equal(0);
}

type Layers = (layers.Layer | LayersModel)[];

/** A sequential model over images of 9×7 pixels. */
const sequence = (...all: Layers) =>
  randomize(tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [9, 7, 4] }), ...all] as layers.Layer[] }));

/** A model over such images that is a function of its input. */
function functional(build: (x: SymbolicTensor) => SymbolicTensor): LayersModel {
  const x = tf.input({ shape: [9, 7, 4] });
  return randomize(tf.model({ inputs: x, outputs: build(x) }));
}

const apply = (layer: layers.Layer, ...x: SymbolicTensor[]) => layer.apply(x.length === 1 ? x[0] : x) as SymbolicTensor;

const { layers: l } = tf;
const ACTIVATIONS =
  'linear relu relu6 elu selu sigmoid hardSigmoid tanh softplus softsign swish mish gelu gelu_new softmax logSoftmax';

const CASES: Record<string, () => LayersModel> = {
  'Conv2D valid': () => sequence(l.conv2d({ filters: 5, kernelSize: [3, 2], activation: 'tanh' })),
  'Conv2D same': () => sequence(l.conv2d({ filters: 5, kernelSize: [4, 3], padding: 'same', useBias: false })),
  'Conv2D same, strided': () =>
    sequence(l.conv2d({ filters: 5, kernelSize: [3, 4], strides: [2, 3], padding: 'same' })),
  'Conv2D dilated': () => sequence(l.conv2d({ filters: 5, kernelSize: 3, dilationRate: [2, 3], padding: 'same' })),
  DepthwiseConv2D: () =>
    sequence(l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same' })),
  'DilatedDepthwiseConv2D same': () =>
    sequence(new DilatedDepthwiseConv2D({ kernelSize: 3, dilationRate: 2, depthMultiplier: 2, padding: 'same' })),
  'DilatedDepthwiseConv2D valid': () =>
    sequence(new DilatedDepthwiseConv2D({ kernelSize: [3, 2], dilationRate: [2, 3], activation: 'relu' })),
  BilinearResize: () => sequence(new BilinearResize({ height: 20, width: 5 }), l.conv2d({ filters: 3, kernelSize: 1 })),
  SeparableConv2D: () =>
    sequence(l.separableConv2d({ filters: 6, kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'relu' })),
  'MaxPooling2D valid': () => sequence(l.maxPooling2d({ poolSize: 3, strides: 2 })),
  'MaxPooling2D same': () => sequence(l.maxPooling2d({ poolSize: [3, 2], strides: 2, padding: 'same' })),
  'AveragePooling2D valid': () => sequence(l.averagePooling2d({ poolSize: 2, strides: 2 })),
  'AveragePooling2D same': () => sequence(l.averagePooling2d({ poolSize: 3, strides: [1, 1], padding: 'same' })),
  GlobalMaxPooling2D: () => sequence(l.globalMaxPooling2d({})),
  'GlobalAveragePooling2D after LayerNormalization': () =>
    sequence(l.layerNormalization({ epsilon: 0.01 }), l.globalAveragePooling2d({})),
  'LayerNormalization without scale': () =>
    sequence(l.conv2d({ filters: 5, kernelSize: 1 }), l.layerNormalization({ scale: false, axis: 3 })),
  'BatchNormalization of images': () =>
    sequence(l.batchNormalization({ epsilon: 0.1 }), l.batchNormalization({ center: false, scale: false })),
  'BatchNormalization of features': () =>
    sequence(l.flatten(), l.dense({ units: 6 }), l.batchNormalization({ axis: 1 })),
  ZeroPadding2D: () =>
    sequence(
      l.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  Cropping2D: () =>
    sequence(
      l.cropping2D({
        cropping: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  'UpSampling2D nearest': () => sequence(l.upSampling2d({ size: [2, 3] })),
  'UpSampling2D bilinear': () => sequence(l.upSampling2d({ size: [2, 3], interpolation: 'bilinear' })),
  'Flatten and Dense': () =>
    sequence(l.flatten(), l.dense({ units: 6, activation: 'sigmoid' }), l.dense({ units: 3, useBias: false })),
  'Dense of images': () =>
    sequence(
      l.conv2d({ filters: 3, kernelSize: 1 }),
      l.dense({ units: 6, activation: 'gelu' }),
      l.dense({ units: 2, useBias: false }),
    ),
  'Reshape and Permute': () =>
    sequence(
      l.reshape({ targetShape: [3, 3, 28] }),
      l.permute({ dims: [3, 1, 2] }),
      l.reshape({ targetShape: [28, -1] }),
    ),
  'Dropout and noise': () =>
    sequence(l.dropout({ rate: 0.5 }), l.gaussianNoise({ stddev: 1 }), l.alphaDropout({ rate: 0.5 })),
  Rescaling: () => sequence(l.rescaling({ scale: 2, offset: -3 })),
  ReLU: () => sequence(l.reLU({ maxValue: 0.5 }), l.reLU()),
  LeakyReLU: () => sequence(l.leakyReLU({ alpha: 0.2 })),
  ELU: () => sequence(l.elu()),
  ThresholdedReLU: () => sequence(l.thresholdedReLU({ theta: 0.2 })),
  PReLU: () => sequence(l.prelu(), l.prelu({ sharedAxes: [1, 2] })),
  'PReLU of features': () => sequence(l.flatten(), l.prelu()),
  Softmax: () => sequence(l.conv2d({ filters: 3, kernelSize: 1 }), l.softmax({ axis: -1 })),
  GroupedConv2D: () => sequence(new GroupedConv2D({ filters: 6, kernelSize: 3, groups: 2, strides: 2 })),
  'HardSigmoid and HardSwish': () => sequence(new HardSigmoid({}), new HardSwish({})),
  LayerScale: () => sequence(l.conv2d({ filters: 3, kernelSize: 1 }), new LayerScale({})),
  'a shared LayerScale in both layouts': () =>
    functional((x) => {
      const scale = new LayerScale({});
      return apply(scale, apply(l.layerNormalization(), apply(scale, x)));
    }),
  'a shared Dense of images and of features': () => {
    const shared = l.dense({ units: 4 });
    return functional((x) =>
      apply(
        l.add(),
        apply(shared, apply(l.globalMaxPooling2d({}), x)),
        apply(l.globalMaxPooling2d({}), apply(shared, x)),
      ),
    );
  },
  'LayerScale after LayerNormalization': () => sequence(l.layerNormalization(), new LayerScale({})),
  'ChannelSlice in both layouts': () =>
    functional((x) => {
      const slices = [apply(l.conv2d({ filters: 6, kernelSize: 1 }), x), x].map((from, begin) =>
        apply(new ChannelSlice({ begin, size: 3 }), from),
      );
      return apply(l.add(), ...slices);
    }),
  'ChannelShuffle and ChannelSplit': () =>
    functional((x) => {
      const shuffled = apply(new ChannelShuffle({ groups: 2 }), apply(l.conv2d({ filters: 6, kernelSize: 1 }), x));
      const [a, b] = new ChannelSplit({ sizes: [1, 5] }).apply(shuffled) as SymbolicTensor[];
      return apply(l.concatenate(), apply(new ChannelShuffle({ groups: 5 }), b), a);
    }),
  'merges of images in both layouts': () =>
    functional((x) => {
      const a = apply(l.conv2d({ filters: 4, kernelSize: 1 }), x);
      const b = apply(l.layerNormalization(), x);
      const sum = apply(l.add(), a, b, x);
      const most = apply(l.maximum(), sum, apply(l.minimum(), a, x));
      return apply(l.concatenate(), apply(l.average(), a, b, x), apply(l.multiply(), most, b));
    }),
  'a squeeze and excitation': () =>
    functional((x) => {
      const pooled = apply(l.reshape({ targetShape: [1, 1, 4] }), apply(l.globalAveragePooling2d({}), x));
      return apply(l.multiply(), x, apply(l.conv2d({ filters: 4, kernelSize: 1, activation: 'hardSigmoid' }), pooled));
    }),
  'Concatenate of other axes': () =>
    functional((x) => {
      const higher = apply(l.concatenate({ axis: 1 }), x, x);
      return apply(l.concatenate({ axis: 2 }), higher, higher);
    }),
  'a shared layer': () =>
    functional((x) => {
      const shared = l.conv2d({ filters: 4, kernelSize: 3, padding: 'same' });
      return apply(shared, apply(l.reLU(), apply(shared, x)));
    }),
  'nested models, one of them shared': () =>
    functional((x) => {
      const block = tf.sequential({
        layers: [l.conv2d({ name: 'own', filters: 4, kernelSize: 1, inputShape: [9, 7, 4] }), l.reLU()],
      });
      const again = tf.sequential({
        layers: [l.conv2d({ name: 'own', filters: 4, kernelSize: 1, inputShape: [9, 7, 4] })],
      });
      return apply(again, apply(block, apply(block, x)));
    }),
};

describe('exportOnnx', () => {
  it('calls the output what it is: logits, or the probabilities of a softmax', async () => {
    for (const [activation, name] of [
      ['linear', 'logits'],
      ['softmax', 'probabilities'],
      ['sigmoid', 'probabilities'],
      ['relu', 'logits'],
    ] as const) {
      const model = tf.sequential({
        layers: [l.flatten({ inputShape: [4, 4, 3] }), l.dense({ units: 2, activation })],
      });
      const session = await ort.InferenceSession.create(onnxModel(model));
      expect(session.outputNames, activation).to.deep.equal([name]);
      await session.release();
      model.dispose();
    }
  });

  for (const id of TESTED) {
    it(`writes ${id}`, async () => {
      const model = smallBackbone(id);
      await expectSameLogits(model);
      model.dispose();
    });
  }

  for (const [name, build] of Object.entries(CASES)) {
    it(`writes ${name}, in both layouts`, async () => {
      const model = build();
      await expectSameLogits(model);
      await expectSameLogits(model, { layout: 'nhwc', batches: [2] });
      model.dispose();
    });
  }

  for (const activation of ACTIVATIONS.split(' ')) {
    it(`writes the activation ${activation}`, async () => {
      const dense = l.dense({ units: 5, activation: activation as 'relu' });
      const model = sequence(l.activation({ activation: activation as 'relu' }), l.flatten(), dense);
      await expectSameLogits(model);
      model.dispose();
    });
  }

  it('keeps the names of its inputs and outputs where layers have the same', async () => {
    const x = tf.input({ shape: [3, 3, 4], name: 'image' });
    const y = apply(l.dense({ name: 'logits', units: 2 }), apply(l.flatten({ name: 'logits_1' }), x));
    const model = randomize(tf.model({ inputs: x, outputs: y }));
    await expectSameLogits(model);
    model.dispose();
  });

  it('writes several inputs and outputs under the names of their layers', async () => {
    const [a, b] = ['left', 'right'].map((name) => tf.input({ shape: [2, 3, 6], name }));
    const parts = new ChannelSplit({ name: 'parts', sizes: [2, 4] }).apply(a) as SymbolicTensor[];
    const model = tf.model({ inputs: [a, b], outputs: [...parts, apply(l.add({ name: 'sum' }), a, b)] });
    const session = await ort.InferenceSession.create(onnxModel(model));
    const [left, right] = [1, 2].map(
      (value) => new ort.Tensor('float32', new Float32Array(36).fill(value), [1, 6, 2, 3]),
    );
    const { parts: first, parts_1: second, sum } = await session.run({ left, right });
    expect([first.dims, second.dims, sum.dims]).to.deep.equal([
      [1, 2, 2, 3],
      [1, 4, 2, 3],
      [1, 6, 2, 3],
    ]);
    expect(new Set(sum.data as Float32Array)).to.deep.equal(new Set([3]));
    await session.release();
    model.dispose();
  });

  it('takes images of any size where the model does', async () => {
    const all = [l.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', inputShape: [null, null, 3] })];
    const model = randomize(tf.sequential({ layers: [...all, l.globalAveragePooling2d({})] }));
    const session = await ort.InferenceSession.create(onnxModel(model));
    for (const size of [8, 11]) {
      const x = tf.randomUniform([2, size, size, 3]);
      const [wanted, fed] = [model.predict(x) as Tensor, tf.transpose(x, [0, 3, 1, 2])];
      const { logits } = await session.run({ image: new ort.Tensor('float32', fed.dataSync<'float32'>(), fed.shape) });
      expectClose(logits.data as Float32Array, wanted.dataSync());
      tf.dispose([x, wanted, fed]);
    }
    await session.release();
    model.dispose();
  });

  it('writes a merged segmenter with dilated convolutions', async () => {
    const model = await mergedSegmenter();
    await expectSameLogits(model);
    model.dispose();
  });

  it('writes a merged detector with its decoding, as its detections are computed in float64', async () => {
    const plain = await mergedDetector();
    const model = withDecoding(plain);
    const before = tf.memory().numTensors;
    const bytes = onnxModel(model);
    expect(tf.memory().numTensors - before, 'tensors left').to.equal(0);
    const session = await ort.InferenceSession.create(bytes);
    const x = images(model, 2);
    const fed = tf.transpose(x, [0, 3, 1, 2]);
    const wanted = model.predict(x) as Tensor[];
    const found = await session.run({ image: new ort.Tensor('float32', fed.dataSync<'float32'>(), fed.shape) });
    expect(session.outputNames.slice(2)).to.deep.equal(['scores', 'boxes']);
    session.outputNames.forEach((name, i) => {
      expectClose(found[name]?.data as Float32Array, (wanted[i] as Tensor).dataSync());
    });
    const anchors = anchorsOf(plain);
    const codes = (wanted[1] as Tensor).dataSync();
    const boxes = found.boxes?.data as Float32Array;
    const limits = [80, 64, 80, 64];
    anchors.forEach((anchor, k) => {
      const box = decode([...codes.subarray(4 * k, 4 * k + 4)] as [number, number, number, number], anchor);
      box.forEach((side, j) => {
        const inside = Math.min(Math.max(side, 0), limits[j] as number);
        expect(boxes[4 * k + j]).to.be.closeTo(inside, 1e-3);
      });
    });
    await session.release();
    tf.dispose([x, fed, wanted]);
    plain.dispose();
  });

  it(
    'writes a merged model to a file, with the names of layers and weights that PyTorch has',
    inFolder(async (folder) => {
      const model = smallBackbone('resnet20_cifar');
      const refocused = await refocus(model);
      const merged = await merge(refocused);
      await expectSameLogits(merged);
      const path = join(folder, 'model.onnx');
      await exportOnnx(merged, path);
      const bytes = await readFile(path);
      for (const name of ['layer1.0.conv1.weight', 'layer1.0.bn1.running_var', 'linear.bias'])
        expect(bytes.includes(name), name).to.equal(true);
      expect(await messageOf(exportOnnx(merged, path))).to.match(/model.onnx is there already/);
      expect(await messageOf(exportOnnx(refocused, join(folder, 'other')))).to.match(
        /class RefConv2D, which cannot be written to ONNX; merge\(\) the model first/,
      );
      for (const each of [model, refocused, merged]) each.dispose();
    }),
  );

  it('names what has no mapping', () => {
    const refusals: [LayersModel, RegExp][] = [
      [
        sequence(l.conv2dTranspose({ name: 'up', filters: 2, kernelSize: 2 })),
        /layer up has the class Conv2DTranspose.*Those that can: Conv2D,/,
      ],
      [
        sequence(
          l.permute({ name: 'p', dims: [3, 1, 2] }),
          l.zeroPadding2d({ name: 'pad', dataFormat: 'channelsFirst' }),
        ),
        /layer pad .* dataFormat "channelsFirst".*"channelsLast"/,
      ],
      [sequence(l.batchNormalization({ name: 'bn', axis: 1 })), /layer bn .* axis 1;.* -1 or 3/],
      [
        functional((x) => apply(l.add({ name: 'sum' }), x, apply(l.globalMaxPooling2d({}), x))),
        /sum merges tensors of 4 and 2 axes/,
      ],
    ];
    for (const [model, message] of refusals) {
      expect(() => onnxModel(model)).to.throw(message);
      model.dispose();
    }
    const model = sequence(l.flatten());
    expect(() => onnxModel(model, 'chw' as 'nchw')).to.throw(RangeError, /'nchw' or 'nhwc'; given "chw"/);
    model.dispose();
  });
});
