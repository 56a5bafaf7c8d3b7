/** Networks for semantic segmentation: a backbone's features and a head. */
import {
  type BackboneOptions,
  buildFeatures,
  featureTaps,
  LayerBuilder,
  type TorchState,
  torchDefault,
} from '@refconv/backbones';
import * as tf from '@tensorflow/tfjs';
import { lraspp, resized } from './lraspp.js';

export interface SegmenterOptions extends Omit<BackboneOptions, 'inputSize' | 'dropout'> {
  /** Id of a network of packages/backbones whose taps are known. */
  backbone: string;
  classes: number;
  /** Height and width of the images in pixels. */
  inputSize: readonly [height: number, width: number];
  /** Default: 16, or 32 where the backbone has no dilated form. */
  outputStride?: 16 | 32;
}

/** Numbers drawn for the head begin behind the backbone's. */
const HEAD_DRAWS = 500;

/**
 * Builds LR-ASPP over a backbone: images [n, height, width, 3] to logits [n, height, width, classes]. Keys are `backbone.` and the
 * classifier's own, and torchvision's for the head (`classifier.cbr.0.weight`).
 * @throws RangeError for a backbone without taps or without a dilated form for the output stride, and where classes or sizes are not
 *   positive integers.
 */
export async function buildSegmenter(options: SegmenterOptions): Promise<tf.LayersModel> {
  const { backbone, classes, inputSize, outputStride, ...chosen } = options;
  for (const [name, value] of Object.entries({ classes, height: inputSize[0], width: inputSize[1] })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer; given ${value}.`);
  }
  const { segmentation, dilation } = featureTaps(backbone);
  const features = await buildFeatures(backbone, {
    ...chosen,
    taps: [segmentation.low, segmentation.high],
    inputSize,
    outputStride: outputStride ?? (dilation ? 16 : 32),
  });
  const [low, high] = features.outputs as [tf.SymbolicTensor, tf.SymbolicTensor];
  const layers = new LayerBuilder(chosen.seed ?? 0, torchDefault, HEAD_DRAWS);
  const small = lraspp(layers, { low, high }, classes);
  const logits = resized(small, { height: inputSize[0], width: inputSize[1] }, 'resize');
  return tf.model({ inputs: features.inputs, outputs: logits, name: `lraspp_${backbone}` });
}

/**
 * The keys of torchvision's own lraspp checkpoints as {@link buildSegmenter} has them: there MobileNetV3's features are the backbone
 * itself, `backbone.0` for `backbone.features.0`. Other states are returned as they are.
 */
export function fromTorchvision(state: TorchState): TorchState {
  return new Map([...state].map(([key, tensor]) => [key.replace(/^backbone\.(?=\d)/, 'backbone.features.'), tensor]));
}
