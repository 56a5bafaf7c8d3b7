import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  compile,
  type Seed,
  statelessDropout,
  statelessNormal,
  statelessUniform,
  tf,
  withRandomSeed,
} from '../index.js';
import { expectClose, withoutLeaks } from '../testing.js';
import { normal, tensorsLeft } from './testing.js';

const seed = (place: number, step: number): Seed => tf.tensor1d([place, step], 'int32');

const values = (tensor: Tensor) => Array.from(tensor.dataSync<'float32'>());

/** Mean and central moments. */
function moments(numbers: number[]) {
  const average = (f: (value: number) => number) => numbers.reduce((sum, value) => sum + f(value), 0) / numbers.length;
  const mean = average((value) => value);
  return { mean, variance: average((value) => (value - mean) ** 2), third: average((value) => (value - mean) ** 3) };
}

/** How often two lists of numbers agree. */
const agreements = (a: number[], b: number[]) => a.filter((value, i) => value === b[i]).length;

const MANY = 40_000;

for (const [name, draw] of Object.entries({ statelessUniform, statelessNormal })) {
  describe(name, () => {
    it(
      'gives the same numbers for the same seed, and others for another',
      withoutLeaks(() => {
        const first = values(draw([4, 250], seed(3, 5)));
        expect(values(draw([4, 250], seed(3, 5)))).to.deep.equal(first);
        for (const other of [seed(3, 6), seed(4, 5), seed(5, 3), seed(-3, 5)]) {
          expect(agreements(values(draw([4, 250], other)), first)).to.be.lessThan(5);
        }
        expect(new Set(first).size).to.be.greaterThan(995);
      }),
    );

    it(
      'gives float32 of the shape asked for',
      withoutLeaks(() => {
        for (const shape of [[], [3], [2, 3, 4, 5], [0, 2]]) {
          const drawn = draw(shape, seed(1, 2));
          expect(drawn.shape).to.deep.equal(shape);
          expect(drawn.dtype).to.equal('float32');
        }
      }),
    );

    it(
      'draws anew at each call of a compiled function, by its argument, the numbers that it draws outside',
      withoutLeaks(() => {
        const program = compile({ draw: (seed: Seed) => draw([50], seed, 2, 3) });
        const first = values(program.draw(seed(1, 1)));
        const second = values(program.draw(seed(1, 2)));
        expect(agreements(first, second)).to.be.lessThan(3);
        expectClose(draw([50], seed(1, 1), 2, 3), first, 1e-6);
        expectClose(draw([50], seed(1, 2), 2, 3), second, 1e-6);
        program.dispose();
      }),
    );

    it(
      'refuses what is not a seed',
      withoutLeaks(() => {
        const wrong: [Tensor, RegExp][] = [
          [tf.tensor1d([1, 2]), /int32 of shape \[2\]; given float32 of shape \[2\]/],
          [tf.tensor1d([1, 2, 3], 'int32'), /given int32 of shape \[3\]/],
          [tf.scalar(1, 'int32'), /given int32 of shape \[\]/],
          [tf.tensor2d([[1, 2]], [1, 2], 'int32'), /given int32 of shape \[1,2\]/],
        ];
        for (const [given, message] of wrong) expect(() => draw([3], given as Seed)).to.throw(message);
      }),
    );

    it(
      'leaves its result alone',
      withoutLeaks(() => {
        const given = seed(1, 2);
        expect(tensorsLeft(() => draw([3], given))).to.equal(1);
        expect(tensorsLeft(() => draw([3], given, 1, 2))).to.equal(1);
      }),
    );
  });
}

describe('The numbers of', () => {
  // Tolerances are six standard deviations of what is measured.
  const within = (deviation: number) => (6 * deviation) / Math.sqrt(MANY);

  it(
    'statelessUniform are uniform in [low, high)',
    withoutLeaks(() => {
      for (const [low, high] of [
        [0, 1],
        [-2, 4],
      ] as [number, number][]) {
        const width = high - low;
        const numbers = values(statelessUniform([MANY], seed(low + 2, 7), low, high));
        expect(Math.min(...numbers)).to.be.within(low, low + 0.001 * width);
        expect(Math.max(...numbers)).to.be.within(high - 0.001 * width, high);
        const { mean, variance } = moments(numbers);
        expect(mean).to.be.closeTo((low + high) / 2, within(width / Math.sqrt(12)));
        expect(variance).to.be.closeTo(width ** 2 / 12, within(width ** 2 / Math.sqrt(180)));
      }
      expect(values(statelessUniform([MANY], seed(1, 7))).every((value) => value >= 0 && value < 1)).to.equal(true);
    }),
  );

  it(
    'statelessNormal have the mean and the deviation asked for, and a normal shape',
    withoutLeaks(() => {
      for (const [mean, deviation] of [
        [0, 1],
        [3, 0.5],
      ] as [number, number][]) {
        const numbers = values(statelessNormal([MANY], seed(mean, 8), mean, deviation));
        const measured = moments(numbers);
        expect(measured.mean).to.be.closeTo(mean, within(deviation));
        expect(measured.variance).to.be.closeTo(deviation ** 2, within(deviation ** 2 * Math.SQRT2));
        expect(measured.third).to.be.closeTo(0, within(deviation ** 3 * Math.sqrt(15)));
        const near = numbers.filter((value) => Math.abs(value - mean) < deviation).length / MANY;
        expect(near).to.be.closeTo(0.6827, within(0.4655));
      }
    }),
  );
});

describe('statelessDropout', () => {
  for (const rate of [0.1, 0.5, 0.9]) {
    it(
      `zeroes a share of ${rate} and keeps the expectation`,
      withoutLeaks(() => {
        const dropped = values(statelessDropout(tf.ones([MANY]), rate, seed(1, 9)));
        const kept = dropped.filter((value) => value !== 0);
        for (const value of kept) expect(value).to.be.closeTo(1 / (1 - rate), 1e-5);
        const deviation = Math.sqrt((rate * (1 - rate)) / MANY);
        expect(kept.length / MANY).to.be.closeTo(1 - rate, 6 * deviation);
      }),
    );
  }

  it(
    'has the gradient of its mask, also in a compiled function',
    withoutLeaks(() => {
      const [x, dy] = [normal([300], 1), normal([300], 2)];
      const at = seed(2, 3);
      const both = (x: Tensor, dy: Tensor, at: Seed) => {
        const dropout = (x: Tensor) => statelessDropout(x, 0.4, at);
        return [dropout(x), tf.grad(dropout)(x, dy)] as [Tensor, Tensor];
      };
      const [y, dx] = both(x, dy, at);
      const mask = tf.div(y, x);
      expect(new Set(values(tf.round(tf.mul(mask, 0.6)))).size).to.equal(2);
      expectClose(dx, tf.mul(dy, mask), 1e-5);
      const program = compile({ both });
      const [compiledY, compiledDx] = program.both(x, dy, at) as [Tensor, Tensor];
      expectClose(compiledY, y, 1e-6);
      expectClose(compiledDx, dx, 1e-6);
      program.dispose();
    }),
  );

  it(
    'gives the input back at rate 0, as a tensor of its own',
    withoutLeaks(() => {
      const x = normal([20], 1);
      const given = seed(1, 2);
      expect(tensorsLeft(() => statelessDropout(x, 0, given))).to.equal(1);
      const y = statelessDropout(x, 0, given);
      expectClose(y, x, 0);
      y.dispose();
      expect(x.isDisposed).to.equal(false);
      expect(tensorsLeft(() => statelessDropout(x, 0.5, given))).to.equal(1);
    }),
  );

  it(
    'refuses rates out of range',
    withoutLeaks(() => {
      for (const rate of [-0.1, 1, 1.5, Number.NaN]) {
        expect(() => statelessDropout(tf.ones([2]), rate, seed(1, 2))).to.throw(
          `A dropout rate must be at least 0 and less than 1; given ${rate}.`,
        );
      }
    }),
  );
});

describe('withRandomSeed', () => {
  const dropout = () => tf.layers.dropout({ rate: 0.5 });
  const ones = () => tf.ones([4, 100]);

  it(
    "decides what tf.layers' Dropout drops, by its seed, in each layer and call anew",
    withoutLeaks(() => {
      const [first, second, images] = [
        dropout(),
        dropout(),
        tf.layers.dropout({ rate: 0.5, noiseShape: [null, 1] as never }),
      ];
      const draw = (seed: Seed) =>
        withRandomSeed(seed, () =>
          [first, second, first, images].map((layer) => layer.apply(ones(), { training: true }) as Tensor),
        ) as [Tensor, Tensor, Tensor, Tensor];
      const [a, b, c, whole] = draw(seed(1, 1)).map(values) as [number[], number[], number[], number[]];
      for (const other of [b, c, values(draw(seed(1, 2))[0]), values(draw(seed(2, 1))[0])]) {
        expect(agreements(a, other)).to.be.within(140, 260);
      }
      expect(new Set(a)).to.deep.equal(new Set([0, 2]));
      for (let row = 0; row < 4; row++) expect(new Set(whole.slice(100 * row, 100 * row + 100)).size).to.equal(1);

      const program = compile({ draw });
      for (const at of [seed(1, 1), seed(5, 3)]) {
        expect(program.draw(at).map(values)).to.deep.equal(draw(at).map(values));
      }
      program.dispose();
    }),
  );

  it(
    'leaves the layer alone in evaluation and afterwards, and gives the scope back when its function throws',
    withoutLeaks(() => {
      const layer = dropout();
      const evaluated = withRandomSeed(seed(1, 1), () => layer.apply(ones(), { training: false }) as Tensor);
      expectClose(evaluated, ones(), 0);
      const fail = () => {
        throw new Error('on purpose');
      };
      expect(() => withRandomSeed(seed(1, 1), fail)).to.throw('on purpose');
      const program = compile({ draw: (x: Tensor) => layer.apply(x, { training: true }) as Tensor });
      expect(() => program.draw(ones())).to.throw(/withRandomSeed/);
      program.dispose();
    }),
  );
});
