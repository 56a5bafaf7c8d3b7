import { tf as engine } from '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { BatchNormalization, batchNorm2d, moveAverage } from './batchNormalization.js';

const SHAPE: [number, number, number, number] = [4, 3, 5, 2];

/** What PyTorch computes: normalised by the biased variance, running variance from the unbiased one. */
function reference(x: tf.Tensor, epsilon: number, momentum: number) {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  const count = x.size / 2;
  return {
    y: tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))),
    mean: tf.mul(mean, momentum),
    variance: tf.add(tf.mul(tf.mul(variance, count / (count - 1)), momentum), 1 - momentum),
  };
}

/** A variable as layers have them. */
class Moving {
  constructor(private readonly variable: tf.Variable) {}
  read = () => this.variable;
  write = (value: tf.Tensor) => this.variable.assign(value);
}

function expectClose(actual: tf.Tensor, expected: tf.Tensor) {
  const [given, wanted] = [actual.dataSync(), expected.dataSync()];
  expect(given.length).to.equal(wanted.length);
  given.forEach((value, i) => {
    expect(value).to.be.closeTo(wanted[i] as number, 1e-5);
  });
}

describe('BatchNormalization', () => {
  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      it("has PyTorch's running statistics", () => {
        const tensors = tf.memory().numTensors;
        tf.tidy(() => {
          const layer = batchNorm2d({ epsilon: 1e-3, momentum: 0.3 });
          const x = tf.randomNormal(SHAPE, 1, 2, 'float32', 3);
          const y = layer.apply(x, { training: true }) as tf.Tensor;
          const expected = reference(x, 1e-3, 0.3);
          const [, , mean, variance] = layer.getWeights() as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
          expectClose(y, expected.y);
          expectClose(mean, expected.mean);
          expectClose(variance, expected.variance);
          layer.dispose();
        });
        expect(tf.memory().numTensors).to.equal(tensors);
      });

      it('moves the running variance by 0 where there is one value of each channel', () => {
        tf.tidy(() => {
          const layer = batchNorm2d({ momentum: 0.3 });
          layer.apply(tf.tensor2d([[1, 2]]), { training: true });
          const [, , mean, variance] = layer.getWeights() as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
          expectClose(mean, tf.tensor1d([0.3, 0.6]));
          expectClose(variance, tf.tensor1d([0.7, 0.7]));
          layer.dispose();
        });
      });

      it('moves a running statistic without leaving a tensor', () => {
        const moving = new Moving(tf.variable(tf.tensor1d([1, 2])));
        const value = tf.tensor1d([3, 6]);
        const tensors = tf.memory().numTensors;
        moveAverage(moving, value, 0.75);
        expect(tf.memory().numTensors).to.equal(tensors);
        expect([...moving.read().dataSync()]).to.deep.equal([1.5, 3]);
        tf.dispose([moving.read(), value]);
      });

      it('normalises by the running statistics in evaluation', () => {
        tf.tidy(() => {
          const layer = batchNorm2d({ epsilon: 1e-3 });
          const x = tf.randomNormal(SHAPE, 1, 2, 'float32', 3);
          expectClose(layer.apply(x, { training: false }) as tf.Tensor, tf.div(x, Math.sqrt(1 + 1e-3)));
          layer.dispose();
        });
      });

      it('takes images without height and width, and has the gradient of the plain formula', () => {
        tf.tidy(() => {
          const layer = batchNorm2d({ epsilon: 1e-3 });
          const x = tf.randomNormal([6, 2], 1, 2, 'float32', 5);
          const weight = tf.randomNormal([6, 2], 0, 1, 'float32', 6);
          layer.build([null, 2]);
          const run = (x: tf.Tensor) => tf.sum(tf.mul(layer.apply(x, { training: true }) as tf.Tensor, weight));
          const plain = (x: tf.Tensor) => {
            const mean = tf.mean(x, 0);
            const variance = tf.mean(tf.square(tf.sub(x, mean)), 0);
            return tf.sum(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-3))), weight));
          };
          expectClose(tf.grad(run)(x), tf.grad(plain)(x));
          for (const weight of layer.weights) weight.dispose();
        });
      });
    });
  }

  it('saves under the standard class name, and loads with its option', async () => {
    const model = tf.sequential({ layers: [new BatchNormalization({ inputShape: [2], unbiasedVariance: true })] });
    const topology = model.toJSON(undefined, false) as { config: { layers: { class_name: string; config: object }[] } };
    expect(topology.config.layers.at(-1)).to.have.property('class_name', 'BatchNormalization');
    const loaded = await tf.models.modelFromJSON({ modelTopology: model.toJSON(undefined, false) } as never);
    expect(loaded.layers.at(-1)).to.be.instanceOf(BatchNormalization);
    expect(loaded.layers.at(-1)?.getConfig()).to.have.property('unbiasedVariance', true);
    model.dispose();
    loaded.dispose();
  });

  it("gives a stock layer's config back as it was", async () => {
    const stock = tf.sequential({ layers: [tf.layers.batchNormalization({ inputShape: [2] })] });
    const loaded = await tf.models.modelFromJSON({ modelTopology: stock.toJSON(undefined, false) } as never);
    expect(loaded.layers.at(-1)).to.be.instanceOf(BatchNormalization);
    expect(loaded.layers.at(-1)?.getConfig()).to.deep.equal(stock.layers.at(-1)?.getConfig());
    stock.dispose();
    loaded.dispose();
  });

  it("is tf.layers' own without its option", () => {
    tf.tidy(() => {
      const x = tf.randomNormal(SHAPE, 1, 2, 'float32', 3);
      const [ours, stock] = [new BatchNormalization(), tf.layers.batchNormalization()];
      expectClose(ours.apply(x, { training: true }) as tf.Tensor, stock.apply(x, { training: true }) as tf.Tensor);
      ours.getWeights().forEach((weight, i) => {
        expectClose(weight, stock.getWeights()[i] as tf.Tensor);
      });
      ours.dispose();
      stock.dispose();
    });
  });

  it('starts from the offset given', () => {
    tf.tidy(() => {
      const layer = batchNorm2d({ offset: 1e-4 });
      expectClose(layer.apply(tf.zeros([3, 2]), { training: false }) as tf.Tensor, tf.fill([3, 2], 1e-4));
      expect((layer.getWeights()[1] as tf.Tensor).dataSync()[0]).to.be.closeTo(1e-4, 1e-10);
      layer.dispose();
    });
  });

  it('shares tfjs with the engine', () => {
    expect(engine.getBackend()).to.equal(tf.getBackend());
  });
});
