import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { BilinearResize, bilinearMatrix, bilinearResize } from './bilinearResize.js';

/** Where each output reads, and how much of the second neighbour. */
function readings(from: number, to: number): [number, number][] {
  const matrix = bilinearMatrix(from, to);
  return Array.from({ length: to }, (_, i) => {
    const row = [...matrix.subarray(i * from, (i + 1) * from)];
    const first = row.findIndex((weight) => weight !== 0);
    return [first, 1 - (row[first] as number)];
  });
}

describe('bilinearMatrix', () => {
  it("has PyTorch's weights with half-pixel centres", () => {
    expect(readings(6, 12).slice(0, 4)).to.deep.equal([
      [0, 0],
      [0, 0.25],
      [0, 0.75],
      [1, 0.25],
    ]);
    for (const [from, to, output, share] of [
      [12, 90, 4, 0.1],
      [12, 90, 5, 0.2333333333333333],
      [23, 180, 4, 0.075],
      [15, 120, 4, 0.0625],
    ] as const) {
      expect(readings(from, to)[output]?.[1]).to.be.closeTo(share, 1e-14);
    }
  });

  it('has rows that sum to 1, reaches no pixel beyond the image, and leaves an image of the same size alone', () => {
    for (const [from, to] of [
      [1, 5],
      [5, 1],
      [7, 3],
      [4, 9],
    ] as const) {
      const matrix = bilinearMatrix(from, to);
      for (let i = 0; i < to; i++)
        expect(matrix.subarray(i * from, (i + 1) * from).reduce((sum, weight) => sum + weight)).to.be.closeTo(1, 1e-12);
    }
    expect([...bilinearMatrix(2, 2)]).to.deep.equal([1, 0, 0, 1]);
  });
});

describe('BilinearResize', () => {
  const images = () => tf.randomNormal([2, 3, 4, 5], 0, 1, 'float32', 1) as tf.Tensor4D;

  /** By the weights, one after the other. */
  function expected(x: tf.Tensor4D, [height, width]: [number, number]): number[] {
    const [n, h, w, c] = x.shape;
    const [values, rows, columns] = [x.dataSync(), bilinearMatrix(h, height), bilinearMatrix(w, width)];
    const result: number[] = [];
    for (let image = 0; image < n; image++)
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          for (let channel = 0; channel < c; channel++) {
            let sum = 0;
            for (let y = 0; y < h; y++)
              for (let z = 0; z < w; z++)
                sum +=
                  (rows[i * h + y] as number) *
                  (columns[j * w + z] as number) *
                  (values[((image * h + y) * w + z) * c + channel] as number);
            result.push(sum);
          }
    return result;
  }

  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      it('blends neighbours, and has the gradient of that', () => {
        const tensors = tf.memory().numTensors;
        tf.tidy(() => {
          for (const size of [
            [7, 5],
            [2, 9],
            [3, 4],
          ] as [number, number][]) {
            const [x, layer] = [images(), new BilinearResize({ height: size[0], width: size[1] })];
            const y = layer.apply(x) as tf.Tensor4D;
            expect(y.shape).to.deep.equal([2, ...size, 5]);
            const wanted = expected(x, size);
            y.dataSync().forEach((value, i) => {
              expect(value).to.be.closeTo(wanted[i] as number, 1e-5);
            });
            // The resizing is linear: ⟨resize(x), dy⟩ = ⟨x, gradient(dy)⟩ for all x.
            const dy = tf.randomNormal(y.shape, 0, 1, 'float32', 2);
            const slope = tf.grad((x) => layer.apply(x) as tf.Tensor)(x, dy);
            const product = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b)).dataSync()[0] as number;
            for (const seed of [3, 4]) {
              const other = tf.randomNormal(x.shape, 0, 1, 'float32', seed) as tf.Tensor4D;
              expect(product(bilinearResize(other, size), dy)).to.be.closeTo(product(other, slope), 1e-3);
            }
          }
        });
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    });
  }

  it('loads as it was saved', async () => {
    const input = tf.input({ shape: [3, 4, 5] });
    const layer = new BilinearResize({ height: 7, width: 6, name: 'resize' });
    const model = tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
    expect(model.outputs[0]?.shape).to.deep.equal([null, 7, 6, 5]);
    const loaded = await tf.models.modelFromJSON({ modelTopology: model.toJSON(undefined, false) } as never);
    expect(loaded.outputs[0]?.shape).to.deep.equal([null, 7, 6, 5]);
    model.dispose();
    loaded.dispose();
  });

  it('refuses sizes that are none', () => {
    const x = images();
    expect(() => bilinearResize(x, [0, 3])).to.throw(RangeError, 'given 0×3');
    expect(() => bilinearResize(x, [2, 3.5])).to.throw(RangeError, 'given 2×3.5');
    x.dispose();
  });
});
