import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { imageFolder } from '@refconv/datasets';
import { expect } from 'chai';
import { evaluate, predict } from './evaluate.js';
import { fit } from './fit.js';
import { leftOutText } from './leftOut.js';
import type { OpenLoaders } from './loaders.js';
import { openLoaders, testLoader } from './loaders.js';
import { CLASSES, messageOf, tinyModel, tinyRecipe, weightsHash } from './testing/tiny.js';

const PER_CLASS = 3;
const BATCH = 4;
const STEPS = (CLASSES * PER_CLASS) / BATCH;
const SIZE = 16;
const TEST = `centerCrop(${SIZE})`;

/** A PNG of one colour. */
function picture(seed: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  // 8 bits, RGB.
  header.writeUInt16BE(0x0802, 8);
  const row = Buffer.concat([Buffer.alloc(1), Buffer.alloc(3 * SIZE, (37 * seed) % 256)]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: SIZE }, () => row)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

describe('images that cannot be read and are skipped', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'refconv-broken-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** A set of which the images of these indices are broken. */
  async function source(name: string, broken: (index: number) => boolean = () => false) {
    for (let c = 0; c < CLASSES; c++) {
      mkdirSync(join(root, name, `class${c}`), { recursive: true });
      for (let i = 0; i < PER_CLASS; i++) {
        const index = c * PER_CLASS + i;
        writeFileSync(join(root, name, `class${c}`, `${i}.png`), broken(index) ? 'no picture' : picture(index));
      }
    }
    return imageFolder(join(root, name));
  }

  async function train(data: OpenLoaders, folder: string, stopAt = Number.POSITIVE_INFINITY) {
    const model = tinyModel();
    const stop = new AbortController();
    const steps: number[] = [];
    const onStep = (step: number) => {
      steps.push(step);
      if (step >= stopAt) stop.abort();
    };
    const recipe = tinyRecipe({ epochs: 2, batchSize: BATCH, augment: {} });
    const options = { model, data, recipe, folder, onStep, showProgress: false, log: () => {}, signal: stop.signal };
    try {
      const result = await fit(options);
      return { result, steps, weights: weightsHash(model) };
    } finally {
      model.dispose();
    }
  }
  const loaders = async (broken: (index: number) => boolean) => {
    const images = await source('train', broken);
    const data = { name: 'pictures', source: root, classes: images.classes, train: images, test: await source('test') };
    return openLoaders(data, tinyRecipe({ batchSize: BATCH }), {
      test: TEST,
      train: TEST,
      workers: 1,
      onBroken: 'skip',
    });
  };

  it('count as a step where they are a whole batch; a run that was stopped ends the same', async () => {
    const probe = await loaders(() => false);
    // The images of the second epoch's first batch: a batch in the middle of the training.
    const first = new Set<number>();
    for await (const { indices } of probe.train.epoch(1)) {
      for (const index of indices) first.add(index);
      break;
    }
    await probe.close();
    const data = await loaders((index) => first.has(index));
    expect([...first]).to.have.lengthOf(BATCH);
    const whole = await train(data, join(root, 'whole'));
    expect(whole.result.step).to.equal(2 * STEPS);
    expect(whole.steps).not.to.include(STEPS + 1);
    for (const stopAt of [STEPS, STEPS + 2]) {
      const folder = join(root, `stopped${stopAt}`);
      await train(data, folder, stopAt);
      expect((await train(data, folder)).weights, `stopped at ${stopAt}`).to.equal(whole.weights);
    }
    await data.close();
  });

  it('are told with what lies among the images and is none', async () => {
    const data = await loaders((index) => index === 5);
    writeFileSync(join(root, 'train', 'class0', '.hidden'), '');
    writeFileSync(join(root, 'train', 'class1', 'boxes.txt'), '');
    const again = await loaders((index) => index === 5);
    const { leftOut } = (await train(again, join(root, 'told'))).result;
    expect(leftOut.images.map(({ path }) => path)).to.have.lengthOf(1);
    expect(leftOut.files).to.deep.equal([join(root, 'train', 'class1', 'boxes.txt')]);
    expect(leftOutText(leftOut))
      .to.have.lengthOf(2)
      .and.to.include(`Passed over: 1 file whose ending is not an image's: ${leftOut.files[0]}`);
    await Promise.all([data.close(), again.close()]);
  });

  it('end in an error where they are all training images, or all test images', async () => {
    const data = await loaders(() => true);
    expect(await messageOf(train(data, join(root, 'none')))).to.match(/None of the 12 images could be read: .*\.png: /);
    await data.close();
    const model = tinyModel();
    for (const measure of [evaluate, predict]) {
      const test = testLoader(await source('test', () => true), { transform: TEST, workers: 1, onBroken: 'skip' });
      expect(await messageOf(measure(model, test, {}))).to.match(
        /^None of the 12 images could be read: .*class0.*0\.png: /,
      );
      await test.close();
    }
    model.dispose();
  });
});
