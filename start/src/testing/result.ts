/** A made-up result for this package's tests. */

import { PAPER_RECIPE } from '@refconv/training';
import type { StartResult } from '../result.js';

const rows = (...accuracies: number[]) =>
  accuracies.map((testTop1, i) => ({
    epoch: i + 1,
    step: 10 * (i + 1),
    learningRate: 0.1,
    trainLoss: 2 - testTop1,
    testLoss: 1.9 - testTop1,
    testTop1,
    seconds: 1.5,
  }));

export const RESULT: StartResult = {
  network: 'MobileNetV1 ×0.25',
  data: { name: 'cifar10', source: '/home/me/<script>alert("&")</script>', train: 10_000, test: 2_500 },
  recipe: { ...PAPER_RECIPE, epochs: 2, warmUpEpochs: 0.1, seed: 7 },
  baseline: { epochs: 2, testTop1: 0.2345 },
  init: 'xavier',
  curves: { baseline: rows(0.1234, 0.2345), control: rows(0.3456, 0.5), refconv: rows(0.0987, 0.4567) },
  cost: {
    baseline: { trainable: 215_642, frozen: 10_944, macs: 3_331_072 },
    refocused: { trainable: 1_774_082, frozen: 13_584, macs: 3_331_072 },
    merged: { trainable: 215_642, frozen: 10_944, macs: 3_331_072 },
  },
  agreement: { images: 2_500, samePredictions: 2_499, largestLogitDifference: 1.25e-6, largestLogit: 9.87 },
  speed: { rounds: 21, batchSize: 250, baseline: 40.12, merged: 41.23, refocused: 43.21, ratio: [0.91, 1.02, 1.13] },
  machine: { tensorflow: '2.21.0 (cpu)', threads: 2, cpu: 'A processor', node: 'v20.19.0' },
};
