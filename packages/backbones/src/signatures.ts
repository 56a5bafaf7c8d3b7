/** What a network's state_dict is known by, in short: building all networks to ask would take a minute. A test compares. */

export interface Signature {
  /** How many tensors its variants have. */
  tensors: number[];
  /** The first and the last layer with weights: the last one makes the logits. */
  stem: string;
  head: string;
}

export const SIGNATURES: Readonly<Record<string, Signature>> = {
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
