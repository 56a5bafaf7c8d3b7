/** Images from a .npy file in PyTorch's layout. */
import { tf } from '@refconv/tensorflow';
import type { Tensor4D } from '@tensorflow/tfjs';
import { readNpy } from './npy.js';

export interface ImageArray {
  count: number;
  height: number;
  width: number;
  /** The images from `start` on, at most `size` of them: [n, height, width, channels]. */
  batch(start: number, size: number): Tensor4D;
}

/** @throws Error where the array is not [n, 3, height, width]. */
export async function readImages(path: string): Promise<ImageArray> {
  const { shape, data } = await readNpy(path);
  const [count = 0, channels, height = 0, width = 0] = shape;
  if (shape.length !== 4 || channels !== 3 || count === 0) {
    throw new Error(`${path} must hold images of shape [n, 3, height, width]; given [${shape}].`);
  }
  const pixels = channels * height * width;
  return {
    count,
    height,
    width,
    batch(start, size) {
      const n = Math.min(size, count - start);
      const part = data.subarray(start * pixels, (start + n) * pixels);
      return tf.tidy(() => tf.transpose(tf.tensor4d(part, [n, channels, height, width]), [0, 2, 3, 1]));
    },
  };
}
