/** DBB in training against its branches written out: the padding is made of the running statistics that the batch has just moved. */
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { dbb, type ReparameterizedLayer, reparameterize, reparameterizedLayers } from './index.js';
import { convolutionModel, expectSame, setRandomWeights } from './testing.js';

interface Norm {
  gamma: tf.Tensor;
  beta: tf.Tensor;
  moving_mean: tf.Tensor;
  moving_variance: tf.Tensor;
}

type Weights = Record<string, tf.Tensor>;
const kernelOf = (weights: Weights, name: string) => weights[name] as tf.Tensor4D;

/** PyTorch's BatchNorm2d in training, and its result for a zero by the statistics after it. */
function normalized(x: tf.Tensor, weights: Weights, name: string) {
  const part = (which: keyof Norm) => weights[`${name}.${which}`] as tf.Tensor;
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  const count = x.size / (x.shape.at(-1) as number);
  const moved = (old: tf.Tensor, value: tf.Tensor) => tf.add(tf.mul(old, 0.9), tf.mul(value, 0.1));
  const [m, v] = [
    moved(part('moving_mean'), mean),
    moved(part('moving_variance'), tf.mul(variance, count / (count - 1))),
  ];
  const by = (value: tf.Tensor, a: tf.Tensor, b: tf.Tensor) =>
    tf.add(tf.mul(tf.div(tf.sub(value, a), tf.sqrt(tf.add(b, 1e-5))), part('gamma')), part('beta')) as tf.Tensor4D;
  return { y: by(x, mean, variance), zero: by(tf.zerosLike(m), m, v) };
}

/** A row and a column of what becomes of a zero, on all sides. */
function surrounded({ y, zero }: { y: tf.Tensor4D; zero: tf.Tensor }): tf.Tensor4D {
  const [n, h, w, c] = y.shape;
  const row = tf.add(tf.zeros([n, 1, w, c]), zero) as tf.Tensor4D;
  const tall = tf.concat([row, y, row], 1);
  const column = tf.add(tf.zeros([n, h + 2, 1, c]), zero) as tf.Tensor4D;
  return tf.concat([column, tall, column], 2);
}

function denseBranches(x: tf.Tensor4D, weights: Weights, stride: number): tf.Tensor4D[] {
  const kernel = (name: string) => kernelOf(weights, name);
  const identity = tf.reshape(tf.eye(x.shape[3]), [1, 1, x.shape[3], x.shape[3]]);
  const between = (kernel: tf.Tensor, norm: string) =>
    surrounded(normalized(tf.conv2d(x, kernel as tf.Tensor4D, 1, 'valid'), weights, norm));
  const pooled = tf.avgPool(between(kernel('dbb_avg.conv'), 'dbb_avg.bn.bn'), 3, stride, 'valid');
  const first = tf.add(identity, kernel('dbb_1x1_kxk.idconv1'));
  const second = tf.conv2d(between(first, 'dbb_1x1_kxk.bn1.bn'), kernel('dbb_1x1_kxk.conv2'), stride, 'valid');
  return [
    normalized(tf.conv2d(x, kernel('kernel'), stride, 1), weights, 'dbb_origin.bn').y,
    normalized(tf.conv2d(x, kernel('dbb_1x1.conv'), stride, 0), weights, 'dbb_1x1.bn').y,
    normalized(pooled, weights, 'dbb_avg.avgbn').y,
    normalized(second, weights, 'dbb_1x1_kxk.bn2').y,
  ];
}

function depthwiseBranches(x: tf.Tensor4D, weights: Weights, stride: number): tf.Tensor4D[] {
  const kernel = (name: string) => kernelOf(weights, name);
  const copies = tf.mul(tf.tile(x, [1, 1, 1, 2]), tf.reshape(kernel('dbb_1x1_kxk.conv1'), [-1]));
  const between = surrounded(normalized(copies, weights, 'dbb_1x1_kxk.bn1.bn'));
  const second = tf.split(tf.depthwiseConv2d(between, kernel('dbb_1x1_kxk.conv2'), stride, 'valid'), 2, 3);
  const pooled = tf.depthwiseConv2d(x, tf.fill([3, 3, x.shape[3], 1], 1 / 9), stride, 1);
  return [
    normalized(tf.depthwiseConv2d(x, kernel('depthwise_kernel'), stride, 1), weights, 'dbb_origin.bn').y,
    normalized(pooled, weights, 'dbb_avg.avgbn').y,
    normalized(tf.addN(second), weights, 'dbb_1x1_kxk.bn2').y,
  ];
}

describe('DBB in training', () => {
  for (const kind of ['dense', 'dw'] as const)
    for (const stride of [1, 2])
      it(`pads by the running statistics, ${kind}, stride ${stride}`, async () => {
        const tensors = tf.memory().numTensors;
        const [inputs, outputs] = kind === 'dense' ? [3, 5] : [4, 4];
        const plain = convolutionModel({ kind, inputs, outputs, kernel: 3, stride, groups: 1, batchNorm: true });
        const model = await reparameterize(plain, dbb(), { start: 'scratch' });
        setRandomWeights(model, 1);
        const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
        tf.tidy(() => {
          const weights = Object.fromEntries(
            layer.weights.map(({ originalName }, i) => [
              originalName.split('/').pop() as string,
              tf.clone(layer.getWeights()[i] as tf.Tensor),
            ]),
          );
          const x = tf.randomNormal([2, 9, 9, inputs], 0, 1, 'float32', 5) as tf.Tensor4D;
          const expected = (kind === 'dense' ? denseBranches : depthwiseBranches)(x, weights, stride);
          const actual = model.apply(x, { training: true }) as tf.Tensor;
          expectSame(actual.dataSync<'float32'>(), tf.addN(expected).dataSync<'float32'>(), 1e-5);
        });
        plain.dispose();
        model.dispose();
        expect(tf.memory().numTensors).to.equal(tensors);
      });
});
