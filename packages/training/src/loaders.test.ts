import { MemoryImages } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { evaluate } from './evaluate.js';
import { openLoaders, trainingTransform } from './loaders.js';
import { tinyData, tinyModel, tinyRecipe, tinySet } from './testing/tiny.js';

describe('loaders for a recipe', () => {
  it('train by the paper’s transform with the evaluation’s size and normalisation', () => {
    expect(trainingTransform('resize(256,interpolation=bicubic)|centerCrop(224)|normalize(half)|bgr')).to.equal(
      'randomResizedCrop(224)|flip|normalize(half)|bgr',
    );
    expect(trainingTransform('centerCrop(8)|range255')).to.equal('randomResizedCrop(8)|flip|range255');
    expect(trainingTransform('centerCrop(8)')).to.equal('randomResizedCrop(8)|flip');
    expect(() => trainingTransform('normalize(half)')).to.throw(RangeError, 'it has no crop whose size');
  });

  it('have the recipe’s numbers, for training images alone', async () => {
    const { train, test, name, classes, close } = openLoaders(tinySet(), tinyRecipe({ dropLast: true }), {
      ...{ test: 'centerCrop(16)|normalize(half)', train: 'flip', workers: 1, onBroken: 'skip' },
    });
    await close();
    expect([name, classes.length]).to.deep.equal(['synthetic', 4]);
    expect(train.options).to.include({ batchSize: 16, seed: 7, dropLast: true, shuffle: true, exact: false });
    expect(test.options).to.include({ shuffle: false, dropLast: false, exact: true, workers: 1, onBroken: 'skip' });
    expect(train.transform.text).to.equal('flip');
    expect(() => openLoaders(tinySet(), tinyRecipe(), { test: 'centerCrop(16)|flop' })).to.throw('"flop" is not known');
  });

  it('and an evaluation tell for how many images the label is among the five highest logits', async () => {
    const tensors = tf.memory().numTensors;
    const [model, { test }] = [tinyModel(), tinyData()];
    expect((await evaluate(model, test)).top5).to.equal(1);
    model.dispose();

    // Ten classes, whose logits are the pixel values of one row: the label's rank is known.
    const rows = [9, 4, 5, 0];
    const images = Uint8Array.from(rows.flatMap(() => Array.from({ length: 30 }, (_, i) => 20 * Math.floor(i / 3))));
    const split = { images, labels: Uint8Array.from(rows), count: 4, height: 1, width: 10, channels: 3 };
    const ranks = tf.sequential({
      layers: [
        tf.layers.conv2d({
          inputShape: [1, 10, 3],
          filters: 1,
          kernelSize: 1,
          kernelInitializer: 'ones',
          useBias: false,
        }),
        tf.layers.flatten({}),
      ],
    });
    const asTheyAre = new MemoryImages(split, { mean: [0, 0, 0], std: [1, 1, 1] });
    expect(await evaluate(ranks, asTheyAre)).to.include({ top1: 0.25, top5: 0.5, correct: 1, count: 4 });
    ranks.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });
});
