import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { uniform } from '../../backbones/dist/testing/oracle.js';
import { convmapBound, convmapShape, fromOfficialConvmap, toOfficialConvmap, transformKernel } from './map.js';
import { REFCONV_ANCHORS } from './refconvAnchors.js';
import { generated } from './testing.js';

type Shape4 = [number, number, number, number];

const norm = (x: tf.Tensor) => tf.norm(x).dataSync()[0] as number;
const total = (x: tf.Tensor) => tf.sum(x).dataSync()[0] as number;

/** The grouped convolution as PyTorch pads it, group by group: [n, h, w, Cin] by [k, k, Cin/g, Cout]. */
function grouped(x: tf.Tensor4D, kernel: tf.Tensor4D, groups: number, stride: number): tf.Tensor4D {
  const padding = Math.floor(kernel.shape[0] / 2);
  const inputs = tf.split(x, groups, 3) as tf.Tensor4D[];
  const kernels = tf.split(kernel, groups, 3) as tf.Tensor4D[];
  const outputs = inputs.map((input, group) => tf.conv2d(input, kernels[group] as tf.Tensor4D, stride, padding));
  return tf.concat(outputs, 3) as tf.Tensor4D;
}

describe('transformKernel', () => {
  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      for (const [name, { sizes, stride = 1, first, l2, sum, outL2, outSum }] of Object.entries(REFCONV_ANCHORS)) {
        it(`computes what the official code does: ${name}`, () => {
          const tensors = tf.memory().numTensors;
          tf.tidy(() => {
            const [inputs, outputs, groups, k] = sizes;
            const depthwise = groups === inputs;
            const layout = depthwise ? ({ kind: 'depthwise' } as const) : ({ kind: 'dense', groups } as const);
            const seen = inputs / groups;
            const weight = generated('weight', [outputs, seen, k, k]) as tf.Tensor4D;
            const basis = tf.transpose(weight, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]) as tf.Tensor4D;
            const official = generated('convmap.weight', [outputs * seen, groups, 3, 3]) as tf.Tensor4D;
            const shape = convmapShape(basis.shape, layout, 3);
            const convmap = fromOfficialConvmap(official, shape, layout);
            expect(convmap.shape).to.deep.equal(shape);
            expect(toOfficialConvmap(convmap, layout).dataSync()).to.deep.equal(official.dataSync());

            const kernel = transformKernel(basis, convmap, layout);
            const [n, c, h, w] = [1, inputs, 9, 9];
            const nchw = Float32Array.from(uniform('input', c * h * w), (u) => 2 * u - 1);
            const x = tf.transpose(tf.tensor4d(nchw, [n, c, h, w]), [0, 2, 3, 1]) as tf.Tensor4D;
            const y = depthwise
              ? tf.depthwiseConv2d(x, kernel, stride, Math.floor(k / 2))
              : grouped(x, kernel, groups, stride);
            const torch = tf.transpose(kernel, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]).dataSync();
            first.forEach((value, i) => {
              expect(torch[i]).to.be.closeTo(value, 1e-5);
            });
            expect(norm(kernel)).to.be.closeTo(l2, 1e-5 * l2);
            expect(total(kernel)).to.be.closeTo(sum, 1e-5 * l2);
            expect(norm(y)).to.be.closeTo(outL2, 1e-5 * outL2);
            expect(total(y)).to.be.closeTo(outSum, 1e-5 * outL2);
          });
          expect(tf.memory().numTensors).to.equal(tensors);
        });
      }

      for (const [kind, shape] of [
        ['dense', [3, 4, 2, 3]],
        ['depthwise', [5, 3, 4, 1]],
        ['depthwise', [3, 3, 2, 2]],
      ] as ['dense' | 'depthwise', Shape4][]) {
        it(`has the gradient of finite differences: ${kind} [${shape}]`, () => {
          tf.tidy(() => {
            const layout = { kind };
            const basis = tf.randomUniform(shape, -1, 1, 'float32', 1);
            const weight = tf.randomUniform(shape, -1, 1, 'float32', 2);
            const mapShape = convmapShape(shape, layout, 3);
            const convmap = tf.randomUniform(mapShape, -1, 1, 'float32', 3) as tf.Tensor4D;
            const loss = (b: tf.Tensor4D, w: tf.Tensor4D) =>
              tf.sum(tf.mul(transformKernel(b, w, layout), weight)) as tf.Scalar;
            const at = [basis as tf.Tensor4D, convmap] as const;
            const [ofBasis, ofMap] = tf.grads(loss as never)([...at]) as [tf.Tensor, tf.Tensor];
            // The loss is linear in either, so its change is the gradient times the step, however large that is.
            const step = tf.randomUniform(mapShape, -1, 1, 'float32', 4) as tf.Tensor4D;
            const change = total(tf.sub(loss(at[0], tf.add(convmap, step)), loss(...at)));
            expect(total(tf.mul(ofMap, step))).to.be.closeTo(change, 1e-4);
            const basisStep = tf.randomUniform(shape, -1, 1, 'float32', 5) as tf.Tensor4D;
            const basisChange = total(tf.sub(loss(tf.add(at[0], basisStep), convmap), loss(...at)));
            expect(total(tf.mul(ofBasis, basisStep))).to.be.closeTo(basisChange, 1e-4);
            for (const index of [0, 5, convmap.size - 1]) {
              const unit = tf.oneHot(tf.scalar(index, 'int32'), convmap.size).reshape(mapShape) as tf.Tensor4D;
              const slope = total(tf.sub(loss(at[0], tf.add(convmap, unit)), loss(...at)));
              expect(ofMap.dataSync()[index]).to.be.closeTo(slope, 1e-4);
            }
          });
        });
      }
    });
  }

  it('leaves the identity out where told to', () => {
    tf.tidy(() => {
      const basis = tf.randomNormal([3, 3, 4, 1]) as tf.Tensor4D;
      const layout = { kind: 'depthwise' } as const;
      const convmap = tf.zeros(convmapShape(basis.shape, layout, 3)) as tf.Tensor4D;
      expect(transformKernel(basis, convmap, layout).dataSync()).to.deep.equal(basis.dataSync());
      expect(norm(transformKernel(basis, convmap, layout, false))).to.equal(0);
    });
  });
});

describe('convmapBound', () => {
  it('is that of PyTorch for the official shape', () => {
    const [dense, depthwise] = [{ kind: 'dense' }, { kind: 'depthwise' }] as const;
    expect(convmapBound('xavier', [3, 3, 64, 64], dense, 3)).to.be.closeTo(Math.sqrt(6 / (9 + 9 * 4096)), 1e-12);
    expect(convmapBound('xavier', [3, 3, 64, 1], depthwise, 3)).to.be.closeTo(1 / Math.sqrt(192), 1e-12);
    expect(convmapBound('official', [3, 3, 64, 64], dense, 3)).to.be.closeTo(1 / 3, 1e-12);
    expect(convmapBound('official', [5, 5, 64, 1], depthwise, 3)).to.be.closeTo(1 / 24, 1e-12);
    expect(convmapBound('zero', [3, 3, 64, 64], dense, 3)).to.equal(0);
  });
});

describe('the official shape of W_r', () => {
  it('is checked', () => {
    const official = tf.zeros([4, 4, 3, 3]) as tf.Tensor4D;
    expect(() => fromOfficialConvmap(official, [3, 3, 2, 8], { kind: 'dense' })).to.throw(
      RangeError,
      'W_r must have the official shape [16,1,3,3] for this layer; given [4,4,3,3].',
    );
    official.dispose();
  });
});
