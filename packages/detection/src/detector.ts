/** Networks for detection: a backbone's features, SSDLite's maps and heads, and the anchors that belong to them. */
import { type BackboneOptions, buildFeatures, featureTaps, LayerBuilder } from '@refconv/backbones';
import { isSpatial, type Selection } from '@refconv/refconv';
import * as tf from '@tensorflow/tfjs';
import { defaultBoxes, MAPS } from './anchors.js';
import type { Box, Size } from './boxes.js';
import type { Predictions } from './loss.js';
import { featureMaps, headLayer, headOf } from './ssdlite.js';

export interface DetectorOptions extends Omit<BackboneOptions, 'inputSize' | 'dropout'> {
  /** Id of a network of packages/backbones whose taps are known. */
  backbone: string;
  /** With the background, which is class 0. */
  classes: number;
  /** Height and width of the images in pixels. */
  inputSize: readonly [height: number, width: number];
}

/** Numbers drawn for the heads begin behind the backbone's. */
const HEAD_DRAWS = 500;

/**
 * Builds SSDLite over a backbone: images [n, height, width, 3] to logits [n, anchors, classes] and box numbers [n, anchors, 4], undecoded.
 * Keys are `backbone.` and the classifier's own, and torchvision's for the rest (`backbone.extra.…`, `head.…`).
 *
 * Over MobileNetV3-Large with a reduced tail and with 91 classes it has 3,440,060 parameters, as torchvision's `ssdlite320`.
 * @throws RangeError for a backbone without taps, and where classes or sizes are not positive integers, or there is no class beside the
 *   background.
 * @example
 * ```ts
 * const model = await buildDetector({ backbone: 'mobilenetv1', width: 0.25, classes: 4, inputSize: [320, 320] });
 * ```
 */
export async function buildDetector(options: DetectorOptions): Promise<tf.LayersModel> {
  const { backbone, classes, inputSize, ...chosen } = options;
  for (const [name, value] of Object.entries({ height: inputSize[0], width: inputSize[1] })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer; given ${value}.`);
  }
  if (!Number.isInteger(classes) || classes < 2)
    throw new RangeError(`classes must be an integer from 2, of which the first is the background; given ${classes}.`);
  const { detection } = featureTaps(backbone);
  const taps = [detection.stride16, detection.stride32];
  const features = await buildFeatures(backbone, { ...chosen, taps, inputSize });
  const layers = new LayerBuilder(chosen.seed ?? 0, (_, builder) => builder.normal(0.03), HEAD_DRAWS);
  const maps = featureMaps(layers, features.outputs, chosen.width ?? 1);
  const outputs = [headOf(layers, maps, 'logits', classes), headOf(layers, maps, 'boxes', 4)];
  return tf.model({ inputs: features.inputs, outputs, name: `ssdlite_${backbone}` });
}

/**
 * What a detector computes from images [n, height, width, 3].
 * @example
 * ```ts
 * const { logits, boxes } = predictionsOf(model, images, true); // as in training
 * ```
 */
export function predictionsOf(model: tf.LayersModel, images: tf.Tensor4D, training: boolean): Predictions {
  const [logits, boxes] = model.apply(images, { training }) as [tf.Tensor3D, tf.Tensor3D];
  return { logits, boxes };
}

/**
 * The size of the images that a detector takes.
 * @example
 * ```ts
 * const { height, width } = inputSizeOf(model);
 * ```
 */
export function inputSizeOf(model: tf.LayersModel): Size {
  return sizeOf((model.inputs as [tf.SymbolicTensor])[0].shape);
}

/** Of [n, height, width, channels]. */
function sizeOf(shape: (number | null)[]): Size {
  const [, height, width] = shape as [null, number, number];
  return { height, width };
}

/**
 * The anchors of a detector, in the order of its outputs, in pixels of its input.
 * @example
 * ```ts
 * const anchors = anchorsOf(model);
 * ```
 */
export function anchorsOf(model: tf.LayersModel): Box[] {
  const maps = Array.from({ length: MAPS }, (_, map) =>
    sizeOf(model.getLayer(headLayer('logits', map)).outputShape as (number | null)[]),
  );
  return defaultBoxes(inputSizeOf(model), maps);
}

/**
 * The spatial convolutions of the backbone alone, which RefConv takes by default: W_r of a depthwise layer of the heads has 9·C² numbers
 * for C channels, 8.3 million at 960.
 * @example
 * ```ts
 * import { refocus } from '@refconv/refconv';
 * const refocused = await refocus(model, { select: backboneConvolutions });
 * ```
 */
export const backboneConvolutions: Selection = (layer) =>
  isSpatial(layer) && layer.name.startsWith('backbone.') && !layer.name.startsWith('backbone.extra.');
