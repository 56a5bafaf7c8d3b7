/** The methods against what the official code computes in float64 from generated weights. */
import { torchState } from '@refconv/weights';
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { generatedState, uniform } from '../../backbones/dist/testing/oracle.js';
import {
  acb,
  cwn,
  dbb,
  merge,
  own,
  type RefConvLayer,
  type ReparameterizedLayer,
  refconvLayers,
  refocus,
  reparameterize,
  reparameterizedLayers,
  repvgg,
  setOfficialConvmap,
  wn,
} from './index.js';
import { type Numbers, STRUCTURAL, WEIGHT } from './methodAnchors.js';
import { REFCONV_ANCHORS } from './refconvAnchors.js';
import { convolutionModel, generated, generatedImage, setOfficialWeights, torchLayout } from './testing.js';

const norm = (x: tf.Tensor) => tf.norm(x).dataSync()[0] as number;
const total = (x: tf.Tensor) => tf.sum(x).dataSync()[0] as number;

function expectFirst(actual: ArrayLike<number>, expected: Numbers, tolerance: number) {
  expected.forEach((value, i) => {
    expect(actual[i]).to.be.closeTo(value, tolerance);
  });
}

describe('the structural methods against the official blocks', () => {
  for (const [name, kind, inputs, outputs, stride, kernel, kernelL2, bias, out, outL2, outSum] of STRUCTURAL) {
    it(`${name} ${kind} ${inputs}->${outputs} stride ${stride}`, async () => {
      const tensors = tf.memory().numTensors;
      const plain = convolutionModel({ kind, inputs, outputs, kernel: 3, stride, groups: 1, batchNorm: true });
      const method = { ACB: acb, RepVGG: repvgg, DBB: dbb }[name]();
      const model = await reparameterize(plain, method, { start: 'scratch' });
      const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
      setOfficialWeights(layer);
      const merged = await merge(model);
      tf.tidy(() => {
        const { kernel: mergedKernel, bias: mergedBias } = layer.mergedWeights();
        const torch = torchLayout(mergedKernel, kind);
        expectFirst(torch.dataSync(), kernel, 1e-5 * Math.max(1, ...kernel.map(Math.abs)));
        expect(norm(torch)).to.be.closeTo(kernelL2, 1e-5 * kernelL2);
        expectFirst((mergedBias as tf.Tensor).dataSync(), bias, 1e-5);
        for (const either of [model, merged]) {
          const y = either.apply(generatedImage(inputs), { training: false }) as tf.Tensor4D;
          expectFirst(tf.transpose(y, [0, 3, 1, 2]).dataSync(), out, 1e-5 * Math.max(...out.map(Math.abs)));
          expect(norm(y)).to.be.closeTo(outL2, 1e-5 * outL2);
          expect(total(y)).to.be.closeTo(outSum, 1e-5 * outL2);
        }
      });
      for (const each of [plain, model, merged]) each.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});

describe('the weight methods against the official modules', () => {
  for (const [name, shape, groups, first, l2, sum] of WEIGHT) {
    it(`${name} of [${shape}]${groups ? ` in ${groups} groups` : ''}`, async () => {
      const tensors = tf.memory().numTensors;
      const [rows, perGroup, size] = shape;
      const kind = perGroup === 1 ? 'dw' : 'dense';
      const inputs = kind === 'dw' ? rows : perGroup;
      const plain = convolutionModel({
        kind,
        inputs,
        outputs: rows,
        kernel: size,
        stride: 1,
        groups: 1,
        batchNorm: false,
      });
      const [v] = [...generatedState([['weight', shape]]).values()];
      const value = tf.tensor(v?.data as Float32Array, shape);
      const kernel = tf.transpose(value, kind === 'dw' ? [2, 3, 0, 1] : [2, 3, 1, 0]);
      plain.layers.at(-1)?.setWeights([kernel]);
      const method = name === 'OWN' ? own({ rowsPerGroup: rows / groups }) : { WN: wn, CWN: cwn }[name]();
      const model = await reparameterize(plain, method, { select: () => true });
      const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
      const magnitude = layer.weights.find(({ originalName }) => originalName.endsWith('weight_g'));
      tf.tidy(() => {
        const g = Float32Array.from(uniform('weight_g', rows), (u) => 0.5 + u);
        (magnitude as unknown as { val: tf.Variable } | undefined)?.val.assign(tf.tensor(g, [1, rows]));
        const torch = torchLayout(layer.mergedWeights().kernel, kind);
        const tolerance = name === 'OWN' ? 1e-4 : 1e-5;
        expectFirst(torch.dataSync(), first, tolerance * Math.max(...first.map(Math.abs)));
        expect(norm(torch)).to.be.closeTo(l2, tolerance * l2);
        expect(total(torch)).to.be.closeTo(sum, tolerance * l2);
      });
      for (const each of [plain, model, value, kernel]) each.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});

describe('RefConv layers against the official class', () => {
  for (const [name, { sizes, stride = 1, first, l2, outL2, outSum }] of Object.entries(REFCONV_ANCHORS)) {
    it(name, async () => {
      const tensors = tf.memory().numTensors;
      const [inputs, outputs, groups, kernel] = sizes;
      const kind = groups === inputs ? 'dw' : 'dense';
      const plain = convolutionModel({ kind, inputs, outputs, kernel, stride, groups, batchNorm: false });
      const weight = generated('weight', [outputs, inputs / groups, kernel, kernel]);
      const basis = tf.transpose(weight, kind === 'dw' ? [2, 3, 0, 1] : [2, 3, 1, 0]);
      plain.getLayer('conv').setWeights([basis]);
      const model = await refocus(plain);
      const [layer] = refconvLayers(model) as [RefConvLayer];
      const convmap = generated('convmap.weight', [(outputs * inputs) / groups, groups, 3, 3]) as tf.Tensor4D;
      setOfficialConvmap(layer, convmap);
      const merged = await merge(model);
      tf.tidy(() => {
        const torch = torchLayout(layer.mergedWeights().kernel, kind);
        expectFirst(torch.dataSync(), first, 1e-5);
        expect(torchState(model).get('conv.convmap.weight')?.data).to.deep.equal(convmap.dataSync());
        expect(norm(torch)).to.be.closeTo(l2, 1e-5 * l2);
        for (const either of [model, merged]) {
          const y = either.apply(generatedImage(inputs), { training: false }) as tf.Tensor;
          expect(norm(y)).to.be.closeTo(outL2, 1e-5 * outL2);
          expect(total(y)).to.be.closeTo(outSum, 1e-5 * outL2);
        }
      });
      tf.dispose([weight, basis, convmap]);
      for (const each of [plain, model, merged]) each.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});
