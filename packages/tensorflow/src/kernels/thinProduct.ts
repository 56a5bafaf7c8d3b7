/** Products of a few rows with a large matrix, as maps over kernels are, for which TensorFlow's matrix product is not made. */
import type { TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { usesCpuKernels } from './cpu.js';
import { attribute, operation, replaceKernel } from './operation.js';

/** With more rows TensorFlow's product is as fast; and the least numbers of the large matrix. */
const ROWS = { product: 12, transposed: 32 };
const LARGE = 2 ** 13;

export function registerThinProduct(): void {
  const stock = tf.getKernel('BatchMatMul', 'tensorflow').kernelFunc;
  replaceKernel('BatchMatMul', (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean };
    const [rows, columns] = a.shape.slice(-2) as [number, number];
    const isThin = rows <= ROWS[transposeA ? 'transposed' : 'product'] && columns * (b.shape.at(-1) as number) >= LARGE;
    const isPlain = !transposeB && a.dtype === 'float32' && b.dtype === 'float32';
    const isAlike = String(a.shape.slice(0, -2)) === String(b.shape.slice(0, -2));
    if (!isThin || !isPlain || !isAlike || a.shape.includes(0) || !usesCpuKernels()) return stock(call);
    if (!transposeA) return operation('RefconvThinProduct', [a, b], []);
    return operation('RefconvThinTransposedProduct', [a, b], [attribute.int('count', 0)]);
  });
}
