/** The benchmark of methods: a training step of RefConv and its rivals against the plain network's, in turns. */
import { parseArgs } from 'node:util';
import { type Measured, measureInTurns, type Round, WorkerProcess } from '@refconv/analysis/measurement';
import { median, pairedRatios, spread } from '@refconv/analysis/statistics';
import { markdownTable } from '@refconv/files';
import { METHODS } from '@refconv/refconv';
import { busyNote, writeFindings } from './findings.js';
import { machine, nodeScript } from './machine.js';
import type { MethodSetting } from './methodWorker.js';

const NAMES = ['plain', ...METHODS.ids()];
const NETWORKS = ['resnet18', 'mobilenetv2', 'mobilenetv1'];
const USUAL_NETWORKS = NETWORKS.slice(0, 2);

const USAGE = `Usage: npm run bench -- methods [options]
  --network a,b    which of ${NETWORKS.join(', ')} (default: the first two)
  --methods a,b    which of ${NAMES.slice(1).join(', ')} (default: all); the plain network always runs
  --batch N        images a step (default: 64)
  --size N         height and width of the images; 32 and 224 are usual, below 64 the networks are their cifar variants (default: 32)
  --rounds N       rounds, of which the first is thrown away (default: 7)`;

interface MethodOptions {
  networks: string[];
  methods: string[];
  batch: number;
  size: number;
  rounds: number;
}

/** @throws Error where an option is unknown or a value is not one of those allowed. */
export function parseMethodOptions(args: string[]): MethodOptions {
  const string = { type: 'string' } as const;
  const options = { network: string, methods: string, batch: string, size: string, rounds: string };
  const { values } = parseArgs({ args, options });
  const list = (flag: string, value: string | undefined, known: string[], usual = known) => {
    const names = value?.split(',').map((name) => name.trim()) ?? usual;
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length) throw new Error(`--${flag} does not know ${unknown.join(', ')}; it knows ${known.join(', ')}.`);
    return known.filter((name) => names.includes(name));
  };
  const whole = (flag: 'batch' | 'size' | 'rounds', usual: number, least: number) => {
    const value = Number(values[flag] ?? usual);
    if (Number.isInteger(value) && value >= least) return value;
    throw new Error(`--${flag} must be a whole number of at least ${least}; given ${values[flag]}.`);
  };
  return {
    networks: list('network', values.network, NETWORKS, USUAL_NETWORKS),
    methods: ['plain', ...list('methods', values.methods, NAMES.slice(1))],
    batch: whole('batch', 64, 1),
    size: whole('size', 32, 8),
    rounds: whole('rounds', 7, 2),
  };
}

/** Of the rounds that count, in milliseconds a step. */
const medians = ({ rounds }: Measured) => rounds.map(({ milliseconds }) => median(milliseconds));
const peakMemoryMB = ({ rounds }: Measured) => (rounds.at(-1) as Round).peakMemoryMB;

function measure(network: string, options: MethodOptions, log: (line: string) => void) {
  const { methods, batch, size, rounds } = options;
  const cifar = size < 64;
  const start = (method: string) => () => {
    const variant = cifar ? 'cifar' : 'imagenet';
    const setting: MethodSetting = { network, variant, inputSize: size, classes: cifar ? 10 : 1000, batch, method };
    return new WorkerProcess(method, process.execPath, [nodeScript('methodWorker.js'), JSON.stringify(setting)]);
  };
  const workers = Object.fromEntries(methods.map((method) => [method, start(method)]));
  return measureInTurns(workers, { rounds: rounds - 1, log: (line) => log(`${network}: ${line}`) });
}

function table(network: string, measured: Map<string, Measured>): string {
  const plain = measured.get('plain') as Measured;
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toLocaleString('en')}`;
  const body = [...measured].map(([method, one]) => {
    const { ready } = one;
    const { median: time, min, max } = spread(medians(one));
    const ratio = pairedRatios(medians(one), medians(plain));
    const macs = (ready.multiplyAdds as number) / (plain.ready.multiplyAdds as number);
    return [
      method,
      `${time.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)})`,
      ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '–',
      peakMemoryMB(one).toFixed(0),
      (peakMemoryMB(one) / peakMemoryMB(plain)).toFixed(2),
      signed(ready.parameters - plain.ready.parameters),
      `×${macs.toFixed(3)}`,
    ];
  });
  const header = ['method', 'ms a step', '÷ plain', 'peak memory, MB', '÷ plain', 'trainable parameters', 'MACs'];
  return [`## ${network}`, ...busyNote(measured.values()), markdownTable(header, body)].join('\n\n');
}

/** Measures, prints the tables and writes them with all figures to bench/results. */
export async function benchMethods(args: string[], log: (line: string) => void): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  let options: MethodOptions;
  try {
    options = parseMethodOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const date = new Date().toISOString();
  const where = await machine();
  const { batch, size, rounds } = options;
  const results: Record<string, Record<string, Measured>> = {};
  const tables: string[] = [];
  for (const network of options.networks) {
    const measured = await measure(network, options, log);
    results[network] = Object.fromEntries(measured);
    tables.push(table(network, measured));
  }
  const text = [
    `# Training step by method, ${date}`,
    `${where.processor}, ${where.cores} cores, commit ${where.commit}; ${size}×${size}, batch ${batch}; medians over ${rounds - 1} rounds, ` +
      'least and largest in brackets; MACs forward for one image, what a method computes once a step shared out over the batch.',
    ...tables,
  ].join('\n\n');
  await writeFindings({ name: 'methods', date, text, figures: { date, machine: where, options, results } }, log);
}
