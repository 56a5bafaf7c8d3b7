/** Which network is asked for, and for which images. */
import type { BackboneOptions } from '@refconv/backbones';
import type { HeadId } from '@refconv/segmentation';

export interface SourceOptions extends BackboneOptions {
  /** An id of a task. Default: classification. */
  task?: string;
  /** Of segmentation. */
  outputStride?: 8 | 16 | 32;
  head?: HeadId;
  /** A second loss, of FCN and DeepLabV3. */
  auxiliary?: boolean;
  /** Height and width, of segmentation and detection. */
  imageSize?: readonly [number, number];
  /** A model folder. */
  model?: string;
  backbone?: string;
  /** A .safetensors, .pth, .pt or .th file. */
  weights?: string;
  /** Asks for a file that holds W_r too. */
  refconv?: boolean;
  /** Of weights that hold W_r: whether W_b is added to its map, where the file does not say. */
  identity?: boolean;
}

/** What is known of the images that the network is for. */
export interface KnownImages {
  /** Left out: as the network's published weights take. */
  height?: number;
  /** Left out: as the height. */
  width?: number;
  /** Of a network that begins anew; weights have their own number. */
  classes?: number;
}
