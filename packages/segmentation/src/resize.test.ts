/** Resizing against the oracle: the weights in float64, the layer's function in float32. */
import { bilinearMatrix, bilinearResize } from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { uniform } from '../../backbones/dist/testing/oracle.js';
import { readDense } from './testing/reference.js';

interface ResizeCase {
  from: [number, number];
  to: [number, number];
  /** Names of the numbers over [1, 2, h, w]. */
  input: string;
  gradient: string;
  /** The matrix of heights; null where it is too large. */
  rows: number[][] | null;
  step: number;
  output: number[];
  inputGradient: number[];
}

const CHANNELS = 2;

/** Σ rows[i, y]·columns[j, x]·values[c, y, x], or with the matrices transposed. */
function product(values: Float64Array, from: [number, number], to: [number, number], transposed = false): Float64Array {
  const [rows, columns] = transposed
    ? [bilinearMatrix(to[0], from[0]), bilinearMatrix(to[1], from[1])]
    : [bilinearMatrix(from[0], to[0]), bilinearMatrix(from[1], to[1])];
  const [h, w] = from;
  const at = (matrix: Float64Array, out: number, into: number, outs: number, ins: number) =>
    matrix[transposed ? into * outs + out : out * ins + into] as number;
  const result = new Float64Array(CHANNELS * to[0] * to[1]);
  for (let c = 0; c < CHANNELS; c++)
    for (let i = 0; i < to[0]; i++)
      for (let j = 0; j < to[1]; j++) {
        let sum = 0;
        for (let y = 0; y < h; y++) {
          const weight = at(rows, i, y, to[0], h);
          if (weight === 0) continue;
          for (let x = 0; x < w; x++)
            sum += weight * at(columns, j, x, to[1], w) * (values[(c * h + y) * w + x] as number);
        }
        result[(c * to[0] + i) * to[1] + j] = sum;
      }
  return result;
}

/** Compares planes [2, h, w] with numbers at rows and columns 0, step, 2·step, … */
function expectClose(
  found: ArrayLike<number>,
  wanted: number[],
  step: number,
  [h, w]: [number, number],
  tolerance: number,
) {
  let at = 0;
  for (let c = 0; c < CHANNELS; c++)
    for (let y = 0; y < h; y += step)
      for (let x = 0; x < w; x += step)
        expect(found[(c * h + y) * w + x]).to.be.closeTo(wanted[at++] as number, tolerance);
  expect(at).to.equal(wanted.length);
}

describe('bilinear resizing against the oracle', () => {
  const oracle = readDense<{ resize: ResizeCase[] }>('boxes');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }
  const numbers = (name: string, [h, w]: [number, number]) => uniform(name, CHANNELS * h * w).map((u) => 2 * u - 1);

  for (const { from, to, input, gradient, rows, step, output, inputGradient } of oracle.resize) {
    it(`is the same from ${from.join('×')} to ${to.join('×')}`, () => {
      if (rows) {
        const matrix = bilinearMatrix(from[0], to[0]);
        rows.flat().forEach((weight, i) => {
          expect(matrix[i]).to.be.closeTo(weight, 1e-12);
        });
      }
      expectClose(product(numbers(input, from), from, to), output, step, to, 1e-12);
      expectClose(product(numbers(gradient, to), to, from, true), inputGradient, 1, from, 1e-10);
      tf.tidy(() => {
        const images = (name: string, size: [number, number]) =>
          tf.transpose(tf.tensor4d(Float32Array.from(numbers(name, size)), [1, CHANNELS, ...size]), [0, 2, 3, 1]);
        const planes = (x: Tensor) => tf.transpose(x, [0, 3, 1, 2]).dataSync();
        const [x, dy] = [images(input, from), images(gradient, to)];
        expectClose(planes(bilinearResize(x, to)), output, step, to, 1e-5);
        const slope = tf.grad((x) => bilinearResize(x as Tensor4D, to))(x, dy);
        expectClose(planes(slope), inputGradient, 1, from, 1e-4);
      });
    });
  }
});
