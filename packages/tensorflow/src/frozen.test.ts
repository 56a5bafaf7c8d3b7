import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { Graph } from './graph.js';
import { batchNormTraining, compile, conv2d, frozenGraph, tf } from './index.js';
import { cpuKernels } from './kernels/cpu.js';
import { MAP_SLICES } from './kernels/mapSlices.js';
import { operation } from './kernels/operation.js';
import type { Output } from './native.js';
import { type Body, Recorder } from './record.js';
import { VariableStore } from './state.js';
import { expectClose, withoutLeaks } from './testing.js';
import { nativeTensor } from './values.js';

describe('frozenGraph', () => {
  const contains = (definition: Uint8Array, part: string | Buffer) => Buffer.from(definition).includes(part);

  /** What the frozen graph gives. */
  const valuesOf = (body: Body, x: Tensor) => {
    const graph = new Graph();
    try {
      const recorder = new Recorder(graph, new VariableStore(graph), undefined, true);
      const { placeholders, fetches } = recorder.record(body, [{ dtype: x.dtype, shape: x.shape }]);
      const feed = { output: placeholders[0] as Output, ...nativeTensor(x) };
      return graph.run([feed], fetches, []).outputs.map(({ data }) => new Float32Array(data as ArrayBuffer));
    } finally {
      graph.close();
    }
  };

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
    'computes what has CPU kernels of its own by operations of TensorFlow, with gradients',
    withoutLeaks(async () => {
      const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
      const [scale, offset] = [normal([2], 1), normal([2], 2)] as [Tensor1D, Tensor1D];
      const trained = (x: Tensor) => batchNormTraining(x as Tensor4D, scale, offset, 1e-3);
      const bodies: Record<string, (x: Tensor) => Tensor[]> = {
        'a batch norm in training': trained,
        'its gradient': (x) => [tf.grad((x) => tf.sum(tf.pow(trained(x)[0], 3)))(x)],
      };
      if (cpuKernels) {
        const filters = normal([3, 3, 3, 2], 3);
        const mapped = (identity: boolean) => (basis: Tensor, map: Tensor) =>
          tf.engine().runKernel(MAP_SLICES, { basis, map }, { identity }) as Tensor;
        const gradients = (identity: boolean) =>
          tf.grads((...given) => tf.sum(tf.pow(mapped(identity)(...(given as [Tensor, Tensor])), 3)));
        const basis = (x: Tensor) => tf.reshape(x, [4, 5, 3, 2]);
        for (const identity of [true, false]) {
          bodies[`mapped slices, identity ${identity}`] = (x) => [mapped(identity)(basis(x), filters)];
          bodies[`their gradients, identity ${identity}`] = (x) => gradients(identity)([basis(x), filters]);
        }
      }
      const x = normal([4, 5, 3, 2], 4);
      for (const [name, body] of Object.entries(bodies)) {
        const { definition } = frozenGraph(body, [{ dtype: 'float32', shape: x.shape }]);
        expect(contains(definition, 'Refconv'), name).to.equal(false);
        const found = valuesOf(body, x);
        for (const [i, expected] of body(x).entries()) expectClose(expected, found[i] as ArrayLike<number>, 1e-4);
      }
    }),
  );

  it(
    "refuses an operation of this project's own, by its name",
    withoutLeaks(() => {
      if (!cpuKernels) return;
      const body = (x: Tensor) => operation('RefconvArgMax', [x], []);
      expect(() => frozenGraph(body, [{ dtype: 'float32', shape: [2, 3] }])).to.throw(/RefconvArgMax.*frozen/);
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
