import { MemoryImages } from '@refconv/datasets';
import { buildMethod, merge, reparameterize } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { SymbolicTensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { type FitOptions, fit } from './fit.js';
import { messageOf, tinyData, tinyRecipe, withModel } from './testing/tiny.js';

const data = tinyData();

describe('fit, of what may not fit together,', () => {
  let lines: string[];
  beforeEach(() => {
    lines = [];
  });
  const train = (options: Pick<FitOptions, 'model'> & Partial<FitOptions>) =>
    fit({ data, recipe: tinyRecipe(), showProgress: false, log: (line) => lines.push(line), ...options });

  it(
    'tells that training on after the merge of a structural method differs',
    withModel(async (model) => {
      await train({ model, recipe: tinyRecipe({ epochs: 1 }) });
      expect(lines.join()).not.to.contain('only add a bias');
      const blocks = await reparameterize(model, buildMethod('repvgg'));
      const merged = await merge(blocks);
      await train({ model: merged, recipe: tinyRecipe({ epochs: 1 }) });
      expect(lines.join('\n')).to.match(/Warning: 2 batch norms only add a bias.*: bn1, bn2\. .*training on differs/);
      for (const other of [blocks, merged]) other.dispose();
    }),
  );

  it(
    'refuses a batch norm of one value a channel, in the last batch too',
    withModel(async (model) => {
      const input = tf.input({ shape: [16, 16, 3] });
      const pooled = tf.layers.globalAveragePooling2d({}).apply(input);
      const normed = tf.layers.batchNormalization({ name: 'bn' }).apply(pooled);
      const outputs = tf.layers.dense({ units: 4 }).apply(normed) as SymbolicTensor;
      const small = tf.model({ inputs: input, outputs });
      const attempt = (changes: Parameters<typeof tinyRecipe>[0], of = small) =>
        train({ model: of, recipe: tinyRecipe({ epochs: 1, ...changes }) });
      const message = /batch norm bn would have one value a channel/;
      expect(await messageOf(attempt({ batchSize: 1 }))).to.match(message);
      expect(await messageOf(attempt({ batchSize: 127, dropLast: false }))).to.match(message);
      await attempt({ batchSize: 127 });
      // With an image of more than one place each has several.
      await attempt({ batchSize: 127, dropLast: false }, model);
      small.dispose();
    }),
  );

  it(
    'refuses data and models that do not fit together',
    withModel(async (model) => {
      const attempt = (changes: Partial<FitOptions>) => messageOf(train({ model, ...changes }));
      expect(await attempt({ data: { ...data, classes: ['a', 'b'] } })).to.match(/has 4 logits and the data 2 classes/);
      const { split, normalisation } = data.train;
      const narrow = new MemoryImages({ ...split, width: 8, count: 256 }, normalisation);
      expect(await attempt({ data: { ...data, train: narrow } })).to.match(/takes images of \[16,16,3\].*\[16,8,3\]/);
      expect(await attempt({ recipe: tinyRecipe({ batchSize: 129 }) })).to.match(/batchSize 129 is more than the 128/);
      expect(await attempt({ checkpointEvery: { steps: 0 } })).to.match(/checkpointEvery must be above 0/);
    }),
  );
});
