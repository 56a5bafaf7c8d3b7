/** Made-up analyses of runs, as run folders hold them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Grid,
  GridBuilder,
  type GridRow,
  hashOfSpec,
  paperRecipe,
  parseSpec,
  runFolder,
  type Spec,
  type SpecInput,
  writeGrid,
} from '@refconv/runs';
import { stringify } from 'csv-stringify/sync';
import { noise, resultOf } from './runs.js';

const LAYERS = ['blocks.0.conv_dw', 'blocks.1.conv_dw'];
const CHANNELS = [0, 1, 2, 3];

const matrix = (keys: string[], size = CHANNELS) =>
  size.flatMap((row) => size.map((column) => [...keys, row, column, noise(...keys, row, column)]));

const KERNELS = LAYERS.flatMap((layer) => ['W_b', 'W_t'].map((kernel) => [layer, kernel]));

/** Files and rows of each kind. */
const ANALYSES: Record<string, { files: Record<string, unknown[][]>; rows: (seed: number) => object[] }> = {
  connectivity: {
    files: { 'connectivity.csv': [['layer', 'row', 'column', 'value'], ...LAYERS.flatMap((layer) => matrix([layer]))] },
    rows: (seed) =>
      LAYERS.map((layer) => ({ layer, off_diagonal_mean: 0.5 + 0.01 * noise(layer, seed), initial_mean: 0.25 })),
  },
  redundancy: {
    files: {
      'redundancy.csv': [
        ['layer', 'kernel', 'measure', 'row', 'column', 'value'],
        ...KERNELS.flatMap((keys) => ['plain', 'unitNorm'].flatMap((measure) => matrix([...keys, measure]))),
      ],
    },
    rows: (seed) =>
      LAYERS.map((layer) => ({
        ...{ layer, basis: 0.2, transformed: 0.4 + 0.01 * noise(layer, seed) },
        ...{ basis_unit_norm: 0.1, transformed_unit_norm: 0.1 + 0.1 * (seed - 1.5) },
      })),
  },
  skeletons: {
    files: {
      'skeletons.csv': [
        ['layer', 'kernel', 'row', 'column', 'value'],
        ...KERNELS.flatMap((keys) => matrix(keys, [0, 1, 2])),
      ],
    },
    rows: () =>
      LAYERS.map((layer) => ({
        layer,
        basis_centre: 0.2,
        transformed_centre: 0.3,
        basis_cross: 0.5,
        transformed_cross: 0.6,
      })),
  },
};

/** A bowl of the loss; a flat one has more points near the centre's loss. */
const bowl = (steepness: number): unknown[][] => {
  const steps = Array.from({ length: 9 }, (_, i) => -1 + i / 4);
  return [
    ['x', 'y', 'loss', 'top1'],
    ...steps.flatMap((y) => steps.map((x) => [x, y, 0.5 + steepness * (x * x + y * y), 0.5])),
  ];
};

const EPS = [0, 1, 2];

/** Sixty images, of which every fifth is wrong by itself. */
const withstood = (more: number): unknown[][] => [
  ['image', 'label', 'smallest_eps'],
  ...Array.from({ length: 60 }, (_, i) => [i, i % 10, i % 5 ? (i % 7) / 4 + more : 0]),
];

/** When and where, as of trainings. */
const { finished, environment } = resultOf(
  parseSpec({ network: { id: 'mobilenetv1' }, data: { name: 'cifar10' }, recipe: paperRecipe(), seed: 1, threads: 1 }),
  0.5,
);
const CIRCUMSTANCES = { seconds: 1, finished, environment };

/** Writes a grid of analyses of two seeds of one network. */
export async function writeAnalyses(root: string, name: string, network: string): Promise<void> {
  const rows: GridRow[] = [];
  const runs: Record<string, Spec> = {};
  const add = async (arm: string, seed: number, id: string, files: Record<string, unknown[][]>, results: object[]) => {
    const trained = parseSpec({
      network: { id: 'mobilenetv1', variant: 'cifar' },
      data: { name: 'cifar10' },
      recipe: paperRecipe(),
      ...{ seed, threads: 1 },
    });
    const spec = { ...trained, analysis: { id, arm, ...(id === 'robustness' && { eps: EPS }) } } as unknown as Spec;
    const hash = hashOfSpec(spec);
    const folder = runFolder(root, hash);
    await mkdir(folder, { recursive: true });
    for (const [file, lines] of Object.entries(files)) await writeFile(join(folder, file), stringify(lines));
    await writeFile(join(folder, 'result.json'), JSON.stringify({ hash, spec, rows: results, ...CIRCUMSTANCES }));
    runs[hash] = spec;
    const [, of] = /^\w+ of (.+)$/.exec(arm) ?? [];
    rows.push({ network, arm, seed, hash, ...(of && { of }) });
  };
  for (const seed of [1, 2]) {
    for (const [id, { files, rows }] of Object.entries(ANALYSES))
      await add(id === 'skeletons' ? 'skeletons of refconv' : id, seed, id, files, rows(seed));
    const control = { transformed_centre: 0.25, transformed_cross: 0.56 };
    const { files, rows } = ANALYSES.skeletons as (typeof ANALYSES)[string];
    await add(
      'skeletons of retraining',
      seed,
      'skeletons',
      files,
      rows(seed).map((row) => ({ ...row, ...control })),
    );
    for (const [arm, more] of [
      ['baseline', 0],
      ['retraining', 0.1],
      ['refconv', 0.2 + 0.01 * seed],
    ] as const)
      await add(`robustness of ${arm}`, seed, 'robustness', { 'robustness.csv': withstood(more) }, []);
    for (const [arm, steepness] of [
      ['landscape of baseline', 4],
      ['landscape of refconv', 1 + 0.1 * seed],
    ] as const)
      await add(arm, seed, 'landscape', { 'points.csv': bowl(steepness) }, []);
  }
  const grid: Grid = {
    ...{ name, experiment: 'landscape', preset: 'cifar', kind: 'table', changed: null },
    ...{ question: 'Analyses.', baseline: 'baseline', rows, runs },
  };
  await writeGrid(root, grid);
}

/** The steps' times of a plain network and of RefConv, and memory in 10⁶ bytes, by process and round. */
export type MadeUpRounds = {
  plain: [milliseconds: number, memory: number];
  refconv: [milliseconds: number, memory: number];
}[][];

/** Writes a grid of the experiment cost with one network at one batch size, measured in these rounds. */
export async function writeCost(
  root: string,
  notes: Pick<Grid, 'name' | 'preset'> & Partial<Grid>,
  processes: MadeUpRounds,
  others = 0,
): Promise<void> {
  const builder = new GridBuilder({
    ...{ experiment: 'cost', kind: 'table', changed: null, question: 'The cost.', baseline: 'baseline' },
    ...notes,
  });
  const input: SpecInput = {
    network: { id: 'mobilenetv1', variant: 'cifar' },
    data: { name: 'cifar10' },
    recipe: paperRecipe(),
    method: { id: 'refconv' },
    analysis: { id: 'cost', steps: processes.flat().length },
    ...{ seed: 1, threads: 2 },
  };
  const hash = builder.add('mobilenetv1', 'refconv', input);
  const folder = runFolder(root, hash);
  await mkdir(folder, { recursive: true });
  const lines = processes.flatMap((rounds, i) =>
    rounds.flatMap((round, j) =>
      Object.entries(round).map(([network, [time, memory]]) => [i + 1, j + 1, network, time, 1e6 * memory, 1, others]),
    ),
  );
  const header = ['process', 'round', 'network', 'milliseconds', 'peak_memory', 'steps', 'used_by_others'];
  await writeFile(join(folder, 'rounds.csv'), stringify([header, ...lines]));
  const row = {
    ...{ batch_size: 128, time_ratio: 1.03, time_ratio_least: 0.97, time_ratio_largest: 1.15, memory_ratio: 1.2 },
    ...{ flops_per_step: 106e6, flops_of_weights: 6e6 },
    ...{ used_by_others: others, disturbed: others > 0.05 ? 'yes' : 'no' },
  };
  await writeFile(
    join(folder, 'result.json'),
    JSON.stringify({ hash, spec: parseSpec(input), rows: [row], ...CIRCUMSTANCES }),
  );
  await writeGrid(root, builder.build());
}
