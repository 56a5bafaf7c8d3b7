/** The position of the largest number of many short rows, such as the classes of an image's pixels. */
import type { TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { usesCpuKernels } from './cpu.js';
import { operation, replaceKernel } from './operation.js';

/** Rows as long as TensorFlow's own operation is good for. */
const LONG = 256;

export function registerArgMax(): void {
  const stock = tf.getKernel('ArgMax', 'tensorflow').kernelFunc;
  replaceKernel('ArgMax', (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const length = x.shape.at(-1) ?? 0;
    const along = [-1, x.shape.length - 1].includes(call.attrs?.axis as number);
    const ours = along && x.dtype === 'float32' && length > 0 && length < LONG && usesCpuKernels();
    return ours ? operation('RefconvArgMax', [x], []) : stock(call);
  });
}
