/** Worker that measures how fast TensorFlow multiplies matrices and passes through memory on this machine. */
import { writeSync } from 'node:fs';
import { compile, tf } from '@refconv/tensorflow';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { versions } from './network.js';
import type { Limits } from './protocol.js';

const SIZE = 1024;
const PRODUCTS = 10;
const FLOATS = 64 * 2 ** 20;
const PASSES = 8;

/** The shortest time that `body` takes, tried for so long. */
function best(body: () => void, milliseconds: number): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let tries = 0, begin = performance.now(); tries < 3 || performance.now() - begin < milliseconds; tries++) {
    const start = performance.now();
    body();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}

/** TensorFlow's own MatMul; tfjs's matMul would run BatchMatMulV2. */
function matMul(a: Tensor, b: Tensor): Tensor2D {
  const backend = tf.backend() as unknown as {
    executeSingleOutput(op: string, attributes: object[], inputs: Tensor[]): Tensor2D;
  };
  const attributes = [
    { name: 'T', type: 4, value: 1 },
    { name: 'transpose_a', type: 3, value: false },
    { name: 'transpose_b', type: 3, value: false },
  ];
  return backend.executeSingleOutput('MatMul', attributes, [a, b]);
}

const milliseconds = Number(process.argv[2]);
// Values stay of one size through the chain, so that none overflows or becomes denormal.
const a = tf.variable(tf.randomNormal([SIZE, SIZE], 0, 1, 'float32', 1));
const b = tf.variable(tf.randomNormal([SIZE, SIZE], 0, 1 / Math.sqrt(SIZE), 'float32', 2));
const long = tf.variable(tf.ones([FLOATS]));
const program = compile({
  multiply: () => {
    let product: Tensor = a;
    for (let i = 0; i < PRODUCTS; i++) product = matMul(product, b);
    return tf.slice(product, [0, 0], [1, 1]);
  },
  // The factor is an argument: constants that follow each other would be folded into one.
  scale: (factor: Scalar) => {
    let scaled: Tensor = long;
    for (let i = 0; i < PASSES; i++) scaled = tf.mul(scaled, factor);
    return tf.slice(scaled, [0], [1]);
  },
});

const multiplication = best(() => tf.dispose(program.multiply()), milliseconds);
const pass = best(() => tf.dispose(program.scale(1.0001)), milliseconds);
const limits: Limits = {
  matmulGflops: (PRODUCTS * 2 * SIZE ** 3) / multiplication / 1e6,
  bandwidthGBs: (PASSES * 2 * 4 * FLOATS) / pass / 1e6,
  versions: versions(tf as never),
};
writeSync(1, `${JSON.stringify(limits)}\n`);
process.exit(0);
