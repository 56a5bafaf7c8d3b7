/** The transposition of the last two axes, as in a shuffle of channels, which TensorFlow does number by number. */
import type { TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { usesCpuKernels } from './cpu.js';
import { operation, replaceKernel } from './operation.js';

/** Larger matrices are no channels of a pixel, and TensorFlow's own blocks serve them better. */
const LARGEST = 4096;

function isOfLastTwo({ shape, dtype }: TensorInfo, perm: number[]): boolean {
  const rank = shape.length;
  if (dtype !== 'float32' || rank < 3) return false;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const wanted = [...shape.keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return rows * columns <= LARGEST && String(perm) === String(wanted);
}

export function registerTranspose(): void {
  const stock = tf.getKernel('Transpose', 'tensorflow');
  replaceKernel('Transpose', (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const { perm } = call.attrs as unknown as { perm: number[] };
    if (usesCpuKernels() && isOfLastTwo(x, perm)) return operation('RefconvTransposeEach', [x], []);
    return stock.kernelFunc(call);
  });
}
