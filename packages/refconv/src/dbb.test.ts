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

describe('DBB in training', () => {
  for (const stride of [1, 2])
    it(`pads by the running statistics, stride ${stride}`, async () => {
      const tensors = tf.memory().numTensors;
      const [inputs, outputs] = [3, 5];
      const plain = convolutionModel({ kind: 'dense', inputs, outputs, kernel: 3, stride, groups: 1, batchNorm: true });
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
        const weight = (name: string) => weights[name] as tf.Tensor4D;
        /** PyTorch's BatchNorm2d in training, and its result for a zero by the statistics after it. */
        const normalized = (x: tf.Tensor, name: string) => {
          const part = (which: keyof Norm) => weights[`${name}.${which}`] as tf.Tensor;
          const { mean, variance } = tf.moments(x, [0, 1, 2]);
          const count = x.size / (x.shape.at(-1) as number);
          const moved = (old: tf.Tensor, value: tf.Tensor) => tf.add(tf.mul(old, 0.9), tf.mul(value, 0.1));
          const [m, v] = [
            moved(part('moving_mean'), mean),
            moved(part('moving_variance'), tf.mul(variance, count / (count - 1))),
          ];
          const by = (value: tf.Tensor, a: tf.Tensor, b: tf.Tensor) =>
            tf.add(tf.mul(tf.div(tf.sub(value, a), tf.sqrt(tf.add(b, 1e-5))), part('gamma')), part('beta'));
          return { y: by(x, mean, variance), zero: by(tf.zerosLike(m), m, v) };
        };
        const surrounded = ({ y, zero }: { y: tf.Tensor; zero: tf.Tensor }) => {
          const [n, h, w, c] = y.shape as [number, number, number, number];
          const row = tf.add(tf.zeros([n, 1, w, c]), zero) as tf.Tensor4D;
          const tall = tf.concat([row, y as tf.Tensor4D, row], 1);
          const column = tf.add(tf.zeros([n, h + 2, 1, c]), zero) as tf.Tensor4D;
          return tf.concat([column, tall, column], 2);
        };
        const x = tf.randomNormal([2, 9, 9, inputs], 0, 1, 'float32', 5) as tf.Tensor4D;
        const identity = tf.reshape(tf.eye(inputs), [1, 1, inputs, inputs]);
        const between = (kernel: tf.Tensor, norm: string) =>
          surrounded(normalized(tf.conv2d(x, kernel as tf.Tensor4D, 1, 'valid'), norm));
        const expected = tf.addN([
          normalized(tf.conv2d(x, weight('kernel'), stride, 1), 'dbb_origin.bn').y,
          normalized(tf.conv2d(x, weight('dbb_1x1.conv'), stride, 0), 'dbb_1x1.bn').y,
          normalized(tf.avgPool(between(weight('dbb_avg.conv'), 'dbb_avg.bn.bn'), 3, stride, 'valid'), 'dbb_avg.avgbn')
            .y,
          normalized(
            tf.conv2d(
              between(tf.add(identity, weight('dbb_1x1_kxk.idconv1')), 'dbb_1x1_kxk.bn1.bn'),
              weight('dbb_1x1_kxk.conv2'),
              stride,
              'valid',
            ),
            'dbb_1x1_kxk.bn2',
          ).y,
        ]);
        const actual = model.apply(x, { training: true }) as tf.Tensor;
        expectSame(actual.dataSync<'float32'>(), expected.dataSync<'float32'>(), 1e-5);
      });
      plain.dispose();
      model.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
});
