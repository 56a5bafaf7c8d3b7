/** Made-up results, to fill ledgers and tables with. Loads nothing, as many processes use it at the same time. */
import { hashOf } from '@refconv/files';
import type { Result } from '../result.js';
import type { Spec } from '../spec.js';

/** A whole result of a run. */
export const resultFor = (hash: string, spec: Spec): Result => ({ ...resultOf(spec.seed), hash, spec });

export function resultOf(seed: number, changes: Partial<Result> = {}): Result {
  const spec = {
    resultsVersion: 1,
    network: { id: 'mobilenetv1' },
    data: { name: 'synthetic' },
    from: null,
    method: null,
    recipe: { epochs: 2, batchSize: 16, learningRate: 0.1 },
    seed,
    threads: 1,
  } as Spec;
  return {
    hash: hashOf(spec),
    spec,
    top1: 0.5,
    top5: 0.9,
    testLoss: 1.25,
    best: { top1: 0.5, epoch: 2, chosenOn: 'test' },
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
