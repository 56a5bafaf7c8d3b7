/** Runs that were never computed, for faults of what is written about runs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Grid, GridBuilder, paperRecipe, type Result, runFolder, type SpecInput, writeGrid } from '@refconv/runs';

/** A run of a second or two. */
export function tinySpec(seed: number, epochs = 2): SpecInput {
  return {
    network: { id: 'mobilenetv1', variant: 'cifar', width: 1 / 16 },
    data: { name: 'synthetic', train: 32, test: 20, size: 16 },
    recipe: paperRecipe({ epochs, batchSize: 16, warmUpEpochs: 0.5, augment: { crop: 1, flip: true } }),
    ...{ seed, threads: 1 },
  };
}

export function tinyGrid(seeds: readonly number[], epochs?: number): Grid {
  const builder = new GridBuilder({
    ...{ name: 'tiny', experiment: 'tiny', preset: 'smoke', kind: 'table', changed: null },
    ...{ question: 'None.', baseline: 'baseline' },
  });
  for (const seed of seeds) builder.add('mobilenetv1', 'baseline', tinySpec(seed, epochs));
  return builder.build();
}

const HEADER = 'epoch,step,learning_rate,train_loss,test_loss,test_top1,seconds\n';

/** Writes the grid and a result of each of its runs. @returns the results. */
export async function writeFinished(root: string, grid: Grid): Promise<Result[]> {
  await writeGrid(root, grid);
  return Object.entries(grid.runs).map(([hash, spec]) => {
    const result: Result = {
      ...{ hash, spec, top1: 0.5, top5: 0.9, testLoss: 1.25, trainLoss: 1.5, mergedTop1: 0.5 },
      best: { top1: 0.5, epoch: 2, chosenOn: 'test' },
      ...{ parametersInTraining: 100, parameters: 100, flopsPerStep: 600, peakMemory: 1e8, trainSeconds: 1 },
      ...{ weights: '0'.repeat(64), finished: '2026-01-01T00:00:00.000Z' },
      environment: {
        ...{ commit: 'a'.repeat(40), changed: false, tensorflow: '2', node: 'v20', platform: 'linux x64' },
        ...{ host: 'here, "quoted"', cpu: 'a CPU', device: 'cpu', threads: 1, data: 'made up' },
      },
    };
    const folder = runFolder(root, hash);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
    writeFileSync(join(folder, 'result.json'), JSON.stringify(result));
    writeFileSync(join(folder, 'metrics.csv'), `${HEADER}1,2,0.1,2,2,0.4,1\n2,4,0.1,1.5,1.25,0.5,1\n`);
    return result;
  });
}
