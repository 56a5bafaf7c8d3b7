/** Grids so small that a run is mostly its process's start. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Grid, GridBuilder } from '../grid.js';
import type { LedgerRow } from '../ledger.js';
import type { Result } from '../result.js';
import { hashOfSpec, paperRecipe, parseSpec, type SpecInput } from '../spec.js';

export function tinySpec(seed = 1, changes: Partial<SpecInput> = {}): SpecInput {
  return {
    network: { id: 'mobilenetv1', variant: 'cifar', width: 1 / 16 },
    data: { name: 'synthetic', train: 32, test: 20, size: 16 },
    recipe: paperRecipe({ epochs: 2, batchSize: 16, warmUpEpochs: 0.5, augment: { crop: 1, flip: true } }),
    seed,
    threads: 1,
    ...changes,
  };
}

/** For each seed a baseline, RefConv that starts from it, and a rival from scratch: three runs a seed. */
export function tinyGrid(name: string, seeds: readonly number[], changes: Partial<SpecInput> = {}): Grid {
  const grid = new GridBuilder({ name, claim: 'None.', baseline: 'baseline' });
  for (const seed of seeds) {
    const spec = tinySpec(seed, changes);
    const from = grid.add('mobilenetv1', 'baseline', spec);
    grid.add('mobilenetv1', 'refconv', { ...spec, from, method: { id: 'refconv' } });
    grid.add('mobilenetv1', 'wn', { ...spec, method: { id: 'wn', start: 'scratch' } });
  }
  return grid.build();
}

/** A made-up result, to fill ledgers with. */
export function resultOf(seed: number, changes: Partial<Result> = {}): Result {
  const spec = parseSpec(tinySpec(seed));
  return {
    hash: hashOfSpec(spec),
    spec,
    top1: 0.5,
    top5: 0.9,
    testLoss: 1.25,
    bestTop1: 0.5,
    bestEpoch: 2,
    trainLoss: 1.5,
    mergedTop1: 0.5,
    parametersInTraining: 100,
    parameters: 100,
    flopsPerStep: 600,
    peakMemory: 1e8,
    trainSeconds: 1,
    weights: '0'.repeat(64),
    finished: '2026-01-01T00:00:00.000Z',
    environment: {
      commit: 'a'.repeat(40),
      changed: false,
      tensorflow: '2',
      node: 'v20',
      platform: 'linux x64',
      host: 'here, "quoted"',
      cpu: 'a CPU',
      device: 'cpu',
      threads: 1,
      data: 'made up',
    },
    ...changes,
  };
}

/** What of a ledger must not depend on how its runs came about. */
export const essence = (rows: LedgerRow[]) =>
  rows
    .map(({ peak_memory: _, train_seconds: __, finished: ___, commit: ____, changed: _____, ...row }) => row)
    .sort((a, b) => (a.hash < b.hash ? -1 : 1));

/** A folder for one test file, removed after its tests. */
export function temporaryFolder(): (...path: string[]) => string {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-runs-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return (...path) => join(folder, ...path);
}
