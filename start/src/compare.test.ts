import { syntheticDataset } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { agreement, speedOf } from './compare.js';

const statistics = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

describe('comparing networks', () => {
  it('sees where two networks differ, image by image, and times them', () => {
    const tensors = tf.memory().numTensors;
    const build = (seed: number) =>
      tf.sequential({
        layers: [
          tf.layers.flatten({ inputShape: [16, 16, 3] }),
          tf.layers.dense({ units: 10, kernelInitializer: tf.initializers.heNormal({ seed }) }),
        ],
      });
    const [one, other] = [build(1), build(2)];
    const { test } = syntheticDataset({ size: 16, train: 10, test: 260 });
    const own = agreement(one, one, test, statistics);
    expect(own).to.include({ images: 260, samePredictions: 260, largestLogitDifference: 0 });
    const different = agreement(one, other, test, statistics);
    expect(different.samePredictions).to.be.below(260);
    expect(different.largestLogitDifference).to.be.above(0.1 * different.largestLogit);

    const broken = build(3);
    tf.tidy(() => broken.setWeights(broken.getWeights().map((weight) => tf.fill(weight.shape, Number.NaN))));
    expect(() => agreement(one, broken, test, statistics)).to.throw('logits are NaN or infinite');
    broken.dispose();

    const speed = speedOf({ baseline: one, merged: other, refocused: one }, test, 3);
    expect(speed).to.include({ rounds: 3, batchSize: 250 });
    const [least, median, largest] = speed.ratio;
    expect(least).to.be.above(0).and.at.most(median);
    expect(median).to.be.at.most(largest);
    for (const model of [one, other]) model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });
});
