import { expect } from 'chai';
import fc from 'fast-check';
import { type Batch, type BatchOptions, batchCount, batches, CIFAR10_MEAN, CIFAR10_STD, placement } from './batches.js';
import type { ImageSplit } from './dataset.js';
import { stream } from './random.js';

/** Random pixels; the label of image i is i. */
function randomSplit(count: number, height: number, width: number, channels: number): ImageSplit {
  const random = stream(99, count);
  const images = Uint8Array.from({ length: count * height * width * channels }, () => random.integer(256));
  return { images, labels: Int32Array.from({ length: count }, (_, i) => i), count, height, width, channels };
}

const cifarLike = randomSplit(50, 32, 32, 3);
const normalisation = { mean: CIFAR10_MEAN, std: CIFAR10_STD };
const all = (split: ImageSplit, options: BatchOptions) => [...batches(split, options)];
const labels = (epoch: Batch[]) => epoch.flatMap((batch) => [...batch.labels]);

/** What torchvision does, step by step and slowly: pad, crop, mirror, divide by 255, normalise. */
function reference(split: ImageSplit, index: number, options: BatchOptions): number[] {
  const { height, width, channels } = split;
  const { seed = 0, epoch = 0, augment, mean, std } = options;
  const pad = augment?.crop ?? 0;
  const { top, left, flip } = placement(seed, epoch, index, augment ?? {});
  const at = (y: number, x: number, c: number) =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : split.images[((index * height + y) * width + x) * channels + c];
  const padded = Array.from({ length: height + 2 * pad }, (_, y) =>
    Array.from({ length: width + 2 * pad }, (_, x) =>
      Array.from({ length: channels }, (_, c) => at(y - pad, x - pad, c)),
    ),
  );
  const rows = padded.slice(top + pad, top + pad + height).map((row) => row.slice(left + pad, left + pad + width));
  if (flip) for (const row of rows) row.reverse();
  return rows.flatMap((row) =>
    row.flatMap((pixel) => pixel.map((value, c) => Math.fround((value / 255 - mean[c]) / std[c]))),
  );
}

describe('batches', () => {
  it('crops, mirrors and normalises as the slow reference does, for any shape', () => {
    const shape = fc.record({
      count: fc.integer({ min: 1, max: 5 }),
      height: fc.integer({ min: 1, max: 7 }),
      width: fc.integer({ min: 1, max: 7 }),
      channels: fc.integer({ min: 1, max: 4 }),
      crop: fc.integer({ min: 0, max: 9 }),
      flip: fc.boolean(),
      shuffle: fc.boolean(),
      buffers: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      batchSize: fc.integer({ min: 1, max: 6 }),
      seed: fc.maxSafeNat(),
      epoch: fc.nat(300),
    });
    fc.assert(
      fc.property(shape, ({ count, height, width, channels, crop, flip, ...rest }) => {
        const split = randomSplit(count, height, width, channels);
        const mean = [0.5, 0.4, 0.3, 0.2].slice(0, channels);
        const std = [0.3, 0.25, 0.2, 0.35].slice(0, channels);
        const options = { ...rest, mean, std, augment: { crop, flip } };
        const pixels = height * width * channels;
        for (const batch of batches(split, options)) {
          expect(batch.images.length).to.equal(batch.size * pixels);
          for (let i = 0; i < batch.size; i++) {
            const image = [...batch.images.subarray(i * pixels, (i + 1) * pixels)];
            expect(image).to.deep.equal(reference(split, batch.labels[i], options));
          }
        }
      }),
    );
  });

  it('crops and mirrors 32 x 32 x 3 images as the slow reference does', () => {
    const options = { batchSize: 16, seed: 1, epoch: 2, shuffle: true, augment: { crop: 4, flip: true } };
    for (const batch of batches(cifarLike, { ...options, ...normalisation })) {
      for (let i = 0; i < batch.size; i++) {
        const image = [...batch.images.subarray(i * 3072, (i + 1) * 3072)];
        expect(image).to.deep.equal(reference(cifarLike, batch.labels[i], { ...options, ...normalisation }));
      }
    }
  });

  it('pads with black, not with the mean', () => {
    const white = { ...randomSplit(1, 2, 2, 1), images: new Uint8Array(4).fill(255) };
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 50; epoch++) {
      const [batch] = all(white, { batchSize: 1, mean: [0.5], std: [0.25], seed: 1, epoch, augment: { crop: 1 } });
      for (const value of batch.images) seen.add(value);
    }
    expect([...seen].sort()).to.deep.equal([-2, 2]);
  });

  it('covers every image once, in another order in every epoch, in the same order again', () => {
    const epoch = (number: number, batchSize = 7) =>
      labels(all(cifarLike, { batchSize, seed: 5, epoch: number, shuffle: true, ...normalisation }));
    const every = Array.from({ length: 50 }, (_, i) => i);
    expect([...epoch(0)].sort((a, b) => a - b)).to.deep.equal(every);
    expect(epoch(0)).to.not.deep.equal(every);
    expect(epoch(0)).to.deep.equal(epoch(0));
    expect(epoch(0)).to.deep.equal(epoch(0, 50));
    expect(epoch(0)).to.not.deep.equal(epoch(1));
    expect(labels(all(cifarLike, { batchSize: 7, ...normalisation }))).to.deep.equal(every);
  });

  it('augments an image the same whatever the batch size and order', () => {
    const byLabel = (options: Partial<BatchOptions>) => {
      const images = new Map<number, string>();
      const full = { batchSize: 50, seed: 5, epoch: 3, augment: { crop: 4, flip: true }, ...normalisation, ...options };
      for (const { images: values, labels, size } of batches(cifarLike, full)) {
        for (let i = 0; i < size; i++) images.set(labels[i], values.slice(i * 3072, (i + 1) * 3072).join());
      }
      return [...images].sort(([a], [b]) => a - b);
    };
    expect(byLabel({ batchSize: 3, shuffle: true })).to.deep.equal(byLabel({}));
    expect(byLabel({ epoch: 4 })).to.not.deep.equal(byLabel({}));
    expect(byLabel({ seed: 6 })).to.not.deep.equal(byLabel({}));
  });

  it('draws all 81 crops and both directions equally often', () => {
    const counts = new Map<string, number>();
    let flips = 0;
    for (let i = 0; i < 81_000; i++) {
      const { top, left, flip } = placement(1, 0, i, { crop: 4, flip: true });
      counts.set(`${top} ${left}`, (counts.get(`${top} ${left}`) ?? 0) + 1);
      flips += Number(flip);
    }
    expect(counts.size).to.equal(81);
    for (const n of counts.values()) expect(n).to.be.closeTo(1000, 200);
    expect(flips).to.be.closeTo(40_500, 900);
  });

  it('keeps or drops the last, smaller batch', () => {
    const sizes = (dropLast: boolean) =>
      all(cifarLike, { batchSize: 20, dropLast, ...normalisation }).map(({ size }) => size);
    expect(sizes(false)).to.deep.equal([20, 20, 10]);
    expect(sizes(true)).to.deep.equal([20, 20]);
    expect([batchCount(50, 20), batchCount(50, 20, true), batchCount(40, 20)]).to.deep.equal([3, 2, 2]);
  });

  it('reuses its buffers only when asked to', () => {
    const used = (buffers?: number) =>
      new Set(all(cifarLike, { batchSize: 20, buffers, ...normalisation }).map(({ images }) => images.buffer)).size;
    expect([used(), used(1), used(2), used(4)]).to.deep.equal([3, 1, 2, 3]);
    expect(() => used(0)).to.throw(RangeError, 'buffers must be an integer from 1, 0 given.');
  });

  it('leaves the data set as it is', () => {
    const before = cifarLike.images.slice();
    all(cifarLike, {
      batchSize: 8,
      seed: 1,
      epoch: 1,
      shuffle: true,
      augment: { crop: 4, flip: true },
      ...normalisation,
    });
    expect(Buffer.compare(before, cifarLike.images)).to.equal(0);
  });

  it('mixes each image with the one before it, and tells the labels; of mixup and cutmix either, for each batch', () => {
    const split = randomSplit(24, 6, 10, 2);
    const statistics = { mean: [0.5, 0.4], std: [0.2, 0.3] };
    const options = { batchSize: 5, seed: 3, epoch: 1, shuffle: true, ...statistics };
    const plain = all(split, options);
    const kinds = new Set<string>();
    for (const augment of [{ mixup: 0.4 }, { cutmix: 1 }, { mixup: 0.4, cutmix: 1 }]) {
      const mixed = all(split, { ...options, augment });
      expect(all(split, { ...options, augment })).to.deep.equal(mixed);
      mixed.forEach(({ images, labels: own, size, mix }, b) => {
        const before = plain[b];
        expect(own).to.deep.equal(before.labels);
        const other = (i: number) => (i + size - 1) % size;
        expect(mix?.labels).to.deep.equal(own.map((_, i) => own[other(i)]));
        const { weight } = mix as { weight: number };
        const pixels = images.length / size;
        let [blended, pasted, kept] = [true, true, 0];
        images.forEach((value, k) => {
          const i = Math.floor(k / pixels);
          const [a, c] = [before.images[k], before.images[other(i) * pixels + (k % pixels)]];
          blended &&= Math.abs(value - (weight * a + (1 - weight) * c)) < 1e-5;
          pasted &&= value === a || value === c;
          if (value === a) kept++;
        });
        if (pasted) expect(kept / images.length).to.be.at.least(weight - 1e-9);
        expect(blended || pasted).to.equal(true);
        kinds.add(`${Object.keys(augment)} ${blended ? 'blended' : 'pasted'}`);
      });
    }
    expect([...kinds].sort()).to.deep.equal([
      'cutmix pasted',
      'mixup blended',
      'mixup,cutmix blended',
      'mixup,cutmix pasted',
    ]);
  });

  const wrong: [string, Partial<BatchOptions>, Partial<ImageSplit>, string][] = [
    ['a batch size of 0', { batchSize: 0 }, {}, 'batchSize must be an integer from 1, 0 given'],
    ['a broken batch size', { batchSize: 1.5 }, {}, '1.5 given'],
    ['a mean too few', { mean: [0.5] }, {}, 'mean must have a number for each of the 3 channels, [0.5] given'],
    ['a mean that is no number', { mean: [0, 0, Number.NaN] }, {}, '[0, 0, NaN] given'],
    ['a std of 0', { std: [1, 0, 1] }, {}, 'std must be above 0 in every channel, [1, 0, 1] given'],
    ['a negative crop', { augment: { crop: -1 } }, {}, 'augment.crop is rows of padding, an integer from 0, -1 given'],
    ['mixing by nothing', { augment: { mixup: 0 }, seed: 1, epoch: 0 }, {}, 'numbers above 0, 0 given'],
    ['mixing without a seed', { augment: { cutmix: 1 } }, {}, 'need seed and epoch'],
    [
      'shuffling without a seed',
      { shuffle: true },
      {},
      'need seed and epoch, seed undefined and epoch undefined given',
    ],
    ['a crop without an epoch', { augment: { crop: 4 }, seed: 1 }, {}, 'seed 1 and epoch undefined given'],
    ['a negative epoch', { seed: 1, epoch: -1 }, {}, 'epoch must be an integer from 0 to 2^53 - 1, -1 given'],
    ['dropping the only batch', { batchSize: 51, dropLast: true }, {}, 'give a batchSize of at most 50'],
    ['images of another size', {}, { height: 31 }, 'needs 148800 values in images, 153600 given'],
    ['too few labels', {}, { labels: new Uint8Array(3) }, '50 images needs 50 labels, 3 given'],
    ['no images', {}, { count: 0, images: new Uint8Array(0), labels: new Uint8Array(0) }, 'the split has no images'],
  ];
  for (const [what, options, change, message] of wrong) {
    it(`refuses ${what} at once`, () => {
      const make = () => batches({ ...cifarLike, ...change }, { batchSize: 10, ...normalisation, ...options });
      expect(make).to.throw(RangeError, message);
    });
  }
});
