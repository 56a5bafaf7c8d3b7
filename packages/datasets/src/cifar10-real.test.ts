import { expect } from 'chai';
import { batches, CIFAR10_MEAN, CIFAR10_STD } from './batches.js';
import { CIFAR10_CLASSES, loadCifar10 } from './cifar10.js';
import { checkSplit, type ImageDataset, type ImageSplit } from './dataset.js';
import { channelStatistics } from './statistics.js';
import { realCifar10, sharedFolder } from './test-data.js';

describe(`CIFAR-10 itself (skipped without ${sharedFolder()}/data; REFCONV_SHARED names another folder)`, () => {
  let cifar10: ImageDataset;
  before(async function () {
    const folder = await realCifar10();
    if (folder === undefined) this.skip();
    cifar10 = await loadCifar10({ folder });
  });

  it('has 5000 training and 1000 test images of each class', () => {
    const perClass = (split: ImageSplit) =>
      Array.from({ length: 10 }, (_, label) => split.labels.filter((value) => value === label).length);
    expect(perClass(cifar10.train)).to.deep.equal(new Array(10).fill(5000));
    expect(perClass(cifar10.test)).to.deep.equal(new Array(10).fill(1000));
    expect(cifar10.classes).to.deep.equal(CIFAR10_CLASSES);
    for (const split of [cifar10.train, cifar10.test]) {
      checkSplit(split);
      expect([split.height, split.width, split.channels]).to.deep.equal([32, 32, 3]);
    }
  });

  it('has the mean and standard deviation of the constants', () => {
    const { mean, std } = channelStatistics(cifar10.train);
    for (let c = 0; c < 3; c++) {
      expect(mean[c]).to.be.closeTo(CIFAR10_MEAN[c], 5e-5);
      expect(std[c]).to.be.closeTo(CIFAR10_STD[c], 1e-4);
    }
  });

  it('has neighbouring pixels that are alike: rows, columns and channels are where they belong', () => {
    const { images } = cifar10.test;
    const difference = (step: number) => {
      let sum = 0;
      for (let i = 0; i < 3_000_000; i++) sum += Math.abs(images[i] - images[i + step]);
      return sum / 3_000_000;
    };
    // One column, one row and one channel on; then two images on, where nothing is alike.
    for (const step of [3, 96, 1]) expect(difference(step)).to.be.below(30);
    expect(difference(2 * 3072)).to.be.above(60);
  });

  it('is normalised to mean 0 and standard deviation 1', () => {
    let [sum, squares, count] = [0, 0, 0];
    const options = { batchSize: 1000, buffers: 1, mean: CIFAR10_MEAN, std: CIFAR10_STD };
    for (const { images } of batches(cifar10.train, options)) {
      for (const value of images) {
        sum += value;
        squares += value * value;
      }
      count += images.length;
    }
    expect(count).to.equal(50_000 * 3072);
    expect(sum / count).to.be.closeTo(0, 1e-3);
    expect(squares / count).to.be.closeTo(1, 1e-3);
  });
});
