import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { inFiles } from './definition.js';
import { IMAGENET_WNIDS } from './imagenet/wnids.js';
import { imageName } from './loader/source.js';
import { drawJpeg, writeImageFolder } from './loader/testing.js';
import { DATASETS, findDataset, isInFiles, openDataset, openImages } from './open.js';
import { errorOf, temporaryFolder } from './test-data.js';

describe('openDataset', () => {
  let folder: string;
  const at = (...path: string[]) => join(folder, ...path);
  const nowhere = () => ({ environment: { REFCONV_CACHE: at('cache') } });
  before(async () => {
    folder = temporaryFolder();
    await writeImageFolder(at('own/train'), ['cat', 'ant', 'bee'], 2);
    await writeImageFolder(at('own/val'), ['cat', 'ant'], 1);
    await writeImageFolder(at('tested/train'), ['ant'], 1);
    await writeImageFolder(at('tested/test'), ['ant'], 1);
    await writeImageFolder(at('strange/train'), ['ant'], 1);
    await writeImageFolder(at('strange/val'), ['wasp'], 1);
    // Two of ILSVRC2012's classes.
    await writeImageFolder(at('some/val'), ['n01443537', 'n15075141'], 2);
    await writeImageFolder(at('some/train'), ['n01440764'], 1);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('opens what needs no files, with its statistics', async () => {
    const { data, mean, std } = await openDataset('synthetic', { synthetic: { train: 20, test: 10, size: 16 } });
    expect([data.train.count, data.test.count, inFiles(data)]).to.deep.equal([20, 10, false]);
    expect([mean.length, std.length]).to.deep.equal([3, 3]);
    const { source, statistics } = await openImages('synthetic', 'test');
    expect([source.count, source.place.kind, statistics.mean.length]).to.deep.equal([1000, 'memory', 3]);
  });

  it('opens a folder of one’s own: the classes of the training images, test images in val or test', async () => {
    const { data } = await openDataset(`folder:${at('own')}`);
    expect([inFiles(data), data.classes, data.train.count, data.test.count]).to.deep.equal([
      true,
      ['ant', 'bee', 'cat'],
      6,
      2,
    ]);
    expect([...data.test.labels]).to.deep.equal([0, 2]);
    expect((await openDataset(`folder:${at('tested')}`)).data.test.count).to.equal(1);
    expect((await openImages(`folder:${at('own/val')}`, 'test')).source.classes).to.deep.equal(['ant', 'cat']);
  });

  it('gives the test images of a folder alone the classes of its training images', async () => {
    const { source } = await openImages(`folder:${at('own')}`, 'test');
    expect([source.classes, [...source.labels]]).to.deep.equal([
      ['ant', 'bee', 'cat'],
      [0, 2],
    ]);
    const strange = await openImages(`folder:${at('strange')}`, 'test');
    expect(strange.source.classes).to.deep.equal(['wasp']);
  });

  it('knows the usual names of the splits, and takes none of another name for a class', async () => {
    for (const [train, test] of [
      ['train', 'valid'],
      ['train', 'validation'],
      ['Train', 'Val'],
      ['train', 'test'],
    ] as const) {
      const root = at('named', `${train}-${test}`);
      await writeImageFolder(join(root, train), ['ant', 'bee'], 2);
      await writeImageFolder(join(root, test), ['ant', 'bee'], 1);
      const counts = await Promise.all(
        (['train', 'test'] as const).map(async (split) => (await openImages(`folder:${root}`, split)).source.count),
      );
      expect(counts, root).to.deep.equal([4, 2]);
    }
    for (const name of ['training_set', 'dev', 'holdout', 'test-images', 'train2017']) {
      const root = at('unnamed', name);
      await writeImageFolder(join(root, name), ['ant', 'bee'], 1);
      const message = await errorOf(openImages(`folder:${root}`, name.startsWith('t') ? 'test' : 'train'));
      expect(message, name).to.match(/lacks train or val: .*; it has .*are looked for in .*rename/);
    }
    await writeImageFolder(at('only/train'), ['ant', 'bee'], 1);
    expect(await errorOf(openImages(`folder:${at('only')}`, 'test'))).to.contain(
      'looked for in val, valid, validation, test',
    );
    expect(await errorOf(openDataset(`folder:${at('only')}`))).to.contain(
      '; it has train. The test images are looked for in',
    );
  });

  it('takes folders of images for classes, whatever they are called', async () => {
    await writeImageFolder(at('vehicles'), ['bus', 'train', 'test'], 2);
    expect((await openImages(`folder:${at('vehicles')}`, 'test')).source.classes).to.deep.equal([
      'bus',
      'test',
      'train',
    ]);
  });

  it('gives parts of ImageNet the labels of published weights', async () => {
    const { source } = await openImages(`imagenet:${at('some')}`, 'test', nowhere());
    expect(source.classes).to.deep.equal(IMAGENET_WNIDS);
    expect([...source.labels]).to.deep.equal([1, 1, 999, 999]);
    const bare = await openImages(`imagenet:${at('some/val')}`, 'test', nowhere());
    expect([...bare.source.labels]).to.deep.equal([1, 1, 999, 999]);
    const { data } = await openDataset(`imagenet:${at('some')}`, nowhere());
    expect([data.train.count, data.test.count, data.classes.length]).to.deep.equal([1, 4, 1000]);
    expect(IMAGENET_WNIDS).to.deep.equal([...new Set(IMAGENET_WNIDS)].sort());
  });

  it('reads ImageNet’s validation files side by side, with the devkit’s ground truth', async () => {
    const kit = at('flat/ILSVRC2012_devkit_t12/data');
    mkdirSync(kit, { recursive: true });
    mkdirSync(at('flat/val'));
    // In meta.mat's numbers: the classes' order there is 5, 2, 9, 1, 4, see goldens/make.py.
    writeFileSync(join(kit, 'ILSVRC2012_validation_ground_truth.txt'), '3\n1\n4\n');
    writeFileSync(join(kit, 'meta.mat'), readFileSync(fileURLToPath(new URL('../goldens/meta.mat', import.meta.url))));
    for (const i of [3, 1, 2]) writeFileSync(at(`flat/val/ILSVRC2012_val_0000000${i}.JPEG`), await drawJpeg(40, 30, i));
    writeFileSync(at('flat/val/notes.txt'), '');
    const { source } = await openImages(`imagenet:${at('flat')}`, 'test', nowhere());
    expect(source.classes).to.deep.equal(['n00000001', 'n00000002', 'n00000004', 'n00000005', 'n00000009']);
    expect([...source.labels]).to.deep.equal([4, 3, 0]);
    expect(imageName(source.place, 2)).to.equal(at('flat/val/ILSVRC2012_val_00000003.JPEG'));
    writeFileSync(at('flat/val/ILSVRC2012_val_00000007.JPEG'), '');
    const open = () => openImages(`imagenet:${at('flat')}`, 'test', nowhere());
    expect(await errorOf(open())).to.contain('val: ILSVRC2012_val_00000007.JPEG has no line among the 3');
    rmSync(at('flat/ILSVRC2012_devkit_t12'), { recursive: true });
    expect(await errorOf(open())).to.contain('expected ILSVRC2012_devkit_t12.tar.gz, which has the labels of');
  });

  it('knows what is there without reading it', () => {
    expect(DATASETS.ids()).to.deep.equal([
      'cifar10',
      'cifar100',
      'imagenet',
      'folder',
      'camvid',
      'segmentation',
      'scenes',
      'voc',
      'coco',
      'objects',
      'synthetic',
    ]);
    for (const name of ['cifar10', 'cifar100', 'imagenet']) expect(findDataset(name, nowhere()), name).to.equal(false);
    const there = ['synthetic', `folder:${at('own')}`, `imagenet:${at('some')}`, `imagenet:${at('some/val')}`];
    for (const name of there) expect(findDataset(name, nowhere()), name).to.equal(true);
    expect(findDataset(`folder:${at('none')}`)).to.equal(false);
    expect(['imagenet', 'folder:x', 'cifar10:x', 'synthetic'].map(isInFiles)).to.deep.equal([true, true, false, false]);
  });

  it('says what was given and what is expected', async () => {
    const failure = (spec: string) => errorOf(openDataset(spec, nowhere()));
    expect(await failure('cifar11')).to.equal(
      "There is no data set 'cifar11'. Expected cifar10:DIR, cifar10, cifar100:DIR, cifar100, imagenet:DIR, imagenet, " +
        'folder:DIR, camvid:DIR, camvid, segmentation:DIR, scenes, voc:DIR, coco:DIR, objects or synthetic.',
    );
    expect(await failure('toString')).to.contain("no data set 'toString'");
    for (const name of ['folder', 'segmentation', 'voc', 'coco'])
      expect(await failure(`${name}:${at('nowhere')}`), name).to.equal(`There is no folder ${at('nowhere')}.`);
    expect(await failure('folder')).to.contain('Which folder? Give folder:DIR');
    expect(await failure(`folder:${at('own/val')}`)).to.contain('lacks train or val: expected both');
    expect(await failure(`folder:${at('strange')}`)).to.contain(
      'has folders that are none of the classes given (1 of 1): wasp',
    );
    expect(await failure(`imagenet:${at('some/val')}`)).to.contain(
      "lacks ImageNet's training images: expected train or",
    );
    expect(await failure(`imagenet:${at('own/val')}`)).to.contain('ImageNet was not found. Looked in:');
    expect(await failure('cifar100')).to.contain('CIFAR-100 was not found');
  });
});
