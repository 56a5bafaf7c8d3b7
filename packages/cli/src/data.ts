/** Data sets as the command line names them. */
import {
  CIFAR10_MEAN,
  CIFAR10_STD,
  channelStatistics,
  type ImageDataset,
  loadCifar10,
  syntheticDataset,
} from '@refconv/datasets';

export interface Normalisation {
  mean: readonly number[];
  std: readonly number[];
}

export interface OpenData extends Normalisation {
  data: ImageDataset;
}

/** The sets, by the name before the colon; `place` is what follows it. */
const SETS: Record<string, (place: string | undefined, download: boolean) => Promise<OpenData>> = {
  cifar10: async (folder, download) => ({
    data: await loadCifar10({ folder, download, log: (message) => console.error(message) }),
    mean: CIFAR10_MEAN,
    std: CIFAR10_STD,
  }),
  synthetic: async () => {
    const data = syntheticDataset({});
    return { data, ...channelStatistics(data.train) };
  },
};

/**
 * Opens a data set.
 * @param spec `cifar10:DIR`, `cifar10` (looked for in REFCONV_DATA and the cache) or `synthetic`.
 * @throws Error for another name, or where the data are not found or damaged.
 */
export async function openData(spec: string, { download = false }: { download?: boolean } = {}): Promise<OpenData> {
  const [name = '', ...place] = spec.split(':');
  const open = Object.hasOwn(SETS, name) ? SETS[name] : undefined;
  if (!open) {
    throw new Error(`There is no data set '${spec}'. Expected cifar10:DIR, cifar10 or synthetic.`);
  }
  return open(place.length ? place.join(':') : undefined, download);
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
