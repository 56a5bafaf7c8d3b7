/** Prints a hash of what the CPU kernels compute, for the test that the number of threads does not change a bit. */
import { createHash } from 'node:crypto';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { compile } from '../index.js';
import { tf } from '../load.js';
import { batchNormTraining } from './batchNorm.js';
import {
  batchStatistics,
  depthwise,
  depthwiseGradient,
  normalize,
  normalizeGradient,
  pointwise,
  pointwiseGradient,
} from './cpu.js';
import { attribute, operation } from './operation.js';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const hash = createHash('sha256');
const add = (tensor: Tensor) => hash.update(new Uint8Array((tensor.dataSync() as Float32Array).slice().buffer));

const x = normal([16, 20, 20, 70], 1);
const kernel = normal([1, 1, 70, 300], 2);
const dy = normal([16, 20, 20, 300], 3);
add(pointwise(x, kernel));
const gradients = pointwiseGradient(x, kernel, dy);
add(gradients.x());
add(gradients.filter());
const filter = normal([3, 3, 70, 1], 4);
for (const placement of [
  { stride: 1, top: 1, left: 1 },
  { stride: 1, dilation: 2, top: 2, left: 2 },
  { stride: 2, top: 0, left: 0 },
]) {
  const size: [number, number] = placement.stride === 2 ? [10, 10] : [20, 20];
  const y = depthwise(x, filter, size, placement);
  const { x: ofX, filter: ofFilter } = depthwiseGradient(x, filter, y, placement);
  [y, ofX(), ofFilter()].forEach(add);
}
add(operation('RefconvResize', [x, normal([30, 20], 5), normal([9, 20], 6)], []));
const [small, large] = [normal([2, 9, 900], 12), normal([2, 900, 300], 13)];
const thin = tf.matMul(small, large);
[thin, tf.matMul(small, thin, true)].forEach(add);
const parts = [normal([16, 20, 20, 70], 10), normal([16, 20, 20, 30], 11)];
const shuffle = [attribute.int('parts', 2), attribute.int('rows', 2)];
add(operation('RefconvShuffle', [...parts, tf.zeros([100])], shuffle));
const [zeros, ones] = [tf.zeros([70]), tf.ones([70])];
const statistics = batchStatistics(x, [zeros, ones], 1e-5, 0.1);
statistics.forEach(add);
const parameters: Parameters<typeof normalize>[1] = [ones, zeros, statistics[0], statistics[1]];
add(normalize(x, parameters));
normalizeGradient(x, x, parameters).forEach(add);

// Convolutions between batch norms, which a compiled function computes together.
const [first, second] = [normal([1, 1, 70, 40], 7), normal([3, 3, 40, 1], 8)];
const program = compile({
  step: (images: Tensor) => {
    const norm = (x: Tensor) =>
      tf.relu6(
        batchNormTraining(x as Tensor4D, tf.ones([x.shape[3] as number]), tf.zeros([x.shape[3] as number]), 1e-3)[0],
      );
    const network = (images: Tensor, first: Tensor, second: Tensor) =>
      norm(
        tf.depthwiseConv2d(norm(tf.conv2d(norm(images), first as Tensor4D, 1, 'same')), second as Tensor4D, 2, 'same'),
      );
    return tf.grads(network)([images, first, second]);
  },
});
for (const gradient of program.step(x)) add(gradient as Tensor);
program.dispose();
process.stdout.write(hash.digest('hex'));
