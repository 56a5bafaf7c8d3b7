/** Made-up runs, written as packages/runs writes them. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from '@refconv/files';
import {
  type Grid,
  GridBuilder,
  type GridNotes,
  hashOfSpec,
  paperRecipe,
  parseSpec,
  type Result,
  rebuildLedger,
  runFolder,
  type Spec,
  type SpecInput,
  writeGrid,
} from '@refconv/runs';
import { metricsCsv } from '@refconv/training/metrics';
import { writePredictions } from '@refconv/training/predictions';

/** A grid of runs, and what it says of itself: left out, it is a table of an unchanged preset. */
export interface MadeUp
  extends Pick<GridNotes, 'name' | 'experiment' | 'preset' | 'source' | 'notKnown' | 'details' | 'claims' | 'cost'> {
  kind?: GridNotes['kind'];
  changed?: GridNotes['changed'];
  networks: string[];
  /** What an arm does to the spec, and how many points of top-1 it gains. */
  arms: Record<string, { gain: number; spec?: Partial<SpecInput>; after?: string }>;
  seeds: number[];
  epochs: number;
  data?: SpecInput['data'];
  /** Training and result are left out. */
  unfinished?: (network: string, arm: string, seed: number) => boolean;
  paper?: Grid['paper'];
}

/** A number from 0 to 1 that is the same each time. */
export function noise(...keys: (string | number)[]): number {
  let state = 1;
  for (const character of keys.join('|')) state = (Math.imul(state, 31) + character.charCodeAt(0)) | 0;
  const value = Math.sin(state) * 10_000;
  return value - Math.floor(value);
}

const BASE = 70;

function metricsOf(spec: Spec, top1: number, key: string) {
  return Array.from({ length: spec.recipe.epochs }, (_, i) => {
    const share = 1 - Math.exp((-4 * (i + 1)) / spec.recipe.epochs);
    const wobble = i + 1 === spec.recipe.epochs ? 0 : 0.01 * (noise(key, i) - 0.5);
    const testTop1 = i + 1 === spec.recipe.epochs ? top1 : top1 * share + wobble;
    return {
      ...{ epoch: i + 1, step: 10 * (i + 1), learningRate: 0.1 * (1 - i / spec.recipe.epochs) },
      ...{ trainLoss: 2 - share, testLoss: 2.1 - share, testTop1, seconds: 1 },
    };
  });
}

export function resultOf(spec: Spec, top1: number): Result {
  const factor = spec.method?.id === 'refconv' ? 1.02 : spec.method ? 1.5 : 1;
  return {
    hash: hashOfSpec(spec),
    spec,
    ...{ top1, top5: Math.min(1, top1 + 0.15), testLoss: 1.25, trainLoss: 1.5 },
    best: { top1: top1 + 0.001, epoch: 2, chosenOn: 'test' },
    ...{ mergedTop1: top1, parametersInTraining: 4e6 * factor, parameters: 2e6, flopsPerStep: 6e9 * factor },
    peakMemory: 1e9 * (factor + 0.01 * noise('memory', hashOfSpec(spec))),
    trainSeconds: 100 * (factor + 0.05 * noise('time', hashOfSpec(spec))),
    weights: '0'.repeat(64),
    finished: '2026-01-02T00:00:00.000Z',
    environment: {
      ...{ commit: 'a'.repeat(40), changed: false, tensorflow: '2', node: 'v20', platform: 'linux x64' },
      ...{ host: 'here', cpu: 'a CPU', device: 'cpu', threads: 1, data: 'made up' },
    },
  };
}

export async function writeRun(root: string, spec: Spec, top1: number, finished = true): Promise<string> {
  const hash = hashOfSpec(spec);
  const folder = runFolder(root, hash);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'spec.json'), JSON.stringify(spec));
  const metrics = metricsOf(spec, top1, hash);
  if (!finished) {
    // A line that is being written.
    const text = metricsCsv(metrics);
    await writeFile(join(folder, 'metrics.csv'), text.slice(0, text.length - 20));
    return folder;
  }
  await writeFile(join(folder, 'metrics.csv'), metricsCsv(metrics));
  await writeFile(join(folder, 'result.json'), JSON.stringify(resultOf(spec, top1)));
  return folder;
}

/** Predictions of so many images, a share of which is right. */
export const predictionsOf = (images: number, classes: number, top1: number) =>
  Array.from({ length: images }, (_, i) => {
    const label = i % classes;
    const right = noise('right', i) < top1;
    const prediction = right ? label : (label + 1 + Math.floor(noise('wrong', i) * (classes - 1))) % classes;
    const confidence = 1 / classes + (1 - 1 / classes) * Math.sqrt(noise('confidence', i));
    return { label, prediction, confidence, rank: right ? 0 : 1, loss: right ? -Math.log(confidence) : 2 };
  });

export { writePredictions };

/** Writes experiments and their ledger. @returns their grids. */
export async function writeRuns(root: string, experiments: readonly MadeUp[]): Promise<Grid[]> {
  const grids: Grid[] = [];
  for (const { networks, arms, seeds, epochs, data, unfinished, ...notes } of experiments) {
    const usual = {
      kind: 'table',
      changed: null,
      question: `The question of ${notes.name}?`,
      baseline: 'baseline',
    } as const;
    const builder = new GridBuilder({ ...usual, ...notes });
    for (const network of networks) {
      for (const seed of seeds) {
        const hashes = new Map<string, string>();
        for (const [arm, { gain, spec, after }] of Object.entries(arms)) {
          const input: SpecInput = {
            // Of another width where the name is another, so that the runs differ.
            network: { id: 'mobilenetv1', variant: 'cifar', width: 0.1 + noise(network) },
            data: data ?? { name: 'cifar10' },
            from: after ? hashes.get(after) : null,
            recipe: paperRecipe({ epochs, warmUpEpochs: 0.5 }),
            ...{ seed, threads: 1 },
            ...spec,
          };
          hashes.set(arm, builder.add(network, arm, input));
          const top1 =
            (BASE + 5 * noise(network) + gain + noise(network, seed) + 0.2 * noise(network, arm, seed)) / 100;
          await writeRun(root, parseSpec(input), top1, !unfinished?.(network, arm, seed));
        }
      }
    }
    const grid = builder.build();
    await writeGrid(root, grid);
    grids.push(grid);
  }
  await rebuildLedger(root);
  return grids;
}

/**
 * Gives a grid's runs another results version, and the hashes and folders that are theirs then.
 * @param which of its runs, by their place; left out, all.
 */
export async function writeInVersion(
  root: string,
  grid: Grid,
  resultsVersion: number,
  which: (place: number) => boolean = () => true,
): Promise<void> {
  const hashes = new Map<string, string>();
  const runs: Grid['runs'] = {};
  for (const [place, [hash, before]] of Object.entries(grid.runs).entries()) {
    const from = before.from && (hashes.get(before.from) ?? before.from);
    const spec = { ...before, from, ...(which(place) && { resultsVersion }) };
    const own = hashOf(spec);
    hashes.set(hash, own);
    runs[own] = spec;
    await rename(runFolder(root, hash), runFolder(root, own)).catch(() => {});
    const file = join(runFolder(root, own), 'result.json');
    const result = JSON.parse(await readFile(file, 'utf8').catch(() => 'null'));
    if (result) await writeFile(file, JSON.stringify({ ...result, hash: own, spec }));
  }
  const rows = grid.rows.map((row) => ({ ...row, hash: hashes.get(row.hash) ?? row.hash }));
  await writeGrid(root, { ...grid, rows, runs });
  await rebuildLedger(root);
}

const rival = (id: string): SpecInput['method'] => ({ id, start: 'scratch' });

/** Arms as the experiments name them. */
export const ARMS = {
  baseline: { gain: 0 },
  retraining: { gain: 0.2, after: 'baseline' },
  wn: { gain: 0.1, spec: { method: rival('wn') } },
  refconv: { gain: 1, after: 'baseline', spec: { method: { id: 'refconv' } } },
} satisfies MadeUp['arms'];
