/** The four sizes that every experiment comes in. */
import { paperRecipe } from '@refconv/runs';
import type { Preset, SettingsInput } from './experiment.js';

type Network = SettingsInput['networks'][number];

/** Factor on the channels where a preset is small; a family that takes none is left as it is. */
const WITHOUT_WIDTH = /^(resnet|densenet|fasternet|convnext)/;

const sized = (ids: readonly string[], variant: 'imagenet' | 'cifar', width?: number): Network[] =>
  ids.map((id) => ({ id, variant, ...(width !== undefined && !WITHOUT_WIDTH.test(id) && { width }) }));

export interface PresetChoices {
  /** Networks of the presets paper and cifar, and pocket's. */
  networks: readonly string[];
  pocket?: readonly string[];
  /** At most four arms. */
  smokeArms: string[];
  /** The network of smoke. Default: mobilenetv1. */
  smoke?: string;
}

/**
 * - `paper`: ImageNet, the paper's recipe, on GPUs.
 * - `cifar`: the same recipe on CIFAR-10 with the networks' 32×32 variants, five seeds, on GPUs.
 * - `pocket`: 2,000 images of CIFAR-10, narrow networks, 5 epochs, two seeds, a thread a run: shows that all works, and decides nothing.
 * - `smoke`: one narrow network, 2 epochs on 128 synthetic images.
 */
export function presets({
  networks,
  pocket = networks,
  smoke = 'mobilenetv1',
  smokeArms,
}: PresetChoices): Record<Preset, SettingsInput> {
  return {
    paper: {
      networks: sized(networks, 'imagenet'),
      data: { name: 'imagenet' },
      recipe: paperRecipe(),
      seeds: [1],
      threads: null,
    },
    cifar: {
      networks: sized(networks, 'cifar'),
      data: { name: 'cifar10' },
      recipe: paperRecipe(),
      seeds: [1, 2, 3, 4, 5],
      threads: null,
    },
    pocket: {
      networks: sized(pocket, 'cifar', 0.25),
      data: { name: 'cifar10', train: 2000, test: 1000 },
      recipe: paperRecipe({ epochs: 5, warmUpEpochs: 0.5, batchSize: 64 }),
      seeds: [1, 2],
      threads: 1,
    },
    smoke: {
      networks: sized([smoke], 'cifar', 0.125),
      arms: smokeArms,
      data: { name: 'synthetic', train: 128, test: 100 },
      recipe: paperRecipe({ epochs: 2, warmUpEpochs: 0.5, batchSize: 32 }),
      seeds: [1],
      threads: 1,
    },
  };
}
