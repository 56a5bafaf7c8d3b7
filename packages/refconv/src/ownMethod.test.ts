/** A method of a user's own, written with nothing but what the package exports. */
import '@refconv/tensorflow';
import { batchNorm2d } from '@refconv/layers';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { defineMethod, merge, reparameterize, reparameterizedLayers } from './index.js';
import { expectSame, outputs, setRandomWeights, topology } from './testing.js';

/** Two k×k branches: the plain kernel, and a second one with a trained factor for each output. */
const twoBranches = defineMethod<{ factor: number }>({
  name: 'TwoBranches',
  prefix: 'TwoBranches',
  complete: ({ factor = 0 }) => ({ factor }),
  refusal: ({ kind }) => (kind === 'dense' ? undefined : 'it is depthwise.'),
  build({ convolution, kernel, options, weight, seed }) {
    const { kernelShape, outputs } = convolution;
    const second = weight('second', kernelShape, tf.initializers.glorotUniform({ seed: seed('second') }));
    const factor = weight('factor', [outputs], tf.initializers.constant({ value: options.factor }));
    return { merged: () => ({ kernel: tf.add(kernel.read(), tf.mul(second.read(), factor.read())) }) };
  },
});

/** The same as a structural method: the branches' features are added, and merging is the method's own. */
const twoPaths = defineMethod<Record<string, never>>({
  name: 'TwoPaths',
  prefix: 'TwoPaths',
  complete: () => ({}),
  refusal: ({ kind, groups }) => (kind === 'dense' && groups === 1 ? undefined : 'it has groups.'),
  build({ convolution: { kernelShape, layer, outputs }, kernel, weight, seed }) {
    const second = weight('second', kernelShape, tf.initializers.glorotUniform({ seed: seed('second') }));
    const offset = weight('offset', [outputs], tf.initializers.zeros());
    const path = (x: tf.Tensor4D, filter: tf.Tensor) =>
      tf.conv2d(x, filter as tf.Tensor4D, layer.strides, layer.padding as 'same');
    return {
      features: (x) => tf.add(tf.add(path(x, kernel.read()), path(x, second.read())), offset.read()),
      merged: () => ({ kernel: tf.add(kernel.read(), second.read()), bias: offset.read() as tf.Tensor1D }),
    };
  },
});

describe('a method of one’s own', () => {
  const build = () =>
    tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'a', inputShape: [6, 6, 3], filters: 4, kernelSize: 3, padding: 'same' }),
        batchNorm2d({ name: 'bn' }),
        tf.layers.depthwiseConv2d({ name: 'b', kernelSize: 3 }),
      ],
    });

  for (const method of [twoBranches, twoPaths]) {
    it(`takes what it says, starts, saves and merges: ${method().name}`, async () => {
      const tensors = tf.memory().numTensors;
      const plain = build();
      const model = await reparameterize(plain, method());
      expect(reparameterizedLayers(model).map(({ name }) => name)).to.deep.equal(['a']);
      if (method === twoBranches) expect(outputs(model)).to.deep.equal(outputs(plain));
      setRandomWeights(model, 2);
      let saved: tf.io.ModelArtifacts | undefined;
      await model.save(
        tf.io.withSaveHandler(async (artifacts) => {
          saved = artifacts;
          return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
        }),
      );
      const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
      const merged = await merge(loaded);
      expect(topology(merged)).to.deep.equal(topology(plain));
      expectSame(outputs(merged), outputs(model), 1e-5);
      for (const each of [plain, model, loaded, merged]) each.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});
