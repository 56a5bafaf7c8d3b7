import type { Tensor } from '@tensorflow/tfjs';
import { compile, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { SELF_ADJOINT_EIG } from './eigen.js';
import { normal } from './testing.js';

describe('SelfAdjointEig', () => {
  const solve = (x: Tensor) => tf.engine().runKernel(SELF_ADJOINT_EIG, { x }) as [Tensor, Tensor];

  it(
    'gives eigenvalues and eigenvectors of each matrix, eager and compiled',
    withoutLeaks(() => {
      const z = normal([3, 6, 9], 1);
      const x = tf.matMul(z, z, false, true);
      const program = compile({ solve });
      for (const [values, vectors] of [solve(x), program.solve(x) as [Tensor, Tensor]]) {
        const again = tf.matMul(tf.mul(vectors, tf.expandDims(values, 1)), vectors, false, true);
        expectClose(again, x, 1e-5);
        expectClose(tf.matMul(vectors, vectors, true, false), tf.tile(tf.expandDims(tf.eye(6), 0), [3, 1, 1]), 1e-5);
      }
      program.dispose();
    }),
  );
});
