import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { fit } from './fit.js';
import { freezeLayers } from './freeze.js';
import { messageOf, tinyData, tinyRecipe, withModel } from './testing/tiny.js';

const data = tinyData(32);
const valuesOf = (model: LayersModel) =>
  new Map(model.weights.map((weight) => [weight.originalName, Array.from(weight.read().dataSync())]));

describe('frozen layers', () => {
  it(
    'keep weights and statistics in a training, and are as before after it',
    withModel(async (model) => {
      const before = valuesOf(model);
      const trainable = model.trainableWeights.length;
      const recipe = tinyRecipe({ epochs: 1, freeze: '^(?!fc|bn2)', averaging: { decay: 0.5 } });
      await fit({ model, data, recipe, showProgress: false, log: () => {} });
      const changed = [...valuesOf(model)].filter(([name, values]) =>
        values.some((value, i) => value !== before.get(name)?.[i]),
      );
      expect(changed.map(([name]) => name)).to.have.members([
        'bn2/gamma',
        'bn2/beta',
        'bn2/moving_mean',
        'bn2/moving_variance',
        'fc/kernel',
        'fc/bias',
      ]);
      expect(model.trainableWeights.length).to.equal(trainable);
      expect(model.layers.some((layer) => Object.hasOwn(layer, 'call'))).to.equal(false);
    }),
  );

  it(
    'normalise by their statistics in training too; a pattern that matches nothing is named',
    withModel(async (model) => {
      const thaw = freezeLayers(model, 'bn');
      const images = tf.randomNormal([4, 16, 16, 3], 0, 1, 'float32', 1);
      tf.tidy(() => {
        const [trained, evaluated] = [true, false].map((training) => model.apply(images, { training }) as Tensor);
        expect(Array.from(trained?.dataSync() ?? [])).to.deep.equal(Array.from(evaluated?.dataSync() ?? []));
      });
      thaw();
      images.dispose();
      const recipe = tinyRecipe({ freeze: 'block9' });
      const options = { model, data, recipe, showProgress: false, log: () => {} };
      expect(await messageOf(fit(options))).to.match(
        /freeze 'block9' matches no layer; .*names such as conv1, bn1, fc/,
      );
    }),
  );
});
