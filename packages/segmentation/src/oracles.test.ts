/** LR-ASPP against what torchvision's computes in PyTorch; `npm run test:oracles` runs all networks, `npm test` the smallest. */

import { refconvLayers } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { torchState } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { ALL_CASES, expectNoLeaks } from '../../backbones/dist/testing/reference.js';
import {
  build,
  buildRefocused,
  type EvalCase,
  evaluate,
  merge,
  type Oracle,
  readDense,
  type TrainCase,
  train,
} from './testing/reference.js';

const IDS = ['mobilenetv1_0.25', 'mobilenetv1', 'mobilenetv2', 'mobilenetv3_large_torchvision', 'resnet18'];

const parameters = (model: LayersModel) =>
  model.trainableWeights.reduce((total, { shape }) => total + tf.util.sizeFromShape(shape as number[]), 0);

function expectEvaluation(model: LayersModel, example: EvalCase, classes: number, eager = false): void {
  const { shape, step, spread, largest, lossSpread } = example;
  const [n, , h, w] = shape;
  const { logits, loss } = evaluate(model, example, classes, eager);
  const tolerance = (1e-4 + 3 * spread) * largest;
  let at = 0;
  for (let plane = 0; plane < n * classes; plane++) {
    const pixels = logits.subarray(plane * h * w, (plane + 1) * h * w);
    for (let row = 0; row < h; row += step)
      for (let column = 0; column < w; column += step)
        expect(pixels[row * w + column]).to.be.closeTo(example.logits[at++] as number, tolerance);
    const sum = pixels.reduce((total, value) => total + value, 0);
    expect(sum, `sum ${plane}`).to.be.closeTo(example.sums[plane] as number, tolerance * h * w);
    expect(Math.hypot(...pixels), `norm ${plane}`).to.be.closeTo(
      example.norms[plane] as number,
      tolerance * Math.sqrt(h * w),
    );
  }
  expect(at).to.equal(example.logits.length);
  expect(loss).to.be.closeTo(example.loss, 1e-4 + 1e-3 * example.loss + 3 * lossSpread * example.loss);
}

/** What PyTorch calls a weight, by its name in tfjs. */
const SUFFIXES: Record<string, string> = {
  gamma: 'weight',
  beta: 'bias',
  kernel: 'weight',
  depthwise_kernel: 'weight',
  convmap: 'convmap.weight',
  bias: 'bias',
};

/** What was found, what the reference has, and how far they may be apart. */
type Comparison = [what: string, found: number, wanted: number, tolerance: number];

function comparisons({ losses, norms }: ReturnType<typeof train>, example: TrainCase): Comparison[] {
  const [first, ownFirst] = [example.losses[0] as number, losses[0] as number];
  const ofLosses = example.losses.flatMap((loss, i): Comparison[] => {
    const [found, spread] = [losses[i] as number, 3 * (example.spread[i] as number)];
    const change = loss - first;
    return [
      [`loss of step ${i}`, found, loss, 1e-4 + 1e-3 * loss + spread * loss],
      [`change by step ${i}`, found - ownFirst, change, 0.05 * Math.abs(change) + (2e-5 + spread) * loss],
    ];
  });
  const byKey = new Map(
    [...norms].map(([name, norm]) => {
      const [layer, own] = name.split('/') as [string, string];
      return [`${layer}.${SUFFIXES[own]}`, norm];
    }),
  );
  const ofGradients = example.gradients.map(
    ([key, norm, spread]): Comparison => [
      `gradient of ${key}`,
      byKey.get(key) as number,
      norm,
      1e-4 + (1e-3 + 3 * spread) * norm,
    ],
  );
  return [...ofLosses, ...ofGradients];
}

/** As the tests of packages/backbones, where it says why. */
const NUDGES = 16;

/** Trains the network that is built from weights nudged so; one of them must agree in all. */
async function expectTraining(
  build: (nudge: number) => Promise<LayersModel>,
  example: TrainCase,
  classes: number,
  eager = false,
): Promise<void> {
  for (let nudge = 0; ; nudge++) {
    const model = await build(nudge);
    const found = comparisons(train(model, example, classes, eager), example);
    model.dispose();
    const isNear = ([, found, wanted, tolerance]: Comparison) => Math.abs(found - wanted) <= tolerance;
    // Before the first step no kink explains a difference.
    if (nudge < NUDGES && !found.every(isNear) && isNear(found[0] as Comparison)) continue;
    for (const [what, value, wanted, tolerance] of found) expect(value, what).to.be.closeTo(wanted, tolerance);
    return;
  }
}

for (const id of ALL_CASES ? IDS : IDS.slice(0, 1)) {
  describe(`LR-ASPP over ${id} against its oracle`, () => {
    const oracle = readDense<Oracle>(`segmentation-${id}`);
    if (!oracle) {
      it.skip('(the oracles are missing: set REFCONV_SHARED)');
      return;
    }
    expectNoLeaks();
    const { classes, refconv } = oracle;
    const modes = ALL_CASES ? [false, true] : [false];

    it('has the keys, and evaluates as the reference does, at odd sizes too', async () => {
      for (const example of oracle.eval) {
        const model = await build(oracle, example.shape);
        expect([...torchState(model)].map(([key, { shape }]) => [key, shape])).to.have.deep.members(oracle.state);
        expect(parameters(model)).to.equal(oracle.parameters);
        for (const eager of modes) expectEvaluation(model, example, classes, eager);
        model.dispose();
      }
    });

    it('trains as the reference does', async () => {
      const { train } = oracle;
      for (const eager of modes)
        await expectTraining((nudge) => build(oracle, train.shape, nudge), train, classes, eager);
    });

    it('does so refocused, and evaluates the same merged', async () => {
      for (const example of refconv.eval) {
        const model = await buildRefocused(oracle, example.shape);
        expect(refconvLayers(model).map(({ name }) => name)).to.have.members(refconv.convs);
        expect(parameters(model)).to.equal(refconv.trainable);
        const merged = await merge(model);
        for (const eager of modes) for (const each of [model, merged]) expectEvaluation(each, example, classes, eager);
        model.dispose();
        merged.dispose();
      }
      const { train } = refconv;
      await expectTraining((nudge) => buildRefocused(oracle, train.shape, nudge), train, classes);
    });
  });
}
