/** Grids so small that a run is mostly its process's start. */
import { type Grid, GridBuilder } from '../grid.js';
import { paperRecipe, type SpecInput } from '../spec.js';

/** Changes that make a run's epochs last longer, so that it can be killed in one. */
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
