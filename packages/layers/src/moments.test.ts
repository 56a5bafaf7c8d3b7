/** The same on tfjs's own CPU backend, without the kernels, as with them. */
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { channelMap, channelMoments } from './index.js';

/** Values and gradients of a batch norm that is put together of both, of scale, offset and images. */
function normalized(): number[][] {
  return tf.tidy(() => {
    const x = tf.randomNormal([3, 4, 5, 6], 2, 3, 'float32', 1) as tf.Tensor4D;
    const [scale, offset, weights] = [2, 3, 4].map(
      (seed) => tf.randomNormal([6], 1, 1, 'float32', seed) as tf.Tensor1D,
    );
    const f = (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) => {
      const { mean, variance } = channelMoments(x);
      const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, 1e-3))) as tf.Tensor1D;
      return channelMap(x, mean, factor, offset as tf.Tensor1D);
    };
    const loss = (...inputs: tf.Tensor[]) =>
      tf.sum(tf.mul(tf.square(f(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor]))), weights as tf.Tensor1D));
    const inputs = [x, scale as tf.Tensor1D, offset as tf.Tensor1D];
    const { unbiased } = channelMoments(x);
    return [f(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor])), unbiased, ...tf.grads(loss)(inputs)].map((values) => [
      ...values.dataSync(),
    ]);
  });
}

describe('channelMoments and channelMap', () => {
  it('make a batch norm, with its gradients, on any backend', async () => {
    const tensors = tf.memory().numTensors;
    const fused = normalized();
    expect(tf.memory().numTensors).to.equal(tensors);
    await tf.setBackend('cpu');
    try {
      for (const [i, values] of normalized().entries())
        for (const [j, value] of values.entries())
          expect(fused[i]?.[j]).to.be.closeTo(value, 2e-4 * Math.max(1, Math.abs(value)));
    } finally {
      await tf.setBackend('tensorflow');
    }
  });
});
