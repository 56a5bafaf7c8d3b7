import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { HardSigmoid, HardSwish } from './hardActivations.js';

const X = [-4, -2, -1, 0, 1, 2, 4];

/** Value and slope of relu6(x + 3) / 6 at X, and of x times that. */
const EXPECTED: [typeof HardSigmoid, number[], number[]][] = [
  [HardSigmoid, [0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1], [0, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 0]],
  [HardSwish, [0, -1 / 3, -1 / 3, 0, 2 / 3, 5 / 3, 4], [0, -1 / 6, 1 / 6, 1 / 2, 5 / 6, 7 / 6, 1]],
];

function expectClose(actual: tf.Tensor, expected: number[]) {
  const values = actual.dataSync();
  expect(values.length).to.equal(expected.length);
  expected.forEach((value, i) => {
    expect(values[i]).to.be.closeTo(value, 1e-6);
  });
}

for (const [Layer, values, slopes] of EXPECTED)
  describe(Layer.className, () => {
    for (const backend of ['tensorflow', 'cpu']) {
      describe(`on the backend ${backend}`, () => {
        before(() => tf.setBackend(backend));
        after(() => tf.setBackend('tensorflow'));

        it("has PyTorch's values and slopes", () => {
          const tensors = tf.memory().numTensors;
          tf.tidy(() => {
            const layer = new Layer();
            expectClose(layer.apply(tf.tensor1d(X)) as tf.Tensor, values);
            expectClose(tf.grad((x) => layer.apply(x) as tf.Tensor)(tf.tensor1d(X)), slopes);
          });
          expect(tf.memory().numTensors).to.equal(tensors);
        });
      });
    }

    it('loads as it was saved', async () => {
      const input = tf.input({ shape: [X.length] });
      const model = tf.model({ inputs: input, outputs: new Layer({ name: 'act' }).apply(input) as tf.SymbolicTensor });
      const loaded = await tf.models.modelFromJSON({ modelTopology: model.toJSON(undefined, false) } as never);
      expect(loaded.getLayer('act')).to.be.instanceOf(Layer);
      tf.tidy(() => expectClose(loaded.predict(tf.tensor2d([X])) as tf.Tensor, values));
      model.dispose();
      loaded.dispose();
    });
  });
