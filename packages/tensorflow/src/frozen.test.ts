import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, conv2d, frozenGraph, tf } from './index.js';
import { withoutLeaks } from './testing.js';

describe('frozenGraph', () => {
  const contains = (definition: Uint8Array, part: string | Buffer) => Buffer.from(definition).includes(part);

  it(
    'holds the present values of variables, also of those that a compiled program keeps',
    withoutLeaks(() => {
      const variable = tf.variable(tf.tensor1d([1.5, -2.25]));
      const program = compile({
        double: () => {
          variable.assign(tf.mul(variable, 2));
        },
      });
      program.double();
      const { definition, inputs, outputs } = frozenGraph(
        (x) => tf.add(x, variable),
        [{ dtype: 'float32', shape: [2] }],
      );
      expect(contains(definition, Buffer.from(new Float32Array([3, -4.5]).buffer))).to.equal(true);
      expect(contains(definition, 'ReadVariableOp')).to.equal(false);
      for (const name of [...inputs, ...outputs]) expect(contains(definition, name), name).to.equal(true);
      expect([inputs.length, outputs.length]).to.deep.equal([1, 1]);
      program.dispose();
      variable.dispose();
    }),
  );

  it(
    "holds TensorFlow's own operations alone, and leaves the CPU kernels to other recordings",
    withoutLeaks(() => {
      const kernel = tf.ones([1, 1, 2, 2]) as Tensor4D;
      const statistics = tf.ones([2]);
      const body = (x: Tensor) => {
        const y = tf.conv2d(x as Tensor4D, kernel, 1, 'same');
        return tf.relu(tf.batchNorm(y, statistics, statistics, statistics, statistics, 1e-3));
      };
      const { definition } = frozenGraph(body, [{ dtype: 'float32', shape: [1, 3, 3, 2] }]);
      for (const op of ['Conv2D', 'FusedBatchNorm', 'Relu']) expect(contains(definition, op), op).to.equal(true);
      expect(contains(definition, 'Refconv')).to.equal(false);
    }),
  );

  it(
    'has a convolution for each group of a grouped one',
    withoutLeaks(() => {
      const kernel = tf.ones([3, 3, 2, 6]) as Tensor4D;
      const shape = [1, 5, 5, 4];
      const { definition } = frozenGraph((x) => conv2d(x as Tensor4D, kernel), [{ dtype: 'float32', shape }]);
      expect(
        Buffer.from(definition)
          .toString('latin1')
          .match(/Conv2D_\d+/g),
      ).to.have.length.at.least(2);
      expect(contains(definition, 'ConcatV2')).to.equal(true);
    }),
  );

  it(
    'refuses a function that assigns variables',
    withoutLeaks(() => {
      const variable = tf.variable(tf.scalar(1), true, 'counter');
      const count = (x: Tensor) => {
        variable.assign(tf.add(variable, 1));
        return tf.add(x, variable);
      };
      expect(() => frozenGraph(count, [{ dtype: 'float32', shape: [] }])).to.throw(/cannot assign variables.*counter/);
      expect(variable.dataSync()[0]).to.equal(1);
      variable.dispose();
    }),
  );
});
