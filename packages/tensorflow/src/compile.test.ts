import type { Rank, Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile, tf } from './index.js';
import { expectClose, withoutLeaks } from './testing.js';

describe('compile', () => {
  it(
    'gives what the function gives, for tensors, lists, records and nothing',
    withoutLeaks(() => {
      const program = compile({
        one: (x: Tensor) => tf.square(x),
        list: (x: Tensor, y: Tensor) => [tf.add(x, y), tf.sub(x, y)],
        record: (x: Tensor) => ({ sum: tf.sum(x), nested: { whole: tf.cast(x, 'int32') } }),
        nothing: (_x: Tensor) => undefined,
      });
      const x = tf.tensor1d([1.5, -2, 3]);
      expectClose(program.one(x), [2.25, 4, 9]);
      const [sum, difference] = program.list(x, tf.scalar(1)) as [Tensor, Tensor];
      expectClose(sum, [2.5, -1, 4]);
      expectClose(difference, [0.5, -3, 2]);
      const { sum: total, nested } = program.record(x);
      expectClose(total, [2.5]);
      expect(nested.whole.dtype).to.equal('int32');
      expect([...nested.whole.dataSync()]).to.deep.equal([1, -2, 3]);
      expect(program.nothing(x)).to.equal(undefined);
      program.dispose();
    }),
  );

  it(
    'takes numbers as scalars that may change at each call',
    withoutLeaks(() => {
      const program = compile({ scale: (x: Tensor, factor: Scalar) => tf.mul(x, factor) });
      const x = tf.tensor1d([1, 2]);
      expectClose(program.scale(x, 2), [2, 4]);
      expectClose(program.scale(x, 0.5), [0.5, 1]);
      program.dispose();
    }),
  );

  it(
    'returns its own argument, a constant and a repeated tensor',
    withoutLeaks(() => {
      const program = compile({ f: (x: Tensor) => [x, x, tf.ones([100]), tf.tensor1d([true, false], 'bool')] });
      const x = tf.tensor1d([1, 2]);
      const [a, b, ones, flags] = program.f(x) as [Tensor, Tensor, Tensor, Tensor];
      expectClose(a, [1, 2]);
      expectClose(b, [1, 2]);
      expectClose(ones, new Array(100).fill(1));
      expect(flags.dtype).to.equal('bool');
      expect([...flags.dataSync()]).to.deep.equal([1, 0]);
      program.dispose();
    }),
  );

  it(
    'shares variables between functions and shapes, and with tfjs',
    withoutLeaks(() => {
      const total = tf.variable(tf.scalar(0));
      const program = compile({
        add: (x: Tensor) => {
          total.assign(tf.add(total, tf.sum(x)) as Scalar);
        },
        read: (x: Tensor) => tf.mul(x, total),
      });
      program.add(tf.tensor1d([1, 2]));
      program.add(tf.tensor1d([1, 2, 3]));
      expectClose(program.read(tf.scalar(2)), [18]);
      expectClose(total, [9]);
      expectClose(tf.add(total, 1), [10]);
      total.assign(tf.scalar(100));
      program.add(tf.tensor1d([1, 2]));
      expectClose(total, [103]);
      program.dispose();
      expectClose(total, [103]);
      total.dispose();
    }),
  );

  it(
    'keeps the value of clones that were made between calls',
    withoutLeaks(() => {
      const v = tf.variable(tf.tensor1d([1, 2]));
      const program = compile({ double: () => v.assign(tf.mul(v, 2) as Tensor1D) });
      program.double();
      const copy = v.clone();
      program.double();
      expectClose(copy, [2, 4]);
      expectClose(v, [4, 8]);
      program.dispose();
      v.dispose();
    }),
  );

  it(
    'gives the current values of many variables, read one after the other, between calls',
    withoutLeaks(() => {
      const variables = Array.from({ length: 12 }, (_, i) => tf.variable(tf.scalar(i)));
      const program = compile({
        double: () => {
          for (const v of variables) v.assign(tf.mul(v, 2) as Scalar);
        },
      });
      const values = () => variables.map((v) => v.dataSync()[0]);
      for (let factor = 2; factor <= 8; factor *= 2) {
        const clones = factor === 4 ? variables.map((v) => v.clone()) : [];
        program.double();
        expect(values()).to.deep.equal(variables.map((_, i) => factor * i));
        expect(clones.map((v) => v.dataSync()[0])).to.deep.equal(clones.map((_, i) => 2 * i));
        // Read again, and in part.
        expect(values()).to.deep.equal(variables.map((_, i) => factor * i));
        expect(values().slice(0, 6)).to.deep.equal(variables.slice(0, 6).map((_, i) => factor * i));
        tf.dispose(clones);
      }
      variables[7]?.assign(tf.scalar(100));
      expect(values()[7]).to.equal(100);
      program.double();
      expect(values()[7]).to.equal(200);
      program.dispose();
      expect(values().slice(6, 9)).to.deep.equal([96, 200, 128]);
      tf.dispose(variables);
    }),
  );

  it(
    'tells variables from each other and from a tensor with which they share data',
    withoutLeaks(() => {
      const start = tf.tensor1d([1, 2]);
      const [a, b] = [tf.variable(start), tf.variable(start)];
      const program = compile({
        step: () => {
          a.assign(tf.add(a, 1) as Tensor1D);
          return [tf.mul(b, 1), tf.mul(start, 1)];
        },
      });
      program.step();
      b.assign(tf.tensor1d([10, 20]));
      const [fromB, fromStart] = program.step() as [Tensor, Tensor];
      expectClose(a, [3, 4]);
      expectClose(fromB, [10, 20]);
      expectClose(fromStart, [1, 2]);
      program.dispose();
      tf.dispose([a, b]);
    }),
  );

  it(
    'lets two programs use the same variable in turn',
    withoutLeaks(() => {
      const v = tf.variable(tf.scalar(1));
      const first = compile({ step: () => v.assign(tf.add(v, 1) as Scalar) });
      const second = compile({ step: () => v.assign(tf.mul(v, 10) as Scalar) });
      first.step();
      second.step();
      first.step();
      expectClose(v, [21]);
      first.dispose();
      second.dispose();
      expectClose(v, [21]);
      v.dispose();
    }),
  );

  it(
    'lets an optimiser of tfjs make its slots at the first call',
    withoutLeaks(() => {
      const target = tf.tensor1d([3, 4, 5]);
      const train = (eager: boolean) => {
        const w = tf.variable(tf.ones<Rank.R1>([3]));
        const optimizer = tf.train.adam(0.1);
        const program = compile(
          {
            step: (y: Tensor) =>
              optimizer.minimize(() => tf.sum(tf.square(tf.sub(w, y))) as Scalar, true, [w]) as Tensor,
          },
          { eager },
        );
        const losses = [0, 1, 2, 3].map(() => program.step(target).dataSync()[0] as number);
        program.dispose();
        w.dispose();
        optimizer.dispose();
        return losses;
      };
      expect(train(false)).to.deep.equal(train(true));
    }),
  );

  it(
    'runs in another thread while JavaScript goes on',
    withoutLeaks(async () => {
      const program = compile({ f: (x: Tensor2D) => tf.matMul(x, tf.matMul(x, x)) });
      const x = tf.eye(600) as Tensor2D;
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      const running = program.f.async(x);
      expect(() => program.f(x)).to.throw('await that first');
      const y = await running;
      await new Promise((resolve) => setTimeout(resolve, 5));
      clearInterval(timer);
      expect(ticks).to.be.greaterThan(0);
      expectClose(tf.sum(y), [600]);
      tf.dispose([x, y]);
      program.dispose();
    }),
  );

  it(
    'tells where the time of a call goes',
    withoutLeaks(() => {
      const program = compile({ f: (x: Tensor2D) => tf.matMul(x, x) });
      const kinds = program.f.profile(tf.ones([64, 64])).map(({ operation }) => operation);
      expect(kinds.some((kind) => kind.includes('MatMul'))).to.equal(true);
      program.dispose();
    }),
  );

  it(
    'leaves variables as they were when a recording fails',
    withoutLeaks(() => {
      const v = tf.variable(tf.scalar(5));
      const program = compile({
        f: (x: Tensor) => {
          v.assign(tf.sum(x) as Scalar);
          throw new Error('on purpose');
        },
      });
      expect(() => program.f(tf.ones([3]))).to.throw('on purpose');
      expectClose(v, [5]);
      expectClose(tf.add(v, 1), [6]);
      program.dispose();
      v.dispose();
    }),
  );
});
