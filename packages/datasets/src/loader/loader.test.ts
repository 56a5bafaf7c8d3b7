import { execFile } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { batches, CIFAR10_MEAN, CIFAR10_STD } from '../batches.js';
import { imageFolder } from '../imagenet/imageFolder.js';
import { syntheticDataset } from '../synthetic.js';
import { temporaryFolder } from '../test-data.js';
import { Loader, type LoaderOptions } from './loader.js';
import { type ImageSource, imageName, memorySource } from './source.js';
import { collect, writeImageFolder } from './testing.js';

const TRAIN = 'randomResizedCrop(24)|flip|colorJitter(0.3,0.3,0.3,0.1)|normalize(imagenet)|randomErasing(0.5)';

describe('Loader', () => {
  let folder: string;
  let source: ImageSource;
  const open: Loader[] = [];
  const load = (options: Partial<LoaderOptions> = {}, from = source) => {
    const loader = new Loader(from, { transform: TRAIN, batchSize: 8, seed: 3, shuffle: true, workers: 2, ...options });
    open.push(loader);
    return loader;
  };

  before(async () => {
    folder = temporaryFolder();
    await writeImageFolder(folder, ['ant', 'bee', 'cat'], 9);
    source = await imageFolder(folder);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((loader) => loader.close()));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('gives the same bits for 1, 2 and 4 workers, and another time', async () => {
    const [one, two, four] = [load({ workers: 1 }), load({ workers: 2 }), load({ workers: 4, prefetch: 1 })];
    const first = await collect(one, 0);
    expect(first.map(({ size }) => size)).to.deep.equal([8, 8, 8, 3]);
    expect(await collect(two, 0)).to.deep.equal(first);
    expect(await collect(four, 0)).to.deep.equal(first);
    const second = await collect(one, 1);
    expect(second).to.not.deep.equal(first);
    expect(await collect(four, 1)).to.deep.equal(second);
    expect(await collect(four, 0)).to.deep.equal(first);
  });

  it('goes on in mid-epoch with the same bits, also after the epoch was left', async () => {
    const loader = load();
    const all = await collect(loader, 4);
    for await (const batch of loader.epoch(4)) if (batch.number === 1) break;
    expect(await collect(loader, 4, 2)).to.deep.equal(all.slice(2));
    expect(await collect(load({ workers: 1 }), 4, 3)).to.deep.equal(all.slice(3));
    expect(await collect(loader, 4, 4)).to.deep.equal([]);
  });

  it('shows every image once in an epoch, with its label', async () => {
    const seen = (await collect(load(), 0)).flatMap(({ indices, labels }) =>
      Array.from(indices, (index, i) => {
        expect(labels[i]).to.equal(source.labels[index]);
        expect(imageName(source.place, index)).to.contain(source.classes[labels[i] as number]);
        return index;
      }),
    );
    expect(seen.slice().sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 27 }, (_, i) => i));
    expect(seen).to.not.deep.equal(seen.slice().sort((a, b) => a - b));
  });

  it('augments an image in the same way wherever in a batch it stands', async () => {
    const pixels = 24 * 24 * 3;
    const byIndex = async (options: Partial<LoaderOptions>) => {
      const images = new Map<number, Float32Array>();
      for (const { indices, images: all } of await collect(load(options), 2)) {
        for (const [i, index] of indices.entries()) images.set(index, all.slice(i * pixels, (i + 1) * pixels));
      }
      return [...images].sort(([a], [b]) => a - b);
    };
    expect(await byIndex({ batchSize: 5, shuffle: false })).to.deep.equal(await byIndex({}));
  });

  it('shares an epoch out among ranks', async () => {
    const of = 4;
    const ranks = await Promise.all([0, 1, 2, 3].map((rank) => collect(load({ shard: { rank, of } }), 0)));
    const indices = ranks.map((rank) => rank.flatMap((batch) => [...batch.indices]));
    expect(indices.map(({ length }) => length)).to.deep.equal([7, 7, 7, 6]);
    expect(indices.flat().sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 27 }, (_, i) => i));
    const even = load({ shard: { rank: 3, of }, dropLast: true, batchSize: 2 });
    expect([even.batchesPerEpoch, even.imagesPerEpoch]).to.deep.equal([3, 6]);
  });

  it('gives what batches() gives, for a set in memory', async () => {
    const { train, classes } = syntheticDataset({ classes: 3, size: 32, train: 40, test: 3, seed: 1 });
    const options = { batchSize: 16, seed: 9, shuffle: true };
    const transform = 'randomCrop(32,4)|flip|normalize(cifar10)';
    const memory = memorySource(train, { name: 'synthetic', classes, source: 'drawn' });
    const ours = await collect(load({ ...options, transform }, memory), 5);
    const augment = { crop: 4, flip: true };
    const theirs = [...batches(train, { ...options, epoch: 5, augment, mean: CIFAR10_MEAN, std: CIFAR10_STD })];
    expect(ours.map(({ images, labels, size }) => ({ images, labels, size }))).to.deep.equal(
      theirs.map((batch) => ({ ...batch, labels: Int32Array.from(batch.labels) })),
    );
  });

  /** What workers write to; -2 until they do. */
  const written = (loader: Loader) => {
    const { slots } = loader as unknown as { slots: { indices: Int32Array }[] };
    for (const { indices } of slots) indices.fill(-2);
    return () => slots.map(({ indices }) => [...indices]);
  };

  it('goes on loading while JavaScript is blocked', async () => {
    const loader = load({ batchSize: 2, prefetch: 4 });
    const slots = written(loader);
    const feed = loader.epoch(0);
    await feed.next();
    const deadline = performance.now() + 30_000;
    while (slots().flat().includes(-2)) if (performance.now() > deadline) throw new Error('Nothing was loaded.');
    await feed.return();
  });

  it('leaves the batch in use alone until the next is asked for', async () => {
    const loader = load({ batchSize: 2, prefetch: 2 });
    const slots = written(loader);
    const feed = loader.epoch(0);
    const { value: first } = await feed.next();
    const [indices, images] = [[...(first?.indices ?? [])], first?.images.slice()];
    while (slots().flat().includes(-2)) await sleep(20);
    await sleep(100);
    expect(slots()[0]).to.deep.equal(indices);
    expect(first?.images).to.deep.equal(images);
    await feed.return();
  });

  it('mixes by mixup and cutmix, the same for any number of workers', async () => {
    for (const step of ['mixup(0.4)', 'cutmix(1)', 'mixup(0.4)|cutmix(1)']) {
      const base = 'resize(24)|centerCrop(24)|normalize(half)';
      const plain = await collect(load({ transform: base }), 0);
      const mixed = await collect(load({ transform: `${base}|${step}`, workers: 3 }), 0);
      expect(await collect(load({ transform: `${base}|${step}`, workers: 1 }), 0)).to.deep.equal(mixed);
      mixed.forEach(({ images, labels, mix, size }, b) => {
        const before = plain[b] as (typeof plain)[number];
        expect(labels).to.deep.equal(before.labels);
        expect(mix?.weight).to.be.within(0, 1);
        const pixels = images.length / size;
        for (let i = 0; i < size; i++) {
          const other = (i + size - 1) % size;
          expect(mix?.labels[i]).to.equal(before.labels[other]);
          if (step.includes('|')) continue; // either of the two
          let own = 0;
          for (let k = 0; k < pixels; k++) {
            const [a, c] = [before.images[i * pixels + k] as number, before.images[other * pixels + k] as number];
            const value = images[i * pixels + k] as number;
            if (step.startsWith('mixup'))
              expect(value).to.be.closeTo(a * (mix?.weight ?? 0) + c * (1 - (mix?.weight ?? 0)), 1e-5);
            else {
              expect([a, c]).to.include(value);
              if (value === a) own++;
            }
          }
          if (step.startsWith('cutmix')) expect(own / pixels).to.be.at.least((mix?.weight ?? 0) - 1e-6);
        }
      });
    }
  });

  describe('with broken files', () => {
    let damaged: string;
    before(async () => {
      damaged = temporaryFolder();
      await writeImageFolder(damaged, ['ant', 'bee'], 6);
      truncateSync(join(damaged, 'ant/ant_2.JPEG'), 300);
      writeFileSync(join(damaged, 'bee/bee_5.JPEG'), 'not found');
    });
    after(() => rmSync(damaged, { recursive: true }));

    it('names the first', async () => {
      const error = await collect(load({ shuffle: false, batchSize: 4 }, await imageFolder(damaged)), 0).catch(
        (e) => e,
      );
      expect(error).to.be.instanceOf(Error);
      expect(error.message).to.contain(join(damaged, 'ant/ant_2.JPEG')).and.contain("onBroken: 'skip'");
    });

    it('leaves them out and counts them, if asked to', async () => {
      const given = await imageFolder(damaged);
      const loader = load({ shuffle: false, batchSize: 4, onBroken: 'skip', workers: 3 }, given);
      const all = await collect(loader, 0);
      expect(all.map(({ size }) => size)).to.deep.equal([3, 4, 3]);
      expect(all.map(({ indices }) => [...indices])).to.deep.equal([
        [0, 1, 3],
        [4, 5, 6, 7],
        [8, 9, 10],
      ]);
      expect(loader.broken.map(({ path }) => path)).to.deep.equal(
        ['ant/ant_2.JPEG', 'bee/bee_5.JPEG'].map((name) => join(damaged, name)),
      );
      const whole = await collect(load({ shuffle: false, batchSize: 1, onBroken: 'skip' }, given), 0);
      expect(whole.map(({ indices }) => indices[0])).to.deep.equal([0, 1, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(all[2]?.images.slice(-24 * 24 * 3)).to.deep.equal(whole.at(-1)?.images);
    });
  });

  it('names an image that is too small for the crop', async () => {
    const error = await collect(load({ transform: 'centerCrop(200)' }), 0).catch((e) => e);
    expect(error.message).to.contain('.JPEG cannot be read').and.contain('put resize(200) before it');
  });

  it('tells why a worker cannot work, and does not go on', async () => {
    const loader = load({ jpegDecoder: 'file:///nowhere/decoder.js', workers: 4 });
    expect((await collect(loader, 0).catch((e) => e)).message).to.contain('/nowhere/decoder.js');
    expect((await collect(loader, 0).catch((e) => e)).message).to.contain('closed');
  });

  it('does not keep a process alive that has forgotten it', async () => {
    const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const code = `
      import { Loader } from ${module('./loader.js')};
      import { imageFolder } from ${module('../imagenet/imageFolder.js')};
      const source = await imageFolder(${JSON.stringify(folder)});
      const loader = new Loader(source, { transform: 'centerCrop(20)', batchSize: 2, workers: 2 });
      const { value } = await loader.epoch(0).next();
      console.log(value.size);
    `;
    const node = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], { timeout: 60_000 });
    expect((await node).stdout).to.equal('2\n');
  });

  it('takes the default for an option that is given as undefined', () => {
    expect(load({ workers: undefined, prefetch: undefined }).options).to.include({
      prefetch: 3,
      workers: availableParallelism(),
    });
  });

  it('refuses a second epoch at the same time, and to go on when closed', async () => {
    const loader = load();
    const first = loader.epoch(0);
    await first.next();
    expect(
      (
        await loader
          .epoch(1)
          .next()
          .catch((e) => e)
      ).message,
    ).to.contain('under way');
    await first.return();
    await loader.close();
    expect(
      (
        await loader
          .epoch(1)
          .next()
          .catch((e) => e)
      ).message,
    ).to.contain('closed');
  });

  for (const [options, message] of [
    [{ batchSize: 0 }, 'batchSize must be an integer from 1, 0 given'],
    [{ workers: 1.5 }, 'workers must be an integer from 1, 1.5 given'],
    [{ seed: -1 }, 'seed must be an integer from 0'],
    [{ shard: { rank: 2, of: 2 } }, 'shard must have a rank from 0 to of - 1, 2 of 2 given'],
    [{ batchSize: 28, dropLast: true }, 'no batch of 28 can be made of 27 images'],
    [{ transform: 'flip' }, 'the images of files have many sizes'],
    [{ onBroken: 'ignore' as 'skip' }, "onBroken must be 'fail' or 'skip', ignore given"],
  ] as [Partial<LoaderOptions>, string][]) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => load(options)).to.throw(RangeError, message);
    });
  }
});
