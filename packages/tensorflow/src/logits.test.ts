import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile } from './compile.js';
import { softmaxCrossEntropy } from './kernels/crossEntropy.js';
import './kernels/register.js';
import { tf } from './load.js';
import { logitMargin, predictedClass } from './logits.js';
import { withoutLeaks } from './testing.js';

const LOGITS = [
  [2, -1, 0.5],
  [0, 3, 1],
  [-1, 0, 40],
];
const LABELS = [0, 2, 2];

/** Of each row: the margin and its gradient, in float64. */
const wanted = LOGITS.map((row, i) => {
  const label = LABELS[i] as number;
  const powers = row.map((z, j) => (j === label ? 0 : Math.exp(z)));
  const sum = powers.reduce((a, b) => a + b);
  return {
    margin: Math.log(sum) - (row[label] as number),
    slope: powers.map((power, j) => power / sum - (j === label ? 1 : 0)),
  };
});

describe('logitMargin', () => {
  for (const eager of [true, false]) {
    it(
      `is log Σ exp of the other logits minus the own, with a gradient that never vanishes${eager ? ', eagerly' : ''}`,
      withoutLeaks(() => {
        const program = compile(
          {
            margin: (z: Tensor2D, y: Tensor1D) => tf.valueAndGrad((x) => tf.sum(logitMargin(x as Tensor2D, y)))(z),
            values: (z: Tensor2D, y: Tensor1D) => logitMargin(z, y),
            entropy: (z: Tensor2D, y: Tensor1D) => tf.grad((x) => tf.sum(softmaxCrossEntropy(x as Tensor2D, y)))(z),
          },
          { eager },
        );
        const [logits, labels] = [tf.tensor2d(LOGITS), tf.tensor1d(LABELS, 'int32')];
        const [margins, { grad }] = [program.values(logits, labels), program.margin(logits, labels)];
        wanted.forEach(({ margin }, i) => {
          expect(margins.dataSync()[i]).to.be.closeTo(margin, 1e-6 * Math.max(1, Math.abs(margin)));
        });
        [...grad.dataSync()].forEach((value, i) => {
          expect(value).to.be.closeTo(wanted.flatMap(({ slope }) => slope)[i] as number, 1e-6);
        });
        // The third label's probability rounds to 1: cross entropy has nothing to say there.
        expect([...program.entropy(logits, labels).dataSync().slice(6)].map(Math.abs)).to.satisfy((row: number[]) =>
          row.every((value) => value < 1e-16),
        );
        program.dispose();
      }),
    );
  }

  it('stands beside the predicted class: the first of the highest, none where a logit is no finite number', () => {
    const rows = [
      [1, 3, 3],
      [Number.NaN, 1, 2],
      [0, -1, Number.NEGATIVE_INFINITY],
      [-2, -3, -1],
    ];
    const found = tf.tidy(() => [...predictedClass(tf.tensor2d(rows)).dataSync()]);
    expect(found).to.deep.equal([1, -1, -1, 2]);
  });

  it('says which labels it takes', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d(LOGITS);
      expect(() => logitMargin(logits, tf.tensor1d([0, 1], 'int32'))).to.throw(
        /needs labels int32 \[3\]; given int32 \[2\]/,
      );
      expect(() => logitMargin(logits, tf.tensor1d([0, 1, 2]))).to.throw(/given float32 \[3\]/);
    });
  });
});
