/** The sizes that every experiment comes in. */
import { BACKBONES } from '@refconv/backbones';
import { paperRecipe } from '@refconv/runs';
import type { Preset, SettingsInput } from './experiment.js';

type Network = SettingsInput['networks'][number];

/** Whether a family has narrow forms. */
export const takesWidth = (id: string) => (BACKBONES.find(id)?.options ?? []).includes('width');

/** Networks of one variant; where a preset is small, with a factor on the channels, of ShuffleNets 0.5 at least, their least. */
export const sized = (ids: readonly string[], variant: 'imagenet' | 'cifar', width?: number): Network[] =>
  ids.map((id) => {
    if (width === undefined || !takesWidth(id)) return { id, variant };
    return { id, variant, width: id.startsWith('shufflenet') ? Math.max(0.5, width) : width };
  });

export interface PresetChoices {
  /** Networks of the presets paper and cifar, and those of cores and pocket. */
  networks: readonly string[];
  cores?: readonly string[];
  pocket?: readonly string[];
  /** At most four trainings in all. */
  smokeArms?: string[];
  /** What an experiment has otherwise than others. */
  changes?: Partial<Record<Preset, Partial<SettingsInput>>>;
}

/**
 * - `paper`: ImageNet, the paper's recipe, on GPUs.
 * - `cifar`: the same recipe on CIFAR-10 with the networks' 32×32 variants, five seeds, on GPUs.
 * - `cores`: what two processor cores do in nights: CIFAR-10, narrow networks, the paper's recipe at batch 128, a second stage of 40 epochs, three
 *   seeds, a thread a run. reports/measured/protocol.md has its reasons.
 * - `pocket`: 2,000 images of CIFAR-10, narrow networks, 5 epochs, two seeds, a thread a run: shows that all works, and decides nothing.
 * - `smoke`: MobileNetV1 ×0.125, 2 epochs on 128 synthetic images.
 */
export function presets({
  networks,
  cores = networks,
  pocket = networks,
  smokeArms,
  changes = {},
}: PresetChoices): Record<Preset, SettingsInput> {
  return {
    paper: {
      networks: sized(networks, 'imagenet'),
      data: { name: 'imagenet' },
      recipe: paperRecipe(),
      seeds: [1],
      threads: null,
      ...changes.paper,
    },
    cifar: {
      networks: sized(networks, 'cifar'),
      data: { name: 'cifar10' },
      recipe: paperRecipe(),
      seeds: [1, 2, 3, 4, 5],
      threads: null,
      ...changes.cifar,
    },
    cores: {
      networks: sized(cores, 'cifar', 0.25),
      data: { name: 'cifar10' },
      recipe: paperRecipe({ batchSize: 128 }),
      refocusing: { epochs: 40, warmUpEpochs: 2 },
      seeds: [1, 2, 3],
      threads: 1,
      ...changes.cores,
    },
    pocket: {
      networks: sized(pocket, 'cifar', 0.25),
      data: { name: 'cifar10', train: 2000, test: 1000 },
      recipe: paperRecipe({ epochs: 5, warmUpEpochs: 0.5, batchSize: 64 }),
      seeds: [1, 2],
      threads: 1,
      ...changes.pocket,
    },
    smoke: {
      networks: sized(['mobilenetv1'], 'cifar', 0.125),
      ...(smokeArms && { arms: smokeArms }),
      data: { name: 'synthetic', train: 128, test: 100 },
      recipe: paperRecipe({ epochs: 2, warmUpEpochs: 0.5, batchSize: 32 }),
      seeds: [1],
      threads: 1,
      ...changes.smoke,
    },
  };
}

/** Training images of whole sets. */
const TRAINING_IMAGES: Record<string, number> = {
  cifar10: 50_000,
  cifar100: 50_000,
  synthetic: 5000,
  imagenet: 1_281_167,
  camvid: 367,
  scenes: 500,
  objects: 500,
};

/** How many images a training has, or would have of the whole set. @throws RangeError where that is not known. */
export function trainingImages(name: string, train = TRAINING_IMAGES[name]): number {
  if (train !== undefined) return train;
  throw new RangeError(
    `How many training images ${name} has is not known here: --set data.train=N, and a search holds out a tenth as many of the others.`,
  );
}

/** Those that two processor cores can train to a plateau. */
export const CORES_NETWORKS = ['mobilenetv1'];

/** The paper's networks. */
export const NETWORKS = [
  'mobilenetv1',
  'mobilenetv2',
  'mobilenetv3_small',
  'mobilenetv3_large',
  'mobilenext',
  'hbonet',
  'efficientnet_b0',
  'shufflenetv1_g3',
  'shufflenetv1_g8',
  'shufflenetv2',
  'resnet18',
  'resnet50',
  'densenet121',
  'densenet169',
  'fasternet_s',
  'convnext_tiny',
];
