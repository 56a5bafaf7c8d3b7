import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { convmapShape, type KernelLayout, stepAmplification, transformKernel } from './map.js';
import { generated } from './testing.js';

type Shape4 = [number, number, number, number];

/** The same number by the map's own gradient, for one gradient of W_t after the other. */
function byGradients(basis: tf.Tensor4D, mapKernel: number, layout: KernelLayout): number {
  const zero: tf.Tensor4D = tf.zeros(convmapShape(basis.shape, layout, mapKernel));
  const map = (convmap: tf.Tensor4D) => transformKernel(basis, convmap, layout, false);
  const pull = tf.grad((convmap: tf.Tensor) => map(convmap as tf.Tensor4D));
  let sum = 0;
  for (let i = 0; i < basis.size; i++) {
    const direction: tf.Tensor4D = tf.reshape(tf.oneHot(tf.scalar(i, 'int32'), basis.size), basis.shape);
    const moved = map(pull(zero, tf.cast(direction, 'float32')) as tf.Tensor4D);
    sum += tf.sum(tf.square(moved)).dataSync()[0] as number;
  }
  return Math.sqrt(sum / basis.size);
}

describe('stepAmplification', () => {
  const cases: [string, Shape4, KernelLayout, number][] = [
    ['a depthwise kernel', [3, 3, 4, 1], { kind: 'depthwise' }, 3],
    ['a depthwise kernel of two outputs a channel, a map of 1×1', [3, 3, 2, 2], { kind: 'depthwise' }, 1],
    ['a dense kernel', [3, 3, 2, 3], { kind: 'dense' }, 3],
    ['a dense kernel of 5×5', [5, 5, 1, 2], { kind: 'dense' }, 3],
    ['a grouped kernel', [3, 3, 2, 6], { kind: 'dense', groups: 2 }, 3],
  ];
  for (const [name, shape, layout, mapKernel] of cases) {
    it(`is what the gradient through W_r does to a step of W_t: ${name}`, () => {
      tf.tidy(() => {
        const basis = generated('weight', shape) as tf.Tensor4D;
        const expected = byGradients(basis, mapKernel, layout);
        const tensors = tf.memory().numTensors;
        expect(stepAmplification(basis, mapKernel, layout)).to.be.closeTo(expected, 1e-5 * expected);
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    });
  }

  it('grows with the channels of a depthwise kernel, and with the square of its weights', () => {
    tf.tidy(() => {
      const of = (channels: number, scale: number) =>
        stepAmplification(tf.fill([3, 3, channels, 1], scale), 3, { kind: 'depthwise' });
      expect(of(64, 1) / of(16, 1)).to.be.closeTo(4, 1e-4);
      expect(of(16, 3) / of(16, 1)).to.be.closeTo(9, 1e-4);
    });
  });
});
