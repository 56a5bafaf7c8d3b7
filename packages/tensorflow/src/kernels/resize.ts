/** Bilinear resizing as products with fixed matrices, and the stock one's gradient, which tfjs takes of another resizing. */
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { usesCpuKernels } from './cpu.js';
import { attribute, operation, replaceGradient, replaceKernel } from './operation.js';

/**
 * The kernel's name; packages/layers looks for it. Inputs x [n, h, w, c], rows [h', h], columns [w', w], which are almost all zeros and
 * have no gradient; gives rows·x·columnsᵀ, [n, h', w', c].
 */
export const BILINEAR_RESIZE = 'BilinearResize';

function resize(x: Tensor4D, rows: Tensor2D, columns: Tensor2D): Tensor {
  if (usesCpuKernels()) return operation('RefconvResize', [x, rows, columns], []);
  return tf.tidy(() => {
    const [n, h, w, c] = x.shape;
    const [height, width] = [rows.shape[0], columns.shape[0]];
    const product = (matrix: Tensor2D, images: Tensor) => tf.matMul(tf.expandDims(matrix) as Tensor3D, images);
    const tall = product(rows, tf.reshape(x, [n, h, w * c]));
    return tf.reshape(product(columns, tf.reshape(tall, [n * height, w, c])), [n, height, width, c]);
  });
}

export function registerResize(): void {
  replaceKernel(BILINEAR_RESIZE, ({ inputs }) => {
    const { x, rows, columns } = inputs as { x: Tensor4D; rows: Tensor2D; columns: Tensor2D };
    return resize(x, rows, columns);
  });
  replaceGradient({
    kernelName: BILINEAR_RESIZE,
    inputsToSave: ['rows', 'columns'],
    gradFunc: (dy, saved) => {
      const [rows, columns] = saved as [Tensor2D, Tensor2D];
      return { x: () => resize(dy as Tensor4D, tf.transpose(rows), tf.transpose(columns)) };
    },
  });
  // tfjs-node leaves half_pixel_centers out.
  replaceKernel('ResizeBilinearGrad', ({ inputs, attrs }) => {
    const { dy, images } = inputs as { dy: Tensor; images: Tensor };
    const { alignCorners, halfPixelCenters } = attrs as { alignCorners: boolean; halfPixelCenters: boolean };
    const attributes = [
      attribute.type('T', images),
      attribute.bool('align_corners', alignCorners),
      attribute.bool('half_pixel_centers', halfPixelCenters),
    ];
    return operation('ResizeBilinearGrad', [dy, images], attributes);
  });
}
