/** Grids so small that a run is mostly its process's start. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Grid, GridBuilder, type GridNotes } from '../grid.js';
import type { LedgerRow } from '../ledger.js';
import { paperRecipe, type SpecInput } from '../spec.js';

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

/** Changes that make a run last some seconds, with a checkpoint many times a second: it can be disturbed in the middle. */
export const longer = (epochs = 40, learningRate = 0.1): Partial<SpecInput> => ({
  recipe: { ...tinySpec().recipe, epochs, learningRate },
});

/** Three runs to be disturbed: two that can be done at the same time, and one that starts from the first; it costs more, and has fewer epochs. */
export function goodGrid(): Grid {
  const grid = new GridBuilder({ ...NOTES, name: 'good' });
  const from = grid.add('mobilenetv1', 'baseline', tinySpec(1, longer()));
  grid.add('mobilenetv1', 'refconv', tinySpec(1, { ...longer(20), from, method: { id: 'refconv' } }));
  grid.add('mobilenetv1', 'baseline', tinySpec(2, longer()));
  return grid.build();
}

/** Twenty-four runs, at a rate at which none of them diverges. */
export const longGrid = () => tinyGrid('eight', [1, 2, 3, 4, 5, 6, 7, 8], longer(60, 0.01));

/** What a grid of the tests says about itself, but for its name. */
export const NOTES: Omit<GridNotes, 'name'> = {
  ...{ experiment: 'tiny', preset: 'smoke', kind: 'table', changed: null },
  ...{ question: 'None.', baseline: 'baseline' },
};

/** For each seed a baseline, RefConv that starts from it, and a rival from scratch: three runs a seed. */
export function tinyGrid(name: string, seeds: readonly number[], changes: Partial<SpecInput> = {}): Grid {
  const grid = new GridBuilder({ ...NOTES, name });
  for (const seed of seeds) {
    const spec = tinySpec(seed, changes);
    const from = grid.add('mobilenetv1', 'baseline', spec);
    grid.add('mobilenetv1', 'refconv', { ...spec, from, method: { id: 'refconv' } });
    grid.add('mobilenetv1', 'wn', { ...spec, method: { id: 'wn', start: 'scratch' } });
  }
  return grid.build();
}

/** A grid's first runs: of a tiny grid the baseline, and RefConv that starts from it. */
export function firstRuns(grid: Grid, count: number): Grid {
  const rows = grid.rows.slice(0, count);
  const runs = Object.fromEntries(Object.entries(grid.runs).slice(0, count));
  return { ...grid, name: `${grid.name}-${count}`, rows, runs };
}

/** Columns of the ledger that tell how a run came about, and not what it resulted in. */
const CIRCUMSTANCES = new Set(['peak_memory', 'train_seconds', 'step_milliseconds', 'finished', 'commit', 'changed']);

/** What of a ledger must not depend on how its runs came about. */
export const essence = (rows: readonly LedgerRow[]) =>
  rows
    .map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !CIRCUMSTANCES.has(column))))
    .sort((a, b) => ((a.hash as string) < (b.hash as string) ? -1 : 1));

/** A folder for one test file, removed after its tests. */
export function temporaryFolder(): (...path: string[]) => string {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-runs-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return (...path) => join(folder, ...path);
}
