/** Prints the losses of a small landscape, for a test that runs it with several numbers of threads. */
import { syntheticDataset } from '@refconv/datasets';
import { lossSurface, randomDirection } from '../index.js';
import { STATISTICS, smallNetwork } from './network.js';

const model = smallNetwork();
const surface = lossSurface(
  model,
  [randomDirection(model, 1, 'x'), randomDirection(model, 1, 'y')],
  syntheticDataset({ size: 16, train: 16, test: 40 }).test,
  STATISTICS,
);
const losses: number[] = [];
for (const [a, b] of [
  [0, 0],
  [0.5, -0.5],
  [-1, 1],
] as const)
  losses.push((await surface.at(a, b)).loss);
console.log(JSON.stringify(losses));
