import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { anchorsOf, decode, withDecoding } from '@refconv/detection';
import { ChannelSplit } from '@refconv/layers';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import * as ort from 'onnxruntime-node';
import { ACTIVATIONS, apply, CASES, functional, sequence } from '../testing/layerCases.js';
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

const { layers: l } = tf;

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
