import { rmSync } from 'node:fs';
import { type ImageDataset, inFiles, Loader, normalised, type OpenDataset, openDataset } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { threadCount } from '@refconv/training';
import { expect } from 'chai';
import { writeImageFolder } from '../../datasets/dist/loader/testing.js';
import { checkData, loadData, openRunImages } from './data.js';
import { execute } from './execute.js';
import type { Result } from './result.js';
import { parseSpec, type Spec, type SpecInput } from './spec.js';
import { temporaryFolder, tinySpec } from './testing/tiny.js';

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error.message,
  );

describe('runs on images in files', () => {
  const at = temporaryFolder();
  const spec = (changes: Partial<SpecInput['data']> = {}): Spec =>
    parseSpec(
      tinySpec(1, { data: { name: 'folder', folder: at('images'), size: 16, ...changes }, threads: threadCount() }),
    );
  before(async () => {
    await writeImageFolder(at('images/train'), ['ant', 'bee', 'cat'], 16);
    await writeImageFolder(at('images/val'), ['ant', 'bee', 'cat'], 4);
  });

  it('end with the same weights after a stop in mid-epoch, and merge into a network of the same accuracy', async () => {
    const tensors = tf.memory().numTensors;
    const log = () => {};
    const whole = (await execute(at('whole'), spec(), { log })) as Result;
    expect(whole).to.include({ top5: 1, mergedTop1: whole.top1 });
    expect(whole.environment.data).to.equal(at('images/train'));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    const stopped = await execute(at('stopped'), spec(), { log, signal: stop.signal });
    const again = (stopped ?? (await execute(at('stopped'), spec(), { log }))) as Result;
    expect(again.weights).to.equal(whole.weights);
    expect(again.testLoss).to.equal(whole.testLoss);
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('have the paper’s transform, and are evaluated as the network’s published weights', async () => {
    const { data, recipe, notes, close } = await openRunImages(spec({ train: 20, test: 6 }));
    const [train, test] = [data.train, data.test] as [Loader, Loader];
    await close();
    expect(train.transform.text).to.equal('randomResizedCrop(16)|flip|normalize(0.5/0.5/0.5,0.5/0.5/0.5)');
    expect(notes.transform).to.contain('resize(18,interpolation=bicubic)|centerCrop(16)|');
    expect([train.source.count, test.source.count, recipe.augment]).to.deep.equal([20, 6, {}]);
    // Of every class, although files are sorted.
    expect(new Set(test.source.labels).size).to.be.greaterThan(1);
    const other = await openRunImages(
      spec({ transform: 'randomCrop(16)|range255|cutmix(1)', testTransform: 'centerCrop(16)|range255' }),
    );
    await other.close();
    expect(other.notes).to.deep.include({ transform: 'centerCrop(16)|range255', mean: [0, 0, 0] });
  });

  it('may be given a transform for images in memory too', async () => {
    const images = await openRunImages(
      parseSpec(
        tinySpec(1, {
          data: {
            name: 'synthetic',
            train: 32,
            test: 20,
            size: 16,
            transform: 'randomCrop(16,2)|randAugment|normalize(half)',
          },
        }),
      ),
    );
    await images.close();
    expect(images.data.train).to.be.instanceOf(Loader);
    expect(images.notes.transform).to.match(/^centerCrop\(16\)\|normalize\(/);
    const plain = await openRunImages(parseSpec(tinySpec(1)));
    const { data, ...statistics } = (await openDataset('synthetic', {
      synthetic: { train: 32, test: 20, size: 16 },
    })) as OpenDataset;
    expect(plain.data).to.deep.equal(normalised(data as ImageDataset, statistics));
    expect(inFiles(data)).to.equal(false);
  });

  it('are refused with what is wrong', async () => {
    expect(() => checkData(spec({ folder: at('nowhere') }).data)).to.throw(`folder:${at('nowhere')} was not found`);
    expect(() => parseSpec(tinySpec(1, { data: { name: 'folder' } }))).to.throw('data.folder is not set');
    expect(() => parseSpec(tinySpec(1, { data: { name: 'cifar10', size: 8 } }))).to.throw('data.size is for');
    expect(await messageOf(loadData(spec().data))).to.contain('This needs images in memory');
    expect(await messageOf(openRunImages(spec({ train: 49 })))).to.equal('The spec asks for 49 images; there are 48.');
    expect(await messageOf(openRunImages(spec({ train: 40, validation: 9 })))).to.contain(
      'trains on 40 images and holds out 9; there are 48',
    );
    expect(await messageOf(openRunImages(spec({ transform: 'flip' })))).to.contain('have many sizes');
    rmSync(at('images/val'), { recursive: true });
    expect(await messageOf(openRunImages(spec()))).to.contain('lacks train or val');
  });
});
