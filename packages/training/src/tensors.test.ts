import { tf } from '@refconv/tensorflow';
import type { LayersModel, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { optimiserOf } from './optimiser/optimiser.js';
import { namedState, notFinite, readState, writeState } from './tensors.js';
import { tinyRecipe, weightsHash, withModel } from './testing/tiny.js';

/** Runs a body with a model's state and momentum buffers of ones. */
function withState(model: LayersModel, body: (state: Map<string, Variable>) => void) {
  const optimiser = optimiserOf(model, tinyRecipe());
  body(namedState(model, optimiser.state));
  optimiser.dispose();
}

describe("a model's state", () => {
  it(
    'has every weight and, for those that are trained, the momentum; frozen ones too',
    withModel((model) => {
      (model.layers[0] as { trainable: boolean }).trainable = false;
      withState(model, (state) => {
        expect([...state.keys()]).to.include.members(['conv1/kernel', 'bn2/moving_variance', 'momentum/fc/bias']);
        expect(state).to.not.have.any.keys('momentum/conv1/kernel', 'momentum/bn2/moving_variance');
        expect(state.size).to.equal(model.weights.length + model.trainableWeights.length);
      });
    }),
  );

  it(
    'goes through arrays and back; lists what does not fit, and then changes nothing',
    withModel((model) => {
      withState(model, (state) => {
        const before = weightsHash(model);
        const stored = readState(state);
        expect(notFinite(stored)).to.equal(undefined);
        const wrong = stored
          .filter(({ name }) => name !== 'fc/bias')
          .map((tensor) => (tensor.name === 'conv2/kernel' ? { ...tensor, shape: [3, 3, 16, 8] } : tensor))
          .concat({ name: 'other', dtype: 'float32', shape: [1], data: Float32Array.of(1) });
        expect(() => writeState(state, wrong)).to.throw(
          "The checkpoint is of another model: conv2/kernel is float32 [3,3,16,8], the model's is float32 [3,3,8,16]; " +
            'fc/bias is missing; other is not in the model.',
        );
        expect(weightsHash(model)).to.equal(before);
        tf.tidy(() => model.setWeights(model.getWeights().map((weight) => tf.fill(weight.shape, Number.NaN))));
        expect(notFinite(readState(state))).to.equal('conv1/kernel');
        writeState(state, stored);
        expect(weightsHash(model)).to.equal(before);
      });
    }),
  );

  it('tells weights of the same name from each other', () => {
    const before = tf.memory().numTensors;
    const layers = [1, 2].map((units) => tf.layers.dense({ units, inputShape: [1], useBias: false }));
    for (const layer of layers) layer.build([null, 1]); // outside of a model: the layer's name is not in the weight's
    const weights = layers.flatMap((layer) => layer.weights);
    const model = { weights, trainableWeights: [] } as unknown as LayersModel;
    expect([...namedState(model, new Map()).keys()]).to.deep.equal(['kernel', 'kernel#2']);
    for (const weight of weights) weight.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
