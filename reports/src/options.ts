/** The options of `npm start`. */
import { parseArgs } from 'node:util';
import type { StartSettings } from '@refconv/experiments';

export const HELP = `Usage: npm start -- [options]
  --epochs N       epochs of the baseline, and as many more with and without RefConv (default 5)
  --images N       training images (default 10000)
  --batch N        images a step (default 64)
  --rate R         highest learning rate (default 0.1)
  --width W        width multiplier of MobileNetV1 (default 0.25)
  --seed N         seed of the weights, the order and the augmentation (default 1)
  --output FOLDER  where everything goes (default: a folder in results/ named after the options above)
  --download       fetch CIFAR-10 (170 MB) into the cache where it is not found
  --help           show this
CIFAR-10 is looked for in REFCONV_DATA and in the cache; without it a synthetic set of small pictures is used.
Ctrl-C stops with a checkpoint, and the same command goes on.`;

export interface Options extends StartSettings {
  images: number;
  output: string | undefined;
  download: boolean;
  help: boolean;
}

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
      epochs: { type: 'string', default: '5' },
      images: { type: 'string', default: '10000' },
      batch: { type: 'string', default: '64' },
      rate: { type: 'string', default: '0.1' },
      width: { type: 'string', default: '0.25' },
      seed: { type: 'string', default: '1' },
      output: { type: 'string' },
      download: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.output === '') throw new Error("--output must be a folder's path; given ''.");
  return {
    epochs: numberOf('epochs', values.epochs, COUNT),
    images: numberOf('images', values.images, COUNT),
    batchSize: numberOf('batch', values.batch, COUNT),
    learningRate: numberOf('rate', values.rate, POSITIVE),
    width: numberOf('width', values.width, POSITIVE),
    seed: numberOf('seed', values.seed, SEED),
    output: values.output,
    download: values.download,
    help: values.help,
  };
}

/** Where results go by default: other options, another folder, so that no run gets in the way of another. */
export function defaultFolder(data: string, { epochs, images, batchSize, learningRate, width, seed }: Options): string {
  return `results/start/${data}_images${images}_width${width}_epochs${epochs}_batch${batchSize}_rate${learningRate}_seed${seed}`;
}
