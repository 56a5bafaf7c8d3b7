import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { uniform } from '../../backbones/dist/testing/oracle.js';
import { convmapBound, convmapShape, fromOfficialConvmap, toOfficialConvmap, transformKernel } from './map.js';

type Shape4 = [number, number, number, number];

/** A tensor generated from its name, as the anchors' are. */
function generated(name: string, shape: Shape4): tf.Tensor4D {
  const count = shape.reduce((product, size) => product * size, 1);
  const bound = Math.sqrt(6 / (count / shape[0]));
  return tf.tensor4d(
    Float32Array.from(uniform(name, count), (u) => (2 * u - 1) * bound),
    shape,
  );
}

interface Anchor {
  sizes: [inputs: number, outputs: number, groups: number, kernel: number];
  /** Of the output alone. Default: 1. */
  stride?: number;
  first: number[];
  l2: number;
  sum: number;
  outL2: number;
  outSum: number;
}

/** Computed by the official class in float64; W_t and the output for a generated image of 9×9. */
const ANCHORS: Record<string, Anchor> = {
  'dense 4->6 k3': {
    sizes: [4, 6, 1, 3],
    first: [2.513480577e-1, -3.777610688e-2, 2.290527197e-1],
    l2: 5.688436194,
    sum: 9.255881831,
    outL2: 26.15529999,
    outSum: 37.741863,
  },
  'dw 8 k3': {
    sizes: [8, 8, 8, 3],
    first: [4.960191402e-2, 4.256462247e-1, -1.930267744e-1],
    l2: 5.527590788,
    sum: 2.990288242,
    outL2: 27.50496186,
    outSum: -20.57041175,
  },
  'dw 8 k5': {
    sizes: [8, 8, 8, 5],
    stride: 2,
    first: [7.79700862e-1, -1.271725494, 6.337841671e-1],
    l2: 6.87065177,
    sum: -2.354678712,
    outL2: 14.62177426,
    outSum: 23.53646571,
  },
  'grouped 8->16 g2 k3': {
    sizes: [8, 16, 2, 3],
    first: [3.796025905e-1, 1.265373549e-1, 1.657967544e-1],
    l2: 8.616403613,
    sum: 5.445673529,
    outL2: 40.92102709,
    outSum: -12.52193681,
  },
  'grouped 16->8 g4 k3': {
    sizes: [16, 8, 4, 3],
    first: [1.041579386e-1, 1.528686553e-1, 2.09179536e-2],
    l2: 6.090297949,
    sum: -1.135510539,
    outL2: 28.76619918,
    outSum: 3.748916196,
  },
  'dense 3->4 k7': {
    sizes: [3, 4, 1, 7],
    stride: 2,
    first: [1.721778539e-1, -1.173449625e-2, -1.065037985e-1],
    l2: 4.697738858,
    sum: 6.252771733,
    outL2: 10.01716292,
    outSum: 9.954820658,
  },
  'dw 8 k7': {
    sizes: [8, 8, 8, 7],
    first: [2.428119171e-1, 2.527170428e-2, 1.856733774e-1],
    l2: 6.388568611,
    sum: 4.624442413,
    outL2: 24.8443607,
    outSum: -23.86045573,
  },
};

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

      for (const [name, { sizes, stride = 1, first, l2, sum, outL2, outSum }] of Object.entries(ANCHORS)) {
        it(`computes what the official code does: ${name}`, () => {
          const tensors = tf.memory().numTensors;
          tf.tidy(() => {
            const [inputs, outputs, groups, k] = sizes;
            const depthwise = groups === inputs;
            const layout = depthwise ? ({ kind: 'depthwise' } as const) : ({ kind: 'dense', groups } as const);
            const seen = inputs / groups;
            const weight = generated('weight', [outputs, seen, k, k]);
            const basis = tf.transpose(weight, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]) as tf.Tensor4D;
            const official = generated('convmap.weight', [outputs * seen, groups, 3, 3]);
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
