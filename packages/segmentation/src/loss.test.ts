import { compile, tf } from '@refconv/tensorflow';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { expectNoLeaks } from '../../backbones/dist/testing/reference.js';
import { pixelCrossEntropy } from './index.js';

const LOGITS = [
  [1, 2, -1],
  [0, 0, 0],
  [3, -2, 1],
  [5, 5, 4],
];
const LABELS = [1, 255, 2, 0];

/** −log softmax of each pixel's class, where it counts. */
function expected(): { loss: number; slope: number[] } {
  const counted = LABELS.filter((label) => label !== 255).length;
  let loss = 0;
  const slope = LOGITS.flatMap((row, i) => {
    const label = LABELS[i] as number;
    if (label === 255) return row.map(() => 0);
    const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
    loss += (Math.log(total) - (row[label] as number)) / counted;
    return row.map((value, c) => (Math.exp(value) / total - Number(c === label)) / counted);
  });
  return { loss, slope };
}

describe('pixelCrossEntropy', () => {
  expectNoLeaks();
  const images = () => tf.tensor4d(LOGITS.flat(), [1, 2, 2, 3]);
  const labels = (values = LABELS) => tf.tensor3d(values, [1, 2, 2], 'int32');

  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      it('is the mean over the pixels that count, and has its gradient', () => {
        tf.tidy(() => {
          const { loss, slope } = expected();
          const { value, grad } = tf.valueAndGrad((x: Tensor) => pixelCrossEntropy(x as Tensor4D, labels()))(images());
          expect(value.dataSync()[0]).to.be.closeTo(loss, 1e-6);
          grad.dataSync().forEach((number, i) => {
            expect(number).to.be.closeTo(slope[i] as number, 1e-6);
          });
          // Another value may be the one that is ignored.
          const other = pixelCrossEntropy(images(), labels([1, 7, 2, 0]), 7);
          expect(other.dataSync()[0]).to.be.closeTo(loss, 1e-6);
        });
      });

      it('refuses a batch in which no pixel counts, labels that are no class, and other shapes', () => {
        const loss = (values: number[]) => () => tf.tidy(() => pixelCrossEntropy(images(), labels(values)).dataSync());
        expect(loss([255, 255, 255, 255])).to.throw(/No pixel of the batch counts: every label is 255/);
        expect(loss([0, 1, 3, 2])).to.throw(/label/);
        tf.tidy(() => {
          const flat = tf.tensor1d(LABELS, 'int32') as unknown as Tensor3D;
          expect(() => pixelCrossEntropy(images(), flat)).to.throw('labels int32 [4]; expected labels int32 [1,2,2]');
        });
      });
    });
  }

  it('does so in a compiled function too', () => {
    const program = compile({ loss: (x: Tensor4D, y: Tensor3D) => pixelCrossEntropy(x, y) });
    const [x, y, none] = [images(), labels(), labels([255, 255, 255, 255])];
    const loss = program.loss(x, y);
    expect(loss.dataSync()[0]).to.be.closeTo(expected().loss, 1e-6);
    expect(() => program.loss(x, none)).to.throw(/No pixel of the batch counts: every label is 255/);
    program.dispose();
    tf.dispose([x, y, none, loss]);
  });
});
