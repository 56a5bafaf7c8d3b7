/** RefConv in a whole network against what the official class computes in PyTorch. */
import { buildBackbone, loadTorchState, torchState } from '@refconv/backbones';
import { applyMomentum, compile, softmaxCrossEntropy } from '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { withoutDropping } from '../../backbones/dist/testing/expected.js';
import {
  type EvalCase,
  generatedImages,
  generatedState,
  type Oracle,
  readOracle,
  type TrainCase,
} from '../../backbones/dist/testing/oracle.js';
import { merge, refconvLayers, refconvParameters, refocus } from './index.js';

interface RefConvOracle {
  convs: string[];
  trainable: number;
  eval: EvalCase[];
  train: TrainCase;
}

const images = (example: EvalCase | TrainCase) => {
  const [n, c, h, w] = example.shape;
  return tf.tensor4d(generatedImages(example), [n, h, w, c]);
};

/** The refocused network with generated basis and W_r. */
async function build(id: string, oracle: Oracle, size: number): Promise<tf.LayersModel> {
  const plain = buildBackbone(id, { inputSize: size, ...withoutDropping(id) });
  loadTorchState(plain, generatedState(oracle.state));
  const model = await refocus(plain, { init: 'zero' });
  plain.dispose();
  const given = new Map(oracle.state);
  const convmaps = [...torchState(model)].filter(([key]) => !given.has(key)).map(([key, { shape }]) => [key, shape]);
  loadTorchState(model, generatedState([...oracle.state, ...(convmaps as Oracle['state'])]));
  return model;
}

function expectLogits(model: tf.LayersModel, example: EvalCase, eager: boolean) {
  const program = compile(
    { evaluate: (x: tf.Tensor4D) => model.apply(x, { training: false }) as tf.Tensor },
    { eager },
  );
  const x = images(example);
  const y = program.evaluate(x);
  const logits = y.dataSync();
  tf.dispose([x, y]);
  program.dispose();
  const tolerance = (1e-4 + 3 * example.spread) * Math.max(...example.logits.map(Math.abs));
  example.logits.forEach((value, i) => {
    expect(logits[i]).to.be.closeTo(value, tolerance);
  });
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
};

for (const id of Object.keys(PARAMETERS))
  describe(`refocused ${id} against its oracle`, () => {
    const oracle = readOracle(id) as (Oracle & { refconv: RefConvOracle }) | undefined;
    if (!oracle) {
      it.skip('(the oracles are missing: set REFCONV_SHARED)');
      return;
    }
    const { convs, trainable, eval: cases, train } = oracle.refconv;

    it('takes the same convolutions, and trains as many parameters', async () => {
      const model = await build(id, oracle, 32);
      expect(refconvLayers(model).map(({ name }) => name)).to.have.members(convs);
      const count = (shape: (number | null)[]) =>
        shape.reduce<number>((product, size) => product * (size as number), 1);
      expect(model.trainableWeights.reduce((sum, { shape }) => sum + count(shape), 0)).to.equal(trainable);
      expect(refconvParameters(model)).to.deep.equal(PARAMETERS[id]);
      model.dispose();
    });

    for (const eager of [false, true]) {
      const how = eager ? 'eager' : 'compiled';
      it(`evaluates as the reference does, refocused and merged, ${how}`, async () => {
        for (const example of cases) {
          const model = await build(id, oracle, example.shape[2]);
          expectLogits(model, example, eager);
          const merged = await merge(model);
          expectLogits(merged, example, eager);
          model.dispose();
          merged.dispose();
        }
      });

      it(`trains as the reference does, ${how}`, async () => {
        const { labels, optimizer, losses, spread } = train;
        const model = await build(id, oracle, train.shape[2]);
        const weights = model.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);
        const slots = tf.tidy(() => weights.map((weight) => tf.variable(tf.zerosLike(weight), false)));
        const step = (x: tf.Tensor4D, y: tf.Tensor1D) => {
          const loss = () =>
            tf.mean(softmaxCrossEntropy(model.apply(x, { training: true }) as tf.Tensor2D, y)) as tf.Scalar;
          const { value, grads } = tf.variableGrads(loss, weights);
          weights.forEach((variable, i) => {
            const gradient = tf.add(grads[variable.name] as tf.Tensor, tf.mul(variable, optimizer.weightDecay));
            const [learningRate, momentum] = [tf.scalar(optimizer.lr), tf.scalar(optimizer.momentum)];
            applyMomentum({ variable, accumulator: slots[i] as tf.Variable, gradient, learningRate, momentum });
          });
          return value;
        };
        const program = compile({ step }, { eager });
        const [x, y] = [images(train), tf.tensor1d(labels, 'int32')];
        losses.forEach((loss, i) => {
          const tolerance = 1e-4 + 1e-3 * loss + 3 * (spread[i] as number) * loss;
          expect(program.step(x, y).dataSync()[0]).to.be.closeTo(loss, tolerance);
        });
        program.dispose();
        tf.dispose([x, y, ...slots]);
        model.dispose();
      });
    }
  });
