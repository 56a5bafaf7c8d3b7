/**
 * RefConv in whole networks against what the official class computes in PyTorch; `npm run test:oracles` runs all networks, `npm test`
 * a depthwise and a dense one.
 */
import { buildBackbone } from '@refconv/backbones';
import { withoutDrawing } from '@refconv/layers';
import { loadTorchState, torchState } from '@refconv/weights';
import type * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import {
  type EvalCase,
  generatedState,
  type Oracle,
  readOracle,
  type TrainCase,
} from '../../backbones/dist/testing/oracle.js';
import { withoutDropping } from '../../backbones/dist/testing/others.js';
import {
  ALL_CASES,
  expectLogits,
  expectNoLeaks,
  expectTraining,
  logitsOf,
  nudged,
} from '../../backbones/dist/testing/reference.js';
import { merge, refconvLayers, refconvParameters, refocus } from './index.js';

interface RefConvOracle {
  convs: string[];
  trainable: number;
  eval: EvalCase[];
  train: TrainCase;
}

/** The refocused network with generated basis and W_r. */
async function build(id: string, oracle: Oracle, size: number, nudge = 0): Promise<tf.LayersModel> {
  const plain = withoutDrawing(() => buildBackbone(id, { inputSize: size, ...withoutDropping(id) }));
  const model = await refocus(plain, { init: 'zero' });
  plain.dispose();
  const given = new Map(oracle.state);
  const convmaps = [...torchState(model)].filter(([key]) => !given.has(key)).map(([key, { shape }]) => [key, shape]);
  loadTorchState(model, nudged(generatedState([...oracle.state, ...(convmaps as Oracle['state'])]), nudge));
  return model;
}

/** The numbers in W_b and in W_r. */
const PARAMETERS: Record<string, { basis: number; map: number }> = {
  mobilenetv1: { basis: 45_504, map: 25_114_464 },
  mobilenetv2: { basis: 65_088, map: 40_611_168 },
  mobilenetv3_small: { basis: 59_016, map: 8_273_520 },
  mobilenetv3_large: { basis: 92_040, map: 28_670_832 },
  mobilenetv3_small_torchvision: { basis: 59_016, map: 8_273_520 },
  mobilenetv3_large_torchvision: { basis: 92_040, map: 28_670_832 },
  efficientnet_b0: { basis: 182_880, map: 67_692_384 },
  mobilenext: { basis: 137_520, map: 90_836_064 },
  hbonet: { basis: 108_804, map: 42_265_296 },
  resnet18: { basis: 10_994_880, map: 10_987_200 },
  resnet50: { basis: 11_326_656, map: 11_318_976 },
  densenet121: { basis: 2_147_520, map: 2_139_840 },
  densenet169: { basis: 3_032_256, map: 3_024_576 },
  shufflenetv1_g3: { basis: 20_088, map: 3_240_648 },
  shufflenetv1_g8: { basis: 31_752, map: 8_295_048 },
  shufflenetv2: { basis: 22_788, map: 3_638_952 },
  fasternet_s: { basis: 3_179_520, map: 3_179_520 },
  convnext_tiny: { basis: 324_576, map: 29_113_344 },
};

const FAST = ['mobilenetv1', 'resnet18'];

for (const id of ALL_CASES ? Object.keys(PARAMETERS) : FAST)
  describe(`refocused ${id} against its oracle`, () => {
    const oracle = readOracle(id) as (Oracle & { refconv: RefConvOracle }) | undefined;
    if (!oracle) {
      it.skip('(the oracles are missing: set REFCONV_SHARED)');
      return;
    }
    expectNoLeaks();
    const { convs, trainable, eval: cases, train } = oracle.refconv;

    it('takes the same convolutions, trains as many parameters, and evaluates as the reference does, refocused and merged', async () => {
      for (const example of cases) {
        const model = await build(id, oracle, example.shape[2]);
        expect(refconvLayers(model).map(({ name }) => name)).to.have.members(convs);
        const count = (shape: (number | null)[]) =>
          shape.reduce<number>((product, size) => product * (size as number), 1);
        expect(model.trainableWeights.reduce((sum, { shape }) => sum + count(shape), 0)).to.equal(trainable);
        expect(refconvParameters(model)).to.deep.equal(PARAMETERS[id]);
        const merged = await merge(model);
        for (const eager of ALL_CASES ? [false, true] : [false]) {
          expectLogits(logitsOf(model, example, eager), example);
          expectLogits(logitsOf(merged, example, eager), example);
        }
        model.dispose();
        merged.dispose();
      }
    });

    it('trains as the reference does', () =>
      expectTraining((nudge) => build(id, oracle, train.shape[2], nudge), train));
  });
