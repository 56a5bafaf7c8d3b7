/** How many images a second are loaded, beside torchvision's DataLoader; and CIFAR's batches. */

import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alone, BUSY, WorkerProcess, watchOthers } from '@refconv/analysis/measurement';
import { median, pairedRatios } from '@refconv/analysis/statistics';
import { batches, CIFAR10_MEAN, CIFAR10_STD, imageFolder } from '@refconv/datasets';
import { markdownTable } from '@refconv/files';
import { findPython, machine, nodeScript, pythonScript } from '../machine.js';
import { loadingChart, ratesCsv, ratesOf, toSvg } from './chart.js';
import type { Epoch, Mode, Ready, Row } from './protocol.js';

const USAGE = `Usage: npm run bench:loading -- --images FOLDER [options]
  --images FOLDER    a folder for each class, as of ImageNet's validation images (default: the shared sample)
  --workers 2        threads, or processes of the DataLoader; a list measures each (default: 2)
  --rounds 7         of which the first is thrown away
  --repeat 6         how often the folder's images make up an epoch`;

const OURS = { tensorflow: 'Loader, TensorFlow', exact: 'Loader, TensorFlow, exact', sharp: 'Loader, sharp' } as const;
const THEIRS = 'torchvision';
const BATCH = 32;

const log = (line: string) => process.stderr.write(`bench: ${line}\n`);

/** All contestants alive at once, an epoch each in turn. */
async function runCase(
  {
    folder,
    mode,
    workers,
    repeat,
    rounds,
  }: { folder: string; mode: Mode; workers: number; repeat: number; rounds: number },
  python: string | undefined,
  versions: Record<string, string>,
): Promise<{ rows: Row[]; cpuMilliseconds: number }> {
  const numbers = [workers, BATCH, repeat].map(String);
  const contestants = Object.entries(OURS).map(
    ([decoder, name]) =>
      new WorkerProcess(name, process.execPath, [
        nodeScript('loading/nodeContestant.js'),
        ...[folder, mode, ...numbers, decoder],
      ]),
  );
  if (python) {
    const flags = ['--workers', '--batch', '--repeat'].flatMap((flag, i) => [flag, numbers[i] as string]);
    const args = [pythonScript('loader.py'), '--folder', folder, '--mode', mode, ...flags];
    contestants.push(new WorkerProcess(THEIRS, python, args));
  }
  try {
    for (const contestant of contestants) Object.assign(versions, (await contestant.ask<Ready>()).versions);
    let cpuMilliseconds = 0;
    const rows = contestants.map(({ name }): Row => ({ mode, workers, contestant: name, rounds: [] }));
    for (let round = 0; round < rounds; round++) {
      log(`${mode}, ${workers} workers: round ${round + 1} of ${rounds}`);
      for (const [i, contestant] of contestants.entries()) {
        const epoch = await contestant.ask<Epoch>('go');
        cpuMilliseconds += epoch.cpuMilliseconds;
        if (round > 0) rows[i]?.rounds.push(epoch);
      }
    }
    return { rows, cpuMilliseconds };
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()));
  }
}

function table(rows: readonly Row[]): string {
  const rate = ({ images, milliseconds }: Epoch) => (1000 * images) / milliseconds;
  const cost = ({ images, cpuMilliseconds }: Epoch) => cpuMilliseconds / images;
  const memory = (row: Row) => Math.max(...row.rounds.map(({ memoryBytes }) => memoryBytes));
  const header = [
    'transform',
    'loader',
    'workers',
    'images a second',
    '÷ torchvision',
    'CPU ms an image',
    'torchvision ÷ this',
  ];
  const body = rows.map((row) => {
    const theirs = rows.find(
      ({ mode, workers, contestant }) => mode === row.mode && workers === row.workers && contestant === THEIRS,
    );
    const ratio = (above: readonly number[] | undefined, below: readonly number[] | undefined) => {
      const found = theirs !== row && above && below ? pairedRatios(above, below) : undefined;
      return found ? `${found.median.toFixed(2)} (${found.min.toFixed(2)}–${found.max.toFixed(2)})` : '';
    };
    const faster = ratio(row.rounds.map(rate), theirs?.rounds.map(rate));
    const cheaper = ratio(theirs?.rounds.map(cost), row.rounds.map(cost));
    const rates = median(row.rounds.map(rate)).toFixed(0);
    const costs = median(row.rounds.map(cost)).toFixed(2);
    const megabytes = (memory(row) / 1e6).toFixed(0);
    return [row.mode, row.contestant, String(row.workers), rates, faster, costs, cheaper, megabytes];
  });
  return markdownTable([...header, 'memory MB'], body, { texts: 2 });
}

/** Images a second of CIFAR's size, cropped, mirrored and normalised in the main thread, median over the rounds. */
function cifarRate(rounds: number): number {
  const count = 20_000;
  const images = Uint8Array.from({ length: count * 3072 }, (_, i) => (i * 31) & 255);
  const split = { images, labels: new Int32Array(count), count, height: 32, width: 32, channels: 3 };
  const options = { batchSize: 128, mean: CIFAR10_MEAN, std: CIFAR10_STD, seed: 1, shuffle: true, buffers: 1 };
  const rates = Array.from({ length: rounds }, (_, epoch) => {
    const begin = performance.now();
    for (const _ of batches(split, { ...options, epoch, augment: { crop: 4, flip: true } }));
    return (1000 * count) / (performance.now() - begin);
  });
  return median(rates.slice(1));
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      images: { type: 'string' },
      workers: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '7' },
      repeat: { type: 'string', default: '6' },
    },
  });
  const shared = process.env.REFCONV_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
  const number = (name: string, text: string, least: number) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new Error(`--${name} must be an integer from ${least}; given ${text}.`);
    return value;
  };
  return {
    folder: values.images ?? `${shared}/data/imagenet-sample`,
    workers: values.workers.split(',').map((text) => number('workers', text, 1)),
    rounds: number('rounds', values.rounds, 2),
    repeat: number('repeat', values.repeat, 1),
  };
}

async function main(): Promise<void> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions();
    await imageFolder(options.folder);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const [where, python] = await Promise.all([machine(), findPython()]);
  const date = new Date().toISOString();
  const versions: Record<string, string> = {};
  const rows: Row[] = [];
  const othersShare = watchOthers();
  let own = 0;
  for (const workers of options.workers) {
    for (const mode of ['train', 'eval'] as const) {
      const program = python.missing ? undefined : python.program;
      const done = await runCase({ ...options, workers, mode }, program, versions);
      rows.push(...done.rows);
      own += done.cpuMilliseconds;
    }
  }
  const others = othersShare(own);
  const cifar = cifarRate(options.rounds);
  const text = [
    `# Loading images, ${date.slice(0, 10)}, commit ${where.commit}`,
    `${where.cores} cores of ${where.processor}; ${Object.entries(versions)
      .map((pair) => pair.join(' '))
      .join(
        ', ',
      )}; batches of ${BATCH}; median over ${options.rounds - 1} rounds, least and largest quotient in brackets.`,
    ...(python.missing ? [python.missing] : []),
    ...(others > BUSY
      ? [`Other programs used ${(100 * others).toFixed(0)} % of the processors meanwhile: run it again.`]
      : []),
    table(rows),
    `CIFAR's size in memory, cropped, mirrored, normalised: ${Math.round(cifar)} images a second on one core.`,
  ].join('\n\n');
  const folder = fileURLToPath(new URL('../../results/', import.meta.url));
  await mkdir(folder, { recursive: true });
  const file = `${folder}loading-${date.slice(0, 19).replaceAll(':', '')}`;
  await writeFile(`${file}.md`, `${text}\n`);
  await writeFile(
    `${file}.json`,
    `${JSON.stringify({ date, machine: where, versions, others, rows, cifar }, undefined, 1)}\n`,
  );
  const rates = ratesOf(rows);
  const chart = loadingChart(rates);
  await writeFile(`${file}.csv`, ratesCsv(rates));
  await writeFile(`${file}.vl.json`, `${JSON.stringify(chart)}\n`);
  await writeFile(`${file}.svg`, await toSvg(chart));
  process.stdout.write(`${text}\n`);
  log(`written to ${file}.md, .json, .csv, .vl.json and .svg`);
}

process.env.CUDA_VISIBLE_DEVICES = '-1';
await alone(main, { log });
