/** Segmentation as the commands have it: which network, and labels from files. */
import { featureTaps, type TorchState } from '@refconv/backbones';
import { buildSegmenter, fromTorchvision, IGNORED } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor3D } from '@tensorflow/tfjs';
import type { ImageArray } from './images.js';
import { readLabels } from './npy.js';
import type { SourceOptions } from './source.js';

const LOGITS = 'classifier.high_classifier.weight';

/** The plain segmenter for images of this size, and the weights under its keys. @throws Error where options are missing. */
export async function openSegmenter(
  options: SourceOptions & { backbone: string },
  images: { height?: number; width?: number } | undefined,
  given: TorchState | undefined,
): Promise<{ model: LayersModel; state?: TorchState }> {
  featureTaps(options.backbone);
  const state = given && fromTorchvision(given);
  const { backbone, variant, width, activation, seed, stochasticDepth, outputStride, inputSize } = options;
  const classes = options.classes ?? state?.get(LOGITS)?.shape[0];
  const [height, columns] = [images?.height ?? inputSize, images?.width ?? inputSize];
  if (classes === undefined) throw new Error('How many classes? Give --classes.');
  if (height === undefined || columns === undefined) throw new Error('Which size have the images? Give --input-size.');
  const chosen = { variant, width, activation, seed, stochasticDepth };
  const present = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
  const model = await buildSegmenter({ backbone, classes, outputStride, inputSize: [height, columns], ...present });
  return { model, state };
}

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
