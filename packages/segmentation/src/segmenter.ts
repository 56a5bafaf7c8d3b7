/** Networks for semantic segmentation: a backbone's features and a head. */
import {
  BACKBONE_PREFIX,
  type BackboneOptions,
  buildFeatures,
  featureTaps,
  LayerBuilder,
  torchDefault,
} from '@refconv/backbones';
import { isSpatial, type Selection } from '@refconv/refconv';
import type { TorchState } from '@refconv/weights';
import * as tf from '@tensorflow/tfjs';
import { deeplabv3, fcn } from './heads.js';
import { lraspp, resized } from './lraspp.js';

export type HeadId = 'lraspp' | 'fcn' | 'deeplabv3';

export interface SegmenterOptions extends Omit<BackboneOptions, 'inputSize' | 'dropout'> {
  /** Id of a network of packages/backbones whose taps are known. */
  backbone: string;
  /** Default: 'lraspp'. */
  head?: HeadId;
  classes: number;
  /** Height and width of the images in pixels. */
  inputSize: readonly [height: number, width: number];
  /** Default: 16, or 32 where the backbone has no dilated form. torchvision's FCN and DeepLabV3 over ResNet-50 have 8. */
  outputStride?: 8 | 16 | 32;
  /** A second output for an auxiliary loss: FCN's head, `aux_classifier`, over earlier features. Default: false. */
  auxiliary?: boolean;
  /** Whether the heads of FCN and DeepLabV3 drop features in training. Default: true. */
  dropout?: boolean;
}

/** Numbers drawn for the head begin behind the backbone's. */
const HEAD_DRAWS = 500;

/**
 * Builds a network for segmentation: images [n, height, width, 3] to logits [n, height, width, classes], or to two of them. Keys are
 * `backbone.` and the classifier's own, and torchvision's for the heads (`classifier.cbr.0.weight`).
 * @throws RangeError for a backbone without taps or without a dilated form for the output stride, for an unknown head, for an auxiliary
 *   loss of LR-ASPP, which has none, and where classes or sizes are not positive integers.
 * @example
 * ```ts
 * const model = await buildSegmenter({ backbone: 'mobilenetv1', width: 0.25, classes: 11, inputSize: [360, 480] });
 * ```
 */
export async function buildSegmenter(options: SegmenterOptions): Promise<tf.LayersModel> {
  const { backbone, head = 'lraspp', classes, inputSize, outputStride, auxiliary, dropout = true, ...chosen } = options;
  const [height, width] = inputSize;
  for (const [name, value] of Object.entries({ classes, height, width })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} must be a positive integer; given ${value}.`);
  }
  if (!['lraspp', 'fcn', 'deeplabv3'].includes(head))
    throw new RangeError(`There is no head '${head}'; there are lraspp, fcn and deeplabv3.`);
  if (auxiliary && head === 'lraspp')
    throw new RangeError('LR-ASPP has no auxiliary loss; fcn and deeplabv3 have one.');
  const { segmentation, dilation } = featureTaps(backbone);
  const { low, high } = segmentation;
  const features = await buildFeatures(backbone, {
    ...chosen,
    taps: head === 'lraspp' ? [low, high] : [high, ...(auxiliary ? [segmentation.auxiliary ?? low] : [])],
    inputSize,
    outputStride: outputStride ?? (dilation ? 16 : 32),
  });
  const [first, second] = features.outputs as [tf.SymbolicTensor, tf.SymbolicTensor];
  const layers = new LayerBuilder(chosen.seed ?? 0, torchDefault, HEAD_DRAWS);
  const given = { classes, dropout };
  const small = {
    lraspp: () => lraspp(layers, { low: first, high: second }, classes),
    fcn: () => fcn(layers, first, 'classifier', given),
    deeplabv3: () => deeplabv3(layers, first, 'classifier', given),
  }[head]();
  const outputs = [resized(small, { height, width }, 'resize')];
  if (auxiliary) outputs.push(resized(fcn(layers, second, 'aux_classifier', given), { height, width }, 'aux_resize'));
  return tf.model({ inputs: features.inputs, outputs, name: `${head}_${backbone}` });
}

/**
 * The convolutions that RefConv takes by default: the spatial ones of the backbone, not those of the head. To be given as `select`.
 * @example
 * ```ts
 * import { refocus } from '@refconv/refconv';
 * const refocused = await refocus(model, { select: inBackbone }); // the head stays as it is
 * ```
 */
export const inBackbone: Selection = (layer) => layer.name.startsWith(BACKBONE_PREFIX) && isSpatial(layer);

/**
 * The keys of torchvision's own lraspp checkpoints as {@link buildSegmenter} has them: there MobileNetV3's features are the backbone
 * itself, `backbone.0` for `backbone.features.0`. Other states are returned as they are.
 * @example
 * ```ts
 * import { loadTorchState, readWeights } from '@refconv/weights';
 * const model = await buildSegmenter({ backbone: 'mobilenetv3_large_torchvision', classes: 21, inputSize: [520, 520] });
 * loadTorchState(model, fromTorchvision(await readWeights('lraspp_mobilenet_v3_large.pth')));
 * ```
 */
export function fromTorchvision(state: TorchState): TorchState {
  return new Map([...state].map(([key, tensor]) => [key.replace(/^backbone\.(?=\d)/, 'backbone.features.'), tensor]));
}
