/** The options of `npm start`. */
import { parseArgs } from 'node:util';
import type { StartSettings } from './start.js';

/** Where the baseline comes from: one that was trained before and kept, or one that is trained first. */
export const BASELINES = ['kept', 'train'] as const;
export type Baseline = (typeof BASELINES)[number];

type Numbers = Pick<StartSettings, 'epochs' | 'batchSize' | 'learningRate'> & { images: number };

/** A baseline that has converged is trained on as the measurement does, on all images; from nothing there is time for few. */
export const DEFAULTS: Record<Baseline, Numbers & Pick<StartSettings, 'init' | 'refocusingRate'>> = {
  kept: { epochs: 4, images: 50_000, batchSize: 128, learningRate: 0.02, init: 'zero', refocusingRate: 'matched' },
  train: { epochs: 5, images: 10_000, batchSize: 64, learningRate: 0.1 },
};
/** Of the baseline that is kept. */
const KEPT_WIDTH = 0.25;

const both = (name: keyof Numbers) => `(default ${DEFAULTS.kept[name]}; with train ${DEFAULTS.train[name]})`;

export const HELP = `Usage: npm start -- [options]
  --baseline KIND  kept: the repository's own, trained for 105 epochs; train: one that is trained first
                   (default: kept, where CIFAR-10 is found and the width is ${KEPT_WIDTH})
  --epochs N       epochs with and without RefConv, and of a baseline that is trained first ${both('epochs')}
  --images N       training images ${both('images')}
  --batch N        images a step ${both('batchSize')}
  --rate R         highest learning rate ${both('learningRate')}
  --width W        width multiplier of MobileNetV1 (default ${KEPT_WIDTH})
  --seed N         seed of the weights, the order and the augmentation (default 1)
  --output FOLDER  where everything goes (default: a folder in results/ named after the options above)
  --download       fetch CIFAR-10 (170 MB) into the cache where it is not found
  --help           show this
CIFAR-10 is looked for in REFCONV_DATA and in the cache; without it a synthetic set of small pictures is used.
Ctrl-C stops with a checkpoint, and the same command goes on.`;

/** As given; what is not given depends on the baseline: see {@link settle}. */
export interface Options extends Partial<Numbers> {
  baseline: Baseline | undefined;
  width: number;
  seed: number;
  output: string | undefined;
  download: boolean;
  help: boolean;
}

export type Settled = StartSettings & { baseline: Baseline; images: number };

type Kind = [valid: (value: number) => boolean, expected: string];
const COUNT: Kind = [(value) => Number.isSafeInteger(value) && value > 0, 'an integer from 1'];
const POSITIVE: Kind = [(value) => Number.isFinite(value) && value > 0, 'a number above 0'];
const SEED: Kind = [(value) => Number.isSafeInteger(value) && value >= 0, 'an integer from 0'];

function numberOf(name: string, text: string, [valid, expected]: Kind): number {
  const value = Number(text);
  if (text.trim() === '' || !valid(value)) throw new Error(`--${name} must be ${expected}; given '${text}'.`);
  return value;
}

/** @throws Error for an option that is unknown or has a value that it cannot have. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      baseline: { type: 'string' },
      epochs: { type: 'string' },
      images: { type: 'string' },
      batch: { type: 'string' },
      rate: { type: 'string' },
      width: { type: 'string', default: String(KEPT_WIDTH) },
      seed: { type: 'string', default: '1' },
      output: { type: 'string' },
      download: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.output === '') throw new Error("--output must be a folder's path; given ''.");
  const baseline = BASELINES.find((kind) => kind === values.baseline);
  if (values.baseline !== undefined && !baseline)
    throw new Error(`--baseline must be ${BASELINES.join(' or ')}; given '${values.baseline}'.`);
  const optional = (name: 'epochs' | 'images' | 'batch' | 'rate', kind: Kind) =>
    values[name] === undefined ? undefined : numberOf(name, values[name], kind);
  return {
    baseline,
    epochs: optional('epochs', COUNT),
    images: optional('images', COUNT),
    batchSize: optional('batch', COUNT),
    learningRate: optional('rate', POSITIVE),
    width: numberOf('width', values.width, POSITIVE),
    seed: numberOf('seed', values.seed, SEED),
    output: values.output,
    download: values.download,
    help: values.help,
  };
}

/**
 * The baseline, and what depends on it.
 * @param data the set's name.
 * @throws Error where the baseline that is kept does not fit.
 */
export function settle({ baseline, width, seed, ...given }: Options, data: string): Settled {
  const fits = data === 'cifar10' && width === KEPT_WIDTH;
  if (baseline === 'kept' && !fits) {
    throw new Error(
      `--baseline kept is of CIFAR-10 and width ${KEPT_WIDTH}; there are ${data} and width ${width}. Leave the option out, or give train.`,
    );
  }
  const chosen = baseline ?? (fits ? 'kept' : 'train');
  const defaults = DEFAULTS[chosen];
  return {
    baseline: chosen,
    ...defaults,
    ...{ width, seed },
    epochs: given.epochs ?? defaults.epochs,
    images: given.images ?? defaults.images,
    batchSize: given.batchSize ?? defaults.batchSize,
    learningRate: given.learningRate ?? defaults.learningRate,
  };
}

/** Where results go by default: other options, another folder, so that no run gets in the way of another. */
export function defaultFolder(data: string, settled: Settled): string {
  const { baseline, epochs, images, batchSize, learningRate, width, seed } = settled;
  return `results/start/${data}_${baseline}_images${images}_width${width}_epochs${epochs}_batch${batchSize}_rate${learningRate}_seed${seed}`;
}
