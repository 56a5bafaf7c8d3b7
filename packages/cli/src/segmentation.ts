/** Segmentation as the commands have it: which network, and labels from files. */
import { loadTorchState, readWeights } from '@refconv/backbones';
import { buildSegmenter, fromTorchvision, IGNORED } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import type { Tensor3D } from '@tensorflow/tfjs';
import type { ImageArray } from './images.js';
import { readLabels } from './npy.js';
import type { Images, Source, SourceOptions } from './source.js';
import { refocusedFor, withoutUndefined } from './weights.js';

const LOGITS = 'classifier.high_classifier.weight';

/**
 * Builds the segmenter for images of this size, with weights from a file where one is given.
 * @throws Error where options are missing, or the weights do not fit.
 */
export async function openSegmenter(options: SourceOptions, images: Images | undefined): Promise<Source> {
  const { backbone, weights, refconv = false, identity = true, outputStride, inputSize } = options;
  if (!backbone) throw new Error('Which network? Give --backbone ID (`refconv info --all` lists them).');
  if (refconv && weights === undefined)
    throw new Error('--refconv says that the weights hold W_r: give them by --weights FILE.');
  const state = weights === undefined ? undefined : fromTorchvision(await readWeights(weights));
  const classes = options.classes ?? state?.get(LOGITS)?.shape[0];
  const [height, width] = [images?.height ?? inputSize, images?.width ?? images?.height ?? inputSize];
  if (classes === undefined) throw new Error('How many classes? Give --classes.');
  if (height === undefined || width === undefined) throw new Error('Which size have the images? Give --input-size.');
  const { variant, activation, seed, stochasticDepth } = options;
  const chosen = withoutUndefined({ variant, width: options.width, activation, seed, stochasticDepth });
  const plain = await buildSegmenter({ backbone, classes, outputStride, inputSize: [height, width], ...chosen });
  if (!state || weights === undefined) return { model: plain, notes: {} };
  const model = await refocusedFor(state, plain, { refconv, weights, identity });
  loadTorchState(model, state);
  return { model, notes: {} };
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
