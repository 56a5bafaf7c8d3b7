/** The network that a command works on: a model folder, or a backbone of packages/backbones with weights from a file. */
import {
  BACKBONES,
  type BackboneOptions,
  buildBackbone,
  loadTorchState,
  readWeights,
  type TorchState,
} from '@refconv/backbones';
import { refocus } from '@refconv/refconv';
import { loadModel, type ModelNotes } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { openDetector } from './detection.js';
import { openSegmenter } from './segmentation.js';

/** What the network is for. */
export type TaskId = 'classification' | 'segmentation' | 'detection';

export interface SourceOptions extends BackboneOptions {
  /** Default: classification. */
  task?: TaskId;
  /** Of segmentation. */
  outputStride?: 16 | 32;
  /** A model folder. */
  model?: string;
  backbone?: string;
  /** A .safetensors, .pth, .pt or .th file. */
  weights?: string;
  /** Asks for a file that holds W_r too. */
  refconv?: boolean;
}

/** The options that say which network, of all that a command has. */
export function sourceOptions(options: SourceOptions): SourceOptions {
  const { model, backbone, weights, refconv } = options;
  return { model, backbone, weights, refconv, ...buildOptions(options) };
}

function buildOptions(options: SourceOptions): { [Name in keyof BackboneOptions]: BackboneOptions[Name] | undefined } {
  const { variant, width, activation, classes, inputSize, seed, dropout, stochasticDepth } = options;
  return { variant, width, activation, classes, inputSize, seed, dropout, stochasticDepth };
}

/** What is known of the images that the network is for. */
export interface Images {
  /** Left out: as the network's published weights take. */
  height?: number;
  /** Left out: as the height. */
  width?: number;
  /** Left out: as many as the weights have. */
  classes?: number;
}

export interface Source {
  model: LayersModel;
  notes: ModelNotes;
}

const CONVMAP = '.convmap.weight';

/** Below this height images are taken for CIFAR's, where the network has a variant for them. */
const SMALL_IMAGE = 64;

/**
 * Builds or loads the network.
 * @throws Error where the options contradict each other, or the weights do not fit.
 */
export async function openSource(options: SourceOptions, images?: Images): Promise<Source> {
  const { model: folder, backbone, weights, refconv, task } = options;
  if (folder !== undefined) {
    if (backbone || weights) throw new Error('Give either --model, or --backbone with --weights; not both.');
    return loadModel(folder);
  }
  if (!backbone)
    throw new Error('Which network? Give --model DIR, or --backbone ID (`refconv info --all` lists them).');
  const state = weights === undefined ? undefined : await readWeights(weights);
  if (refconv && !state) throw new Error('--refconv says that the weights hold W_r: give them by --weights FILE.');
  if (task === 'segmentation' || task === 'detection') {
    const open = task === 'segmentation' ? openSegmenter : openDetector;
    const { model: plain, state: own } = await open({ ...options, backbone }, images, state);
    return { model: own ? await withState(plain, own, options) : plain, notes: {} };
  }
  const chosen = backboneOptions(backbone, options, state, images);
  const plain = buildBackbone(backbone, chosen);
  const notes: ModelNotes = { backbone: { id: backbone, options: { ...chosen } } };
  return { model: state ? await withState(plain, state, options) : plain, notes };
}

/** The model with these weights, refocused where they hold W_r. */
async function withState(plain: LayersModel, state: TorchState, { refconv, weights }: SourceOptions) {
  const model = await refocusedFor(state, plain, { required: refconv === true, file: weights as string });
  loadTorchState(model, state);
  return model;
}

/** The network's options: those given, completed by what images and weights tell. */
function backboneOptions(
  id: string,
  options: SourceOptions,
  state: TorchState | undefined,
  images: Images | undefined,
): BackboneOptions {
  const variants = Object.hasOwn(BACKBONES, id) ? (BACKBONES[id]?.variants ?? []) : [];
  const small = images?.height !== undefined && images.height < SMALL_IMAGE && variants.includes('cifar');
  const guessed = {
    variant: small ? ('cifar' as const) : undefined,
    inputSize: images?.height,
    classes: images?.classes ?? (state && classesOf(state)),
  };
  const merged = { ...guessed, ...withoutUndefined(buildOptions(options)) };
  return withoutUndefined(merged) as BackboneOptions;
}

const withoutUndefined = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Partial<T>;

/** The rows of the last matrix: a classifier's logits. */
function classesOf(state: TorchState): number | undefined {
  return [...state].filter(([key, { shape }]) => key.endsWith('.weight') && shape.length === 2).at(-1)?.[1].shape[0];
}

/** A model with RefConv layers where the weights have a W_r; the given one where they have none. */
async function refocusedFor(
  state: TorchState,
  plain: LayersModel,
  { required, file }: { required: boolean; file: string },
): Promise<LayersModel> {
  const convmaps = [...state].filter(([key]) => key.endsWith(CONVMAP));
  const [first] = convmaps;
  if (!first) {
    if (!required) return plain;
    throw new Error(
      `${file} holds no W_r (keys \`<convolution>${CONVMAP}\`), as --refconv says it does. Leave --refconv out.`,
    );
  }
  const names = new Set(convmaps.map(([key]) => key.slice(0, -CONVMAP.length)));
  const mapKernel = first[1].shape.at(-1) as 1 | 3 | 5;
  const model = await refocus(plain, { init: 'zero', mapKernel, select: ({ name }) => names.has(name) });
  plain.dispose();
  return model;
}
