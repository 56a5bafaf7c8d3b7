import {
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { pack } from 'tar-stream';
import { Loader } from '../loader/loader.js';
import { imageName, memorySource } from '../loader/source.js';
import { collect, drawJpeg, writeImageFolder } from '../loader/testing.js';
import { selectImages } from '../select.js';
import { syntheticDataset } from '../synthetic.js';
import { errorOf, temporaryFolder } from '../test-data.js';
import { imageFolder } from './imageFolder.js';
import { loadImageNet } from './imagenet.js';
import { readStructures } from './matFile.js';
import { tarIndex } from './tarIndex.js';

const META = readFileSync(fileURLToPath(new URL('../../goldens/meta.mat', import.meta.url)));
/** In the order of meta.mat's numbers, 1 to 5: goldens/make.py. */
const WNIDS = ['n00000005', 'n00000002', 'n00000009', 'n00000001', 'n00000004'];
const SORTED = [...WNIDS].sort();
/** The ground truth of six validation images, in meta.mat's numbers. */
const TRUTH = [3, 1, 5, 2, 4, 3];
const LONG = `${'deep/'.repeat(30)}n00000001_7.JPEG`;

async function tar(files: [name: string, bytes: Uint8Array][]): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of files) archive.entry({ name }, Buffer.from(bytes));
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

describe('ImageNet', () => {
  let folder: string;
  let images: Buffer[];
  const load = (name: string, log?: (line: string) => void) =>
    loadImageNet({ folder: join(folder, name), log }, { REFCONV_CACHE: join(folder, 'cache') });

  before(async () => {
    folder = temporaryFolder();
    images = await Promise.all(Array.from({ length: 12 }, (_, i) => drawJpeg(50 + i, 40 + 2 * i, i)));
    // The tars: classes in another order than sorted, the validation images too.
    mkdirSync(join(folder, 'tars'));
    const inner: [string, Uint8Array][] = [];
    for (const [c, wnid] of WNIDS.entries()) {
      const names = c === 3 ? [`${wnid}_0.JPEG`, LONG] : [`${wnid}_0.JPEG`, `${wnid}_1.JPEG`];
      inner.push([`${wnid}.tar`, await tar(names.map((name, i) => [name, images[2 * c + i] as Buffer]))]);
    }
    writeFileSync(join(folder, 'tars/ILSVRC2012_img_train.tar'), await tar(inner));
    const val = [4, 2, 6, 1, 3, 5].map(
      (i) => [`ILSVRC2012_val_0000000${i}.JPEG`, images[i] as Buffer] as [string, Uint8Array],
    );
    writeFileSync(join(folder, 'tars/ILSVRC2012_img_val.tar'), await tar(val));
    const kit = 'ILSVRC2012_devkit_t12/data';
    const devkit = await tar([
      [`${kit}/meta.mat`, META],
      [`${kit}/ILSVRC2012_validation_ground_truth.txt`, Buffer.from(`${TRUTH.join('\n')}\n`)],
    ]);
    writeFileSync(join(folder, 'tars/ILSVRC2012_devkit_t12.tar.gz'), gzipSync(devkit));
    // The same images unpacked.
    for (const [c, wnid] of WNIDS.entries()) {
      for (const split of ['train', 'val']) mkdirSync(join(folder, 'folders', split, wnid), { recursive: true });
      for (const i of [0, 1]) {
        writeFileSync(join(folder, 'folders/train', wnid, `${wnid}_${i}.JPEG`), images[2 * c + i] as Buffer);
      }
    }
    TRUTH.forEach((id, i) => {
      const name = `ILSVRC2012_val_0000000${i + 1}.JPEG`;
      writeFileSync(join(folder, 'folders/val', WNIDS[id - 1] as string, name), images[i + 1] as Buffer);
    });
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is the same from the tars as from folders: classes, labels, pixels', async () => {
    const [tars, folders] = [await load('tars'), await load('folders')];
    for (const split of ['train', 'val'] as const) {
      const byImage = async (source: (typeof tars)['train']) => {
        const loader = new Loader(source, { transform: 'resize(32)|centerCrop(28)', batchSize: 4, workers: 2 });
        const found: [string, string, Float32Array][] = [];
        for (const { images: pixels, labels, indices, size } of await collect(loader, 0)) {
          for (let i = 0; i < size; i++) {
            const path = imageName(source.place, indices[i] as number);
            const name = path
              .slice(path.lastIndexOf('/') + 1)
              .replace(/^.*: /, '')
              .replace('_7', '_1');
            const image = pixels.slice((i * pixels.length) / size, ((i + 1) * pixels.length) / size);
            found.push([name, source.classes[labels[i] as number] as string, image]);
          }
        }
        await loader.close();
        return found.sort(([a], [b]) => (a < b ? -1 : 1));
      };
      expect(tars[split].classes).to.deep.equal(SORTED);
      expect(await byImage(tars[split])).to.deep.equal(await byImage(folders[split]));
    }
    const labelled = TRUTH.map((id) => SORTED.indexOf(WNIDS[id - 1] as string));
    expect([...tars.val.labels]).to.deep.equal([4, 2, 6, 1, 3, 5].map((i) => labelled[i - 1]));
  });

  it('keeps the index beside the tar, and makes it anew when the tar has changed', async () => {
    const path = join(folder, 'tars/ILSVRC2012_img_train.tar');
    const log: string[] = [];
    await load('tars');
    const first = await tarIndex(path);
    const written = statSync(`${path}.index`).mtimeMs;
    expect(await tarIndex(path, (line) => log.push(line))).to.deep.equal(first);
    expect([log, statSync(`${path}.index`).mtimeMs]).to.deep.equal([[], written]);
    utimesSync(path, new Date(), new Date(Date.now() - 5000));
    expect(await tarIndex(path, (line) => log.push(line))).to.deep.equal(first);
    expect(log[0]).to.contain('of another state of the tar');
    truncateSync(`${path}.index`, 100);
    expect(await tarIndex(path)).to.deep.equal(first);
    const bytes = readFileSync(`${path}.index`);
    bytes.writeUInt8((bytes[70] as number) ^ 1, 70);
    writeFileSync(`${path}.index`, bytes);
    expect(await tarIndex(path)).to.deep.equal(first);
  });

  it('names what is damaged or missing', async () => {
    const path = join(folder, 'cut.tar');
    const whole = readFileSync(join(folder, 'tars/ILSVRC2012_img_val.tar'));
    writeFileSync(path, whole.subarray(0, 2000));
    expect(await errorOf(tarIndex(path))).to.contain('within ILSVRC2012_val_00000004.JPEG: it is not complete');
    whole[300] ^= 1;
    writeFileSync(path, whole);
    expect(await errorOf(tarIndex(path))).to.contain('there is no tar header at byte 0');
    expect(await errorOf(load('nowhere')))
      .to.contain('ImageNet was not found')
      .and.contain('image-net.org');
    mkdirSync(join(folder, 'half/train'), { recursive: true });
    expect(await errorOf(load('half'))).to.contain('has no folders');
    await writeImageFolder(join(folder, 'half/train'), ['a'], 1);
    expect(await errorOf(load('half'))).to.contain("lacks ImageNet's validation images: expected val or");
    writeFileSync(
      join(folder, 'half/ILSVRC2012_img_val.tar'),
      readFileSync(join(folder, 'tars/ILSVRC2012_img_val.tar')),
    );
    expect(await errorOf(load('half'))).to.contain('ILSVRC2012_devkit_t12.tar.gz, which has the labels');
    const bare = join(folder, 'half/ILSVRC2012_devkit_t12/data');
    mkdirSync(bare, { recursive: true });
    writeFileSync(join(bare, 'meta.mat'), META);
    expect(await errorOf(load('half'))).to.contain('lacks ILSVRC2012_validation_ground_truth.txt');
    writeFileSync(join(bare, 'ILSVRC2012_validation_ground_truth.txt'), '1\n6\n');
    expect(await errorOf(load('half'))).to.contain('line 2: "6" is not the number of a class');
    writeFileSync(join(bare, 'ILSVRC2012_validation_ground_truth.txt'), '1\n2\n');
    expect(await errorOf(load('half'))).to.contain('has no line among the 2');
    expect(() => readStructures(META.subarray(0, 400), 'synsets', 'meta.mat')).to.throw('meta.mat cannot be read');
    expect(() => readStructures(META, 'other', 'meta.mat')).to.throw('no array of structures "other"');
  });
});

describe('imageFolder', () => {
  let folder: string;
  before(async () => {
    folder = temporaryFolder();
    await writeImageFolder(folder, ['b', 'B', 'a10', 'a9'], 2);
    mkdirSync(join(folder, 'a9/more'));
    writeFileSync(join(folder, 'a9/more/x.png'), '');
    writeFileSync(join(folder, 'a9/notes.txt'), '');
    mkdirSync(join(folder, '.hidden'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('sorts classes and paths as Python does, and leaves out what is no image', async () => {
    const source = await imageFolder(folder);
    expect(source.classes).to.deep.equal(['B', 'a10', 'a9', 'b']);
    const names = Array.from({ length: source.count }, (_, i) => imageName(source.place, i).slice(folder.length + 1));
    expect(names).to.deep.equal([
      ...['B/B_0.JPEG', 'B/B_1.JPEG', 'a10/a10_0.JPEG', 'a10/a10_1.JPEG'],
      ...['a9/a9_0.JPEG', 'a9/a9_1.JPEG', 'a9/more/x.png', 'b/b_0.JPEG', 'b/b_1.JPEG'],
    ]);
    expect([...source.labels]).to.deep.equal([0, 0, 1, 1, 2, 2, 2, 3, 3]);
    expect(source.passedOver).to.deep.equal([join(folder, 'a9/notes.txt')]);
  });

  it('takes the classes in the order given', async () => {
    const source = await imageFolder(folder, { classes: ['a9', 'a10', 'b', 'B', 'none'] });
    expect([...source.labels]).to.deep.equal([3, 3, 1, 1, 0, 0, 0, 2, 2]);
    expect(await errorOf(imageFolder(folder, { classes: ['a9', 'b'] }))).to.contain(
      'has folders that are none of the classes given (2 of 4)',
    );
  });

  it('says what is missing', async () => {
    expect(await errorOf(imageFolder(join(folder, 'x')))).to.contain(
      'does not exist; expected a folder with one folder',
    );
    expect(await errorOf(imageFolder(join(folder, 'b')))).to.contain('b has no folders; expected one for each class');
    mkdirSync(join(folder, 'a9/more/empty'), { recursive: true });
    expect(await errorOf(imageFolder(join(folder, 'a9/more')))).to.contain('in its 1 folder.');
  });

  it('follows links as torchvision does, but not in a circle, and passes over those to nowhere', async () => {
    const root = join(folder, '.links');
    await writeImageFolder(join(root, 'data'), ['x', 'y'], 2);
    await writeImageFolder(join(root, 'elsewhere'), ['part', 'z'], 3);
    symlinkSync(join(root, 'elsewhere/part'), join(root, 'data/x/part'));
    symlinkSync(join(root, 'elsewhere/z'), join(root, 'data/z'));
    symlinkSync(join(root, 'elsewhere/z/z_0.JPEG'), join(root, 'data/y/linked.jpg'));
    symlinkSync(join(root, 'data/x'), join(root, 'data/x/again'));
    for (const path of ['old', 'x/old.jpg', 'y/old']) symlinkSync(join(root, 'nowhere'), join(root, 'data', path));
    const source = await imageFolder(join(root, 'data'));
    expect([source.classes, source.count]).to.deep.equal([['x', 'y', 'z'], 2 + 3 + 2 + 1 + 3]);
    const names = Array.from({ length: source.count }, (_, i) => imageName(source.place, i).slice(root.length + 6));
    expect(names.slice(0, 3)).to.deep.equal(['x/part/part_0.JPEG', 'x/part/part_1.JPEG', 'x/part/part_2.JPEG']);
  });

  it('reads names that are no UTF-8, of classes too, also in a part of the images', async () => {
    const root = join(folder, '.names');
    const name = Buffer.concat([Buffer.from(`${root}/caf`), Buffer.of(0xe9)]);
    mkdirSync(name, { recursive: true });
    for (const [i, file] of [[1, Buffer.of(0xff, 0x2e, 0x6a, 0x70, 0x67)] as const, [2, Buffer.from('é.jpg')] as const])
      writeFileSync(Buffer.concat([name, Buffer.from('/'), file]), await drawJpeg(40, 30, i));
    const source = await imageFolder(root);
    for (const images of [source, selectImages(source, [1, 0])]) {
      const loader = new Loader(images, { transform: 'centerCrop(16)', batchSize: 2, workers: 1 });
      expect((await collect(loader, 0)).map(({ size }) => size)).to.deep.equal([2]);
      await loader.close();
    }
    expect(JSON.parse(JSON.stringify(source.classes))).to.deep.equal(source.classes);
    expect(imageName(source.place, 0)).to.match(/caf\ufffd/);
  });

  it('gives subsets of files, archives and memory', async () => {
    const source = await imageFolder(folder);
    const part = selectImages(source, [7, 0]);
    expect([part.count, ...part.labels]).to.deep.equal([2, 3, 0]);
    expect(imageName(part.place, 0)).to.equal(join(folder, 'b/b_0.JPEG'));
    expect(() => selectImages(source, [9])).to.throw(RangeError, 'index 9 given, expected integers from 0 to 8');
    const { train, classes } = syntheticDataset({ classes: 2, size: 16, train: 4, test: 2, seed: 1 });
    const memory = selectImages(memorySource(train, { name: 's', classes, source: 'drawn' }), [3]);
    const pixels = (memory.place as { images: Uint8Array }).images;
    expect([...pixels]).to.deep.equal([...train.images.slice(3 * 768, 4 * 768)]);
  });
});
