/** Which network a state_dict is of, told by its names and shapes. */

import { fitsModel, type TorchState } from '@refconv/weights';
import type { BackboneOptions } from './backbone.js';
import { BACKBONES, buildBackbone } from './registry.js';

type Variant = NonNullable<BackboneOptions['variant']>;

interface Signature {
  /** How many tensors its variants have. */
  tensors: number[];
  /** The first and the last layer with weights: the last one makes the logits. */
  stem: string;
  head: string;
}

/** By network, in short, as building them all to ask would take a minute; a test compares. */
const SIGNATURES: Readonly<Record<string, Signature>> = {
  mobilenetv1: { tensors: [137], stem: 'conv_stem', head: 'classifier' },
  mobilenetv2: { tensors: [262, 287], stem: 'features.0.0', head: 'classifier.1' },
  mobilenetv3_small: { tensors: [197], stem: 'features.0.0', head: 'classifier.1' },
  mobilenetv3_large: { tensors: [255], stem: 'features.0.0', head: 'classifier.1' },
  mobilenetv3_small_torchvision: { tensors: [210], stem: 'features.0.0', head: 'classifier.3' },
  mobilenetv3_large_torchvision: { tensors: [266], stem: 'features.0.0', head: 'classifier.3' },
  efficientnet_b0: { tensors: [311], stem: 'features.0.0', head: 'classifier.1' },
  shufflenetv1_g3: { tensors: [246], stem: 'first_conv.0', head: 'classifier.0' },
  shufflenetv1_g8: { tensors: [246], stem: 'first_conv.0', head: 'classifier.0' },
  shufflenetv2: { tensors: [282], stem: 'conv1.0', head: 'fc' },
  mobilenext: { tensors: [372], stem: 'features.0.0', head: 'classifier.1' },
  hbonet: { tensors: [382, 387], stem: 'features.0.0', head: 'classifier' },
  resnet18: { tensors: [102], stem: 'conv1', head: 'fc' },
  resnet50: { tensors: [267], stem: 'conv1', head: 'fc' },
  densenet121: { tensors: [606], stem: 'features.conv0', head: 'classifier' },
  densenet169: { tensors: [846], stem: 'features.conv0', head: 'classifier' },
  resnet20_cifar: { tensors: [97], stem: 'conv1', head: 'linear' },
  fasternet_s: { tensors: [149], stem: 'patch_embed.proj', head: 'classifier' },
  convnext_tiny: { tensors: [182], stem: 'features.0.0', head: 'classifier.2' },
};

/** The keys of W_r, which a network has only after `refocus`. */
const withoutMaps = (state: TorchState): TorchState =>
  new Map([...state].filter(([key]) => !key.endsWith('.convmap.weight')));

/** What a layer's name has before it in the state's keys; undefined where the layer is not there. */
function prefixOf(layer: string, state: TorchState): string | undefined {
  const end = `${layer}.weight`;
  const key = [...state.keys()].find((key) => key === end || key.endsWith(`.${end}`));
  return key?.slice(0, -end.length);
}

/** How many classes a state_dict of a network has; undefined where it lacks the layer of the logits. */
export function classesOf(id: string, state: TorchState): number | undefined {
  const { stem = '', head = '' } = SIGNATURES[id] ?? {};
  return state.get(`${prefixOf(stem, state)}${head}.weight`)?.shape[0];
}

/** The networks whose names a state_dict has. */
export function fittingBackbones(state: TorchState): string[] {
  const plain = withoutMaps(state);
  const weights = [...plain.values()].filter(({ shape }) => shape.length > 0).length;
  return Object.entries(SIGNATURES).flatMap(([id, { tensors, stem, head }]) => {
    const prefix = prefixOf(stem, plain);
    return tensors.includes(weights) && prefix !== undefined && plain.has(`${prefix}${head}.weight`) ? [id] : [];
  });
}

/** The variants of a network whose shapes a state_dict has, classes aside. */
export function fittingVariants(
  id: string,
  state: TorchState,
  options: Omit<BackboneOptions, 'variant'> = {},
): Variant[] {
  const plain = withoutMaps(state);
  return (BACKBONES[id]?.variants ?? []).filter((variant) => {
    const model = buildBackbone(id, { ...options, variant });
    const fits = fitsModel(model, plain);
    model.dispose();
    return fits;
  });
}
