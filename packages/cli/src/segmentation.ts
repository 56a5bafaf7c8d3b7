/** Labels of pixels, from files. */
import { IGNORED } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import type { Tensor3D } from '@tensorflow/tfjs';
import type { ImageArray } from './images.js';
import { readLabels } from './npy.js';

/** Class numbers [n, h, w] that belong to the images. @throws Error where shape or numbers do not fit. */
export async function readPixelLabels(path: string, images: ImageArray, classes: number): Promise<Tensor3D> {
  const { shape, data } = await readLabels(path);
  const expected = [images.count, images.height, images.width];
  if (String(shape) !== String(expected))
    throw new Error(`${path} must hold labels of shape [${expected}], as the images have; given [${shape}].`);
  const wrong = data.find((label) => label !== IGNORED && (label < 0 || label >= classes));
  if (wrong !== undefined) {
    throw new Error(
      `${path} has the label ${wrong}; expected classes from 0 to ${classes - 1}, or ${IGNORED}, which is ignored.`,
    );
  }
  return tf.tensor3d(data, shape as [number, number, number], 'int32');
}
