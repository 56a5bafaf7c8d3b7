/** Data sets as the command line names them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  CIFAR10_MEAN,
  CIFAR10_STD,
  channelStatistics,
  type ImageDataset,
  type ImageSource,
  imageFolder,
  loadCifar10,
  loadCifar100,
  loadImageNet,
  memorySource,
  syntheticDataset,
} from '@refconv/datasets';

export interface Normalisation {
  mean: readonly number[];
  std: readonly number[];
}

export interface OpenData extends Normalisation {
  data: ImageDataset;
}

const log = (message: string) => console.error(message);
const withStatistics = (data: ImageDataset): OpenData => ({ data, ...channelStatistics(data.train) });

/** Sets that are held in memory, by the name before the colon; `folder` is what follows it. */
const IN_MEMORY: Record<string, (folder: string | undefined, download: boolean) => Promise<OpenData>> = {
  cifar10: async (folder, download) => ({
    data: await loadCifar10({ folder, download, log }),
    mean: CIFAR10_MEAN,
    std: CIFAR10_STD,
  }),
  cifar100: async (folder, download) => withStatistics(await loadCifar100({ folder, download, log })),
  synthetic: async () => withStatistics(syntheticDataset({})),
};

/** The name of a set, and the place after the colon. */
function partsOf(spec: string): { name: string; place: string | undefined } {
  const colon = spec.indexOf(':');
  return colon < 0 ? { name: spec, place: undefined } : { name: spec.slice(0, colon), place: spec.slice(colon + 1) };
}

/**
 * Opens a data set to train and evaluate on.
 * @param spec `cifar10:DIR`, `cifar10` (looked for in REFCONV_DATA and the cache), the same of cifar100, or `synthetic`.
 * @throws Error for another name, or where the data are not found or damaged.
 */
export async function openData(spec: string, { download = false }: { download?: boolean } = {}): Promise<OpenData> {
  const { name, place } = partsOf(spec);
  const open = Object.hasOwn(IN_MEMORY, name) ? IN_MEMORY[name] : undefined;
  if (open) return open(place, download);
  throw new Error(
    `There is no data set '${spec}'. Expected cifar10:DIR, cifar10, cifar100:DIR, cifar100 or synthetic.`,
  );
}

/** A usual evaluation's preprocessing of photographs. */
const PHOTOGRAPHS = 'resize(256)|centerCrop(224)|normalize(imagenet)';

/**
 * Opens the images of one split, in memory or on disk, to look at them.
 * @param spec besides {@link openData}'s: `imagenet[:DIR]`, or `folder:DIR` with a folder for each class, in DIR or in its `train` and
 *   `val`.
 */
export async function openImages(
  spec: string,
  split: 'train' | 'test',
): Promise<{ source: ImageSource; transform: string }> {
  const { name, place } = partsOf(spec);
  if (name === 'imagenet') {
    const { train, val } = await loadImageNet({ folder: place, log });
    return { source: split === 'train' ? train : val, transform: PHOTOGRAPHS };
  }
  if (name === 'folder') {
    if (!place) throw new Error('Which folder? Give --data folder:DIR, where DIR has a folder for each class.');
    const inner = join(place, split === 'train' ? 'train' : 'val');
    return { source: await imageFolder(existsSync(inner) ? inner : place), transform: PHOTOGRAPHS };
  }
  const { data, mean, std } = await openData(spec);
  const transform = `randomCrop(${data[split].height}, 4)|flip|normalize(${mean.join('/')}, ${std.join('/')})`;
  return { source: memorySource(data[split], data), transform };
}

/** The normalisation given on the command line, else the model's own, else the data set's. */
export function normalisation(
  given: Partial<Normalisation>,
  notes: Partial<Normalisation>,
  data: Normalisation,
): Normalisation {
  if ((given.mean === undefined) !== (given.std === undefined)) throw new Error('Give --mean and --std together.');
  const { mean, std } = [given, notes, data].find((candidate) => candidate.mean && candidate.std) as Normalisation;
  return { mean, std };
}
