import { CIFAR10_MEAN, findCifar10 } from '@refconv/datasets';
import { expect } from 'chai';
import { loadData } from './data.js';

const rows = ({ images, count }: { images: Uint8Array; count: number }) => {
  const size = images.length / count;
  return Array.from({ length: count }, (_, i) =>
    Buffer.from(images.subarray(i * size, (i + 1) * size)).toString('hex'),
  );
};

describe('images held out for validation', () => {
  it('are never among those trained on, nor the test images, and the same for every part', async () => {
    const options = { name: 'synthetic', train: 50, test: 20, size: 16 } as const;
    const { data: plain } = await loadData(options);
    const { data } = await loadData({ ...options, validation: 30 });
    const { data: part } = await loadData({ ...options, train: 10, validation: 30 });
    expect(data.train).to.deep.equal(plain.train);
    expect(data.test.count).to.equal(30);
    expect(part.test).to.deep.equal(data.test);
    const held = new Set(rows(data.test));
    for (const row of [...rows(plain.train), ...rows(plain.test)]) expect(held.has(row)).to.equal(false);
  });

  it('come from the training set of CIFAR-10', async function () {
    if (!findCifar10()) {
      console.log('      skipped: CIFAR-10 was not found; REFCONV_DATA says where it is');
      this.skip();
    }
    const { data: whole } = await loadData({ name: 'cifar10' });
    const { data, mean } = await loadData({ name: 'cifar10', train: 49_000, validation: 1000 });
    const { data: part } = await loadData({ name: 'cifar10', train: 500, validation: 1000 });
    expect(mean).to.equal(CIFAR10_MEAN);
    expect(part.test).to.deep.equal(data.test);
    const train = new Set(rows(data.train));
    const all = new Set(rows(whole.train));
    expect(rows(data.test).every((row) => all.has(row) && !train.has(row))).to.equal(true);
    const error = await loadData({ name: 'cifar10', train: 49_500, validation: 1000 }).catch((error) => error);
    expect(error.message).to.match(/trains on 49500 images and holds out 1000; there are 50000/);
  });
});
