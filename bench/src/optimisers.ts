/** The benchmark of optimisers: a training step with each of them, with clipping and with averages, against SGD's, in turns. */
import { parseArgs } from 'node:util';
import { type Measured, measureInTurns, WorkerProcess } from '@refconv/analysis/measurement';
import { median, pairedRatios, spread } from '@refconv/analysis/statistics';
import { markdownTable } from '@refconv/files';
import type { Recipe } from '@refconv/training';
import { busyNote, writeFindings } from './findings.js';
import { machine, nodeScript } from './machine.js';
import type { OptimiserSetting } from './optimiserWorker.js';

const averaging = { decay: 0.9998 };
const CONTESTANTS: Record<string, Partial<Recipe>> = {
  sgd: {},
  adam: { optimiser: { id: 'adam' } },
  adamw: { optimiser: { id: 'adamw' } },
  rmsprop: { optimiser: { id: 'rmsprop' } },
  'rmsprop-tf': { optimiser: { id: 'rmsprop-tf' } },
  lamb: { optimiser: { id: 'lamb' } },
  'sgd, clipped': { clipNorm: 1 },
  'sgd, averaged': { averaging },
  'adamw, averaged': { optimiser: { id: 'adamw' }, averaging },
};
/** Numbers of 4 bytes that a weight's update reads or writes beyond SGD's, where one pass is made over them. */
const TRAFFIC: Record<string, number> = { adam: 2, adamw: 2, 'sgd, averaged': 6, 'adamw, averaged': 8 };

const USAGE = `Usage: npm run bench -- optimisers [options]
  --network ID        of packages/backbones (default: mobilenetv1)
  --width FACTOR      on its channels, where it has one
  --batch N           images a step (default: 64)
  --size N            height and width of the images; below 64 the network is its cifar variant (default: 32)
  --rounds N          rounds, of which the first is thrown away (default: 7)
  --contestants a;b   which of ${Object.keys(CONTESTANTS).join('; ')} (default: all); sgd always runs`;

export interface OptimiserOptions {
  network: string;
  width?: number;
  batch: number;
  size: number;
  rounds: number;
  contestants: string[];
}

/** @throws Error where an option is unknown or a value is not one of those allowed. */
export function parseOptimiserOptions(args: string[]): OptimiserOptions {
  const string = { type: 'string' } as const;
  const options = { network: string, width: string, batch: string, size: string, rounds: string, contestants: string };
  const { values } = parseArgs({ args, options });
  const number = (flag: 'width' | 'batch' | 'size' | 'rounds', usual: number, valid: (value: number) => boolean) => {
    const value = Number(values[flag] ?? usual);
    if (valid(value)) return value;
    throw new Error(`--${flag} cannot be ${values[flag]}.`);
  };
  const whole = (least: number) => (value: number) => Number.isInteger(value) && value >= least;
  const names = values.contestants?.split(';').map((name) => name.trim()) ?? Object.keys(CONTESTANTS);
  const unknown = names.filter((name) => !Object.hasOwn(CONTESTANTS, name));
  if (unknown.length > 0)
    throw new Error(
      `--contestants does not know ${unknown.join('; ')}; it knows ${Object.keys(CONTESTANTS).join('; ')}.`,
    );
  return {
    network: values.network ?? 'mobilenetv1',
    ...(values.width !== undefined && { width: number('width', 1, (value) => value > 0) }),
    batch: number('batch', 64, whole(1)),
    size: number('size', 32, whole(8)),
    rounds: number('rounds', 7, whole(2)),
    contestants: Object.keys(CONTESTANTS).filter((name) => name === 'sgd' || names.includes(name)),
  };
}

const medians = ({ rounds }: Measured) => rounds.map(({ milliseconds }) => median(milliseconds));

function table(measured: Map<string, Measured>): string {
  const sgd = measured.get('sgd') as Measured;
  const rows = [...measured].map(([name, one]) => {
    const { median: time, min, max } = spread(medians(one));
    const ratio = pairedRatios(medians(one), medians(sgd));
    const traffic = TRAFFIC[name];
    return [
      name,
      `${time.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`,
      ratio ? `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)})` : '–',
      traffic === undefined ? '' : ((4 * traffic * one.ready.parameters) / 1e6).toFixed(1),
      String(one.rounds.at(-1)?.peakMemoryMB.toFixed(0)),
    ];
  });
  const header = ['optimiser', 'ms a step', '÷ sgd', 'memory traffic beyond SGD’s, MB', 'peak memory, MB'];
  return markdownTable(header, rows);
}

/** Measures, prints the table and writes it with all figures to bench/results. */
export async function benchOptimisers(args: string[], log: (line: string) => void): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  let options: OptimiserOptions;
  try {
    options = parseOptimiserOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const { network, width, batch, size, rounds, contestants } = options;
  const start = (name: string) => () => {
    const fed = { network, inputSize: size, batch, ...(width !== undefined && { width }) };
    const setting: OptimiserSetting = { ...fed, recipe: CONTESTANTS[name] as Partial<Recipe> };
    return new WorkerProcess(name, process.execPath, [nodeScript('optimiserWorker.js'), JSON.stringify(setting)]);
  };
  const date = new Date().toISOString();
  const where = await machine();
  const workers = Object.fromEntries(contestants.map((name) => [name, start(name)]));
  const measured = await measureInTurns(workers, { rounds: rounds - 1, log });
  const text = [
    `# Training step by optimiser, ${date}`,
    `${network}${width === undefined ? '' : ` ×${width}`}, ${size}×${size}, batch ${batch}; ${where.processor}, ${where.cores} cores, commit ` +
      `${where.commit}; medians over ${rounds - 1} rounds, least and largest in brackets.`,
    ...busyNote(measured.values()),
    table(measured),
  ].join('\n\n');
  await writeFindings(
    {
      name: 'optimisers',
      date,
      text,
      figures: { date, machine: where, options, results: Object.fromEntries(measured) },
    },
    log,
  );
}
