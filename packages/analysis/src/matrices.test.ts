/** Connectivity, redundancy and skeletons, with the anchors of the specification (../shared/spec/analysis.md). */
import '@refconv/tensorflow';
import { buildBackbone, mobilenetv1 } from '@refconv/backbones';
import { type RefConvLayer, refconvLayers, refocus, transformKernel } from '@refconv/refconv';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { generatedState } from '../../backbones/dist/testing/oracle.js';
import { connectivity, connectivityOf, initialConnectivity } from './connectivity.js';
import { type Matrix, summarize } from './matrix.js';
import { kernelChannels, redundancy, redundancyOf } from './redundancy.js';
import { skeleton, skeletonsOf } from './skeleton.js';

/** A tensor of PyTorch's shape (a, b, kh, kw), generated from its key, as [kh, kw, b, a]. */
function generated(key: string, shape: [number, number, number, number]): tf.Tensor4D {
  const data = [...generatedState([[key, shape]]).values()][0]?.data as Float32Array;
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, shape), [2, 3, 1, 0]));
}

/** [kh, kw, C, 1] of a kernel (C, 1, kh, kw). */
const depthwise = (key: string, channels: number) =>
  tf.tidy(() => tf.transpose(generated(key, [channels, 1, 3, 3]), [0, 1, 3, 2]));

const at = ({ columns, values }: Matrix, i: number, j: number) => values[i * columns + j] as number;

function expectNumbers(found: number[], wanted: number[]): void {
  found.forEach((value, i) => {
    expect(value, `number ${i}`).to.be.closeTo(wanted[i] as number, 1e-6);
  });
}

/** A network of one depthwise RefConv layer. */
async function depthwiseNetwork(channels: number, options = {}): Promise<tf.LayersModel> {
  const model = tf.sequential({
    layers: [tf.layers.depthwiseConv2d({ inputShape: [8, 8, channels], kernelSize: 3, padding: 'same', name: 'dw' })],
  });
  const refocused = await refocus(model, options);
  model.dispose();
  return refocused;
}

const only = (model: tf.LayersModel) => refconvLayers(model)[0] as RefConvLayer;

describe('connectivity, redundancy and skeletons', () => {
  let before: number;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('give the connectivity that the specification anchors', async () => {
    const model = await depthwiseNetwork(64);
    const convmap = generated('convmap.weight', [64, 64, 3, 3]);
    only(model).convmap.write(convmap);
    const matrix = connectivity(only(model));
    const { mean, offDiagonalMean } = summarize(matrix);
    expectNumbers(
      [at(matrix, 0, 0), at(matrix, 0, 1), at(matrix, 1, 0), mean, offDiagonalMean],
      [5.018951698e-1, 4.017619715e-1, 4.096294314e-1, 4.600732831e-1, 4.602310151e-1],
    );
    const part = connectivity(only(model), { channels: 5 });
    expect([part.rows, part.columns]).to.deep.equal([5, 5]);
    expect(at(part, 4, 3)).to.equal(at(matrix, 4, 3));
    convmap.dispose();
    model.dispose();
  });

  it('give the redundancy that the specification anchors', () => {
    const basis = depthwise('weight', 64);
    const convmap = generated('convmap.weight', [64, 64, 3, 3]);
    const transformed = transformKernel(basis, convmap, { kind: 'depthwise' });
    const [plain, changed] = [redundancy(basis), redundancy(transformed)];
    expectNumbers(
      [at(plain, 0, 1), at(plain, 1, 0), at(plain, 0, 2), summarize(plain).offDiagonalMean, summarize(plain).largest],
      [1.942248633e-1, 2.10130928e-1, 1.536289018e-1, 1.895921493e-1, 5.577548908e-1],
    );
    expectNumbers([at(changed, 0, 1), summarize(changed).offDiagonalMean], [8.486285436e-1, 4.011693699e-1]);
    expectNumbers(
      [basis, transformed].map((kernel) => summarize(redundancy(kernel, { unitNorm: true })).offDiagonalMean),
      [9.450597936e-2, 9.577015491e-2],
    );
    for (let i = 0; i < 64; i++) expect(at(plain, i, i)).to.equal(0);
    tf.dispose([basis, convmap, transformed]);
  });

  it('show that the plain redundancy follows scale and the unit-norm one does not', () => {
    const kernel = depthwise('weight', 8);
    const doubled = tf.mul(kernel, 2) as tf.Tensor4D;
    const mean = (of: tf.Tensor4D, unitNorm: boolean) => summarize(redundancy(of, { unitNorm })).offDiagonalMean;
    expect(mean(doubled, false)).to.be.above(2 * mean(kernel, false));
    expect(mean(doubled, true)).to.be.closeTo(mean(kernel, true), 1e-7);
    tf.dispose([kernel, doubled]);
  });

  for (const init of ['xavier', 'official'] as const) {
    it(`tell what the initialisation ${init} gives, and what was learned since`, async () => {
      const model = await depthwiseNetwork(64, { init });
      const layer = only(model);
      const { mean, standardDeviation } = initialConnectivity(layer);
      expect(mean).to.be.closeTo(init === 'xavier' ? 0.3248 : 0.1875, 1e-4);
      const found = connectivity(layer);
      expect(summarize(found).mean).to.be.closeTo(mean, (5 * standardDeviation) / 64);
      const variance = found.values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / found.values.length;
      expect(Math.sqrt(variance)).to.be.closeTo(standardDeviation, 0.05 * standardDeviation);

      const untouched = await depthwiseNetwork(64, { init });
      const trained = layer.convmap.read().bufferSync();
      trained.set(trained.get(0, 0, 7, 3) + 0.5, 0, 0, 7, 3);
      const value = trained.toTensor();
      layer.convmap.write(value);
      const learned = connectivity(layer, { initial: only(untouched) });
      expect(at(learned, 3, 7)).to.be.closeTo(0.5, 1e-6);
      expect(summarize(learned).mean * 64 * 64).to.be.closeTo(0.5, 1e-6);
      value.dispose();
      untouched.dispose();
      model.dispose();
    });
  }

  it('give skeletons by position', () => {
    const kernel = tf.tidy(() => tf.tensor4d([1, -2, 3, 4, 0, -6, 7, 8], [2, 2, 2, 1]));
    expect([...skeleton(kernel).values]).to.deep.equal([1.5, 3.5, 3, 7.5]);
    const relative = skeleton(kernel, { relative: true });
    expectNumbers(
      [...relative.values],
      [1.5, 3.5, 3, 7.5].map((value) => value / 3.875),
    );
    expect([relative.rows, relative.columns]).to.deep.equal([2, 2]);
    kernel.dispose();
  });

  it('cover all depthwise layers of a network, W_b as it was and W_t as it merges', async () => {
    const plain = mobilenetv1({ variant: 'cifar', width: 0.25, classes: 10 });
    const model = await refocus(plain);
    const [ties, redundant, skeletons] = [
      connectivityOf(model, { channels: 64 }),
      redundancyOf(model, { channels: 64 }),
      skeletonsOf(model),
    ];
    expect(ties.map(({ name }) => name))
      .to.have.lengthOf(13)
      .and.include('blocks.0.0.conv_dw');
    expect(redundant.map(({ name }) => name)).to.deep.equal(ties.map(({ name }) => name));
    expect(skeletons.map(({ name }) => name)).to.deep.equal(ties.map(({ name }) => name));
    expect(ties.map(({ matrix }) => matrix.rows)).to.include.members([8, 16, 32, 64]);
    for (const { basis, transformed } of redundant) {
      expect(basis.summary.plain.offDiagonalMean).to.be.above(0);
      expect(transformed.summary.plain.offDiagonalMean).not.to.equal(basis.summary.plain.offDiagonalMean);
    }
    const layer = plain.getLayer('blocks.0.0.conv_dw').getWeights()[0] as tf.Tensor4D;
    expect([...(skeletons[0]?.basis.values ?? [])]).to.deep.equal([...skeleton(layer).values]);
    model.dispose();
    plain.dispose();
  });

  it('say what they cannot take', async () => {
    const plain = buildBackbone('resnet20_cifar');
    const dense = await refocus(plain);
    expect(() => connectivityOf(dense)).to.throw(/has no depthwise RefConv layer. Give the refocused network/);
    expect(() => redundancyOf(plain)).to.throw(/before merge\(\)/);
    expect(() => skeletonsOf(plain)).to.throw(/no depthwise RefConv layer/);
    expect(() => connectivity(only(dense))).to.throw(/conv1 has no connectivity matrix/);
    const [model, other] = [await depthwiseNetwork(4), await depthwiseNetwork(6)];
    expect(() => connectivity(only(model), { channels: 0 })).to.throw(/from 1; given 0. Leave it out for all 4/);
    expect(() => connectivity(only(model), { initial: only(other) })).to.throw(/W_r of \[3,3,4,4\]; given dw/);
    const zeros = tf.zeros<tf.Rank.R4>([3, 3, 2, 1]);
    expect(() => redundancy(zeros, { unitNorm: true })).to.throw(/Kernel channel 0 is zero/);
    expect(() => skeleton(zeros, { relative: true })).to.throw(/zeros has no relative skeleton/);
    const flat = tf.zeros([3, 3]);
    expect(() => kernelChannels(flat as tf.Tensor4D)).to.throw(/four axes.*given \[3,3\]/);
    for (const each of [plain, dense, model, other, zeros, flat]) each.dispose();
  });
});
