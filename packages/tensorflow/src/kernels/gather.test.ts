import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, tf } from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { expectFiniteDifferences, expectSameCompiled, normal, tensorsLeft } from './testing.js';

const product = (sizes: number[]) => sizes.reduce((a, b) => a * b, 1);

/**
 * Where each element of the result comes from: result[b…, o…, i…, r…] = x[b…, o…, indices[b…, i…], r…], with the batch
 * dimensions b, those before the axis o, the indices' own i, and those after the axis r.
 */
function sources(
  xShape: number[],
  indices: number[],
  indicesShape: number[],
  axis: number,
  batchDims: number,
): number[] {
  const batches = product(xShape.slice(0, batchDims));
  const outer = product(xShape.slice(batchDims, axis));
  const size = xShape[axis] as number;
  const inner = product(xShape.slice(axis + 1));
  const each = product(indicesShape.slice(batchDims));
  const found: number[] = [];
  for (let b = 0; b < batches; b++)
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < each; i++)
        for (let r = 0; r < inner; r++) {
          found.push(((b * outer + o) * size + (indices[b * each + i] as number)) * inner + r);
        }
  return found;
}

/** The axis, the shape of the indices, and how many of their dimensions are the batch's. */
const CASES: [number, number[], number][] = [
  [0, [3], 0],
  [1, [2, 3], 0],
  [2, [5], 0],
  [3, [1], 0],
  [1, [2, 4], 1],
  [2, [2, 4], 1],
  [3, [2, 3, 2], 2],
];

const SHAPE = [2, 3, 4, 5];

describe('tf.gather', () => {
  for (const [axis, shape, batchDims] of CASES) {
    const numbers = Array.from({ length: product(shape) }, (_, i) => (i * 7 + 1) % (SHAPE[axis] as number));

    it(
      `takes from axis ${axis} by indices [${shape}] with ${batchDims} batch dimensions`,
      withoutLeaks(() => {
        const x = normal(SHAPE, 1);
        const indices = tf.tensor(numbers, shape, 'int32');
        const y = tf.gather(x, indices, axis, batchDims);
        const values = x.dataSync();
        const from = sources(SHAPE, numbers, shape, axis, batchDims);
        expect(y.shape).to.deep.equal([...SHAPE.slice(0, axis), ...shape.slice(batchDims), ...SHAPE.slice(axis + 1)]);
        expectClose(
          y,
          from.map((source) => values[source] as number),
          0,
        );

        const program = compile({ gather: (x: Tensor, at: Tensor) => tf.gather(x, at as never, axis, batchDims) });
        expectClose(program.gather(x, indices), y, 0);
        program.dispose();
      }),
    );
  }

  for (const [axis, batchDims] of [
    [0, 0],
    [1, 0],
    [3, 0],
    [1, 1],
  ] as const) {
    it(
      `hands the gradient back to where it took from, on axis ${axis} with ${batchDims} batch dimensions`,
      withoutLeaks(() => {
        const indices = tf.tensor([1, 0, 1, 1].slice(0, 2 * (batchDims + 1)), batchDims ? [2, 2] : [2], 'int32');
        const f = (x?: Tensor) => tf.gather(x as Tensor, indices as never, axis, batchDims);
        const x = normal([2, 2, 2, 2], 1);
        expectFiniteDifferences(f, [x], { step: 0.5, tolerance: 1e-4 });
        expectSameCompiled(f, [x]);
      }),
    );
  }

  it(
    'takes integers',
    withoutLeaks(() => {
      const y = tf.gather(tf.tensor1d([10, 20, 30], 'int32'), tf.tensor1d([2, 0], 'int32'));
      expect(y.dtype).to.equal('int32');
      expectClose(y, [30, 10], 0);
    }),
  );

  it(
    'leaves its result alone',
    withoutLeaks(() => {
      const inputs = { x: tf.tensor1d([1, 2, 3]), indices: tf.tensor1d([2, 0], 'int32') };
      const run = () => tf.engine().runKernel('GatherV2', inputs as never, { axis: 0, batchDims: 0 });
      expect(tensorsLeft(run)).to.equal(1);
    }),
  );
});
