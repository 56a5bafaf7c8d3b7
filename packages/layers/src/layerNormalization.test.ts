import { variablesOf } from './variables.js';
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { LayerNormalization } from './layerNormalization.js';

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 1, 2, 'float32', seed);

function expectClose(actual: tf.Tensor, expected: tf.Tensor) {
  expect(actual.shape).to.deep.equal(expected.shape);
  const wanted = expected.dataSync();
  actual.dataSync().forEach((value, i) => {
    expect(value).to.be.closeTo(wanted[i] as number, 1e-5);
  });
}

describe('LayerNormalization', () => {
  const stock = (args: object) => tf.layers.layerNormalization(args);
  for (const backend of ['tensorflow', 'cpu']) {
    describe(`on the backend ${backend}`, () => {
      before(() => tf.setBackend(backend));
      after(() => tf.setBackend('tensorflow'));

      const cases: [string, number[], object][] = [
        ['images', [2, 3, 4, 5], { epsilon: 1e-2 }],
        ['vectors', [4, 5], { epsilon: 1e-6 }],
        ['another axis', [2, 3, 5], { axis: 1 }],
        ['two axes', [2, 3, 5], { axis: [1, 2] }],
      ];
      for (const [name, shape, args] of cases)
        it(`computes what tf.layers' does: ${name}`, () => {
          const tensors = tf.memory().numTensors;
          tf.tidy(() => {
            const layers = [new LayerNormalization(args), stock(args)];
            const x = random(shape, 1);
            const weight = random(shape, 2);
            const [ours, theirs] = layers.map((layer) => {
              layer.apply(x);
              layer.setWeights(layer.getWeights().map(({ shape }, i) => random(shape, 3 + i)));
              const weights = variablesOf(layer.trainableWeights);
              const run = (x: tf.Tensor) => tf.sum(tf.mul(layer.apply(x) as tf.Tensor, weight));
              const gradients = weights.map((weight) => {
                const { grads } = tf.variableGrads(() => run(x) as tf.Scalar, [weight]);
                return grads[weight.name] as tf.Tensor;
              });
              return [layer.apply(x) as tf.Tensor, ...gradients, tf.grad(run)(x)];
            }) as [tf.Tensor[], tf.Tensor[]];
            expect(ours.length).to.equal(theirs.length);
            ours.forEach((tensor, i) => {
              expectClose(tensor, theirs[i] as tf.Tensor);
            });
            for (const layer of layers) layer.dispose();
          });
          expect(tf.memory().numTensors).to.equal(tensors);
        });
    });
  }

  it('has neither scale nor offset where it is asked to', () => {
    tf.tidy(() => {
      const x = random([2, 3, 5], 1);
      const [bare, whole] = [new LayerNormalization({ center: false, scale: false }), new LayerNormalization()];
      expectClose(bare.apply(x) as tf.Tensor, whole.apply(x) as tf.Tensor);
      expect(bare.weights).to.deep.equal([]);
      whole.dispose();
    });
  });

  it('saves under the standard class name', async () => {
    const model = tf.sequential({ layers: [new LayerNormalization({ inputShape: [2], epsilon: 1e-6 })] });
    const topology = model.toJSON(undefined, false) as { config: { layers: { class_name: string; config: object }[] } };
    expect(topology.config.layers.at(-1)).to.have.property('class_name', 'LayerNormalization');
    const loaded = await tf.models.modelFromJSON({ modelTopology: topology } as never);
    expect(loaded.layers.at(-1)).to.be.instanceOf(LayerNormalization);
    expect(loaded.layers.at(-1)?.getConfig()).to.have.property('epsilon', 1e-6);
    model.dispose();
    loaded.dispose();
  });
});
