import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import { decodeLabelImage } from '../image/labelImage.js';
import { IGNORED } from '../loader/annotations.js';
import { Loader } from '../loader/loader.js';
import { openDataset, openImages } from '../open.js';
import { selectImages } from '../select.js';
import { sharedFolder } from '../test-data.js';
import { verificationText, verifyDataset } from '../verify.js';
import { labelValues, segmentationSet, segmentationSplit } from './labelSets.js';

const [WIDTH, HEIGHT, STEP] = [24, 16, 40];

/** Blocks of 4×4 pixels of the values 0 to 3; of value 3 nothing counts. */
const valueAt = (i: number, x: number, y: number) => ((x >> 2) + 2 * (y >> 2) + i) % 4;

/** A grey or palette PNG of values, of 1 to 8 bits a pixel. */
function labelPng(
  width: number,
  height: number,
  depth: number,
  palette: boolean,
  value: (x: number, y: number) => number,
) {
  const stride = Math.ceil((width * depth) / 8);
  const rows = Buffer.alloc(height * (stride + 1));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * (stride + 1) + 1 + ((x * depth) >> 3);
      rows[at] = (rows[at] as number) | (value(x, y) << (8 - depth - ((x * depth) & 7)));
    }
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, palette ? 3 : 0], 8);
  const colours = Buffer.alloc(3 * 2 ** depth, 7);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', colours)] : []),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The red of a picture tells the value. */
const picture = (i: number) =>
  sharp(
    Buffer.from(
      Array.from({ length: WIDTH * HEIGHT }, (_, p) => [
        STEP * valueAt(i, p % WIDTH, Math.floor(p / WIDTH)),
        9,
        9,
      ]).flat(),
    ),
    {
      raw: { width: WIDTH, height: HEIGHT, channels: 3 },
    },
  )
    .png()
    .toBuffer();

describe('sets for segmentation', () => {
  let root: string;
  const write = (path: string, contents: string | Buffer) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), contents);
  };
  const labelsOf = (i: number) =>
    labelPng(WIDTH, HEIGHT, i === 0 ? 2 : i === 1 ? 4 : 8, i < 2, (x, y) => valueAt(i, x, y));

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'refconv-labels-'));
    write('classes.txt', 'sky\nroad\ncar\n!void\n');
    for (let i = 0; i < 4; i++) {
      write(`images/p${i}.png`, await picture(i));
      write(`labels/p${i}.png`, labelsOf(i));
    }
    write('train.txt', 'p0\np1\np2.png\n');
    write('val.txt', 'p3\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('moves labels with their pixels through crops, flips and scales, whatever the number of workers', async () => {
    const { data } = await openDataset(`segmentation:${root}`);
    expect(data.classes).to.deep.equal(['sky', 'road', 'car']);
    const runs: string[] = [];
    for (const [transform, workers] of [
      ['randomCrop(20x28,padIfSmaller=1)|flip', 1],
      ['randomCrop(20x28,padIfSmaller=1)|flip', 2],
      ['randomCrop(10x12,padding=3)|flip|colorJitter(0)', 1],
      ['randomCrop(12x10)|colorJitter(0)|flip', 2],
      ['resize(32x48)', 1],
    ] as const) {
      const loader = new Loader(data.train as never, { transform, batchSize: 2, seed: 3, shuffle: true, workers });
      const seen: number[] = [];
      for await (const { images, targets, size, indices } of loader.epoch(5)) {
        const [target] = targets ?? [];
        const [height, width] = loader.shape;
        expect(target?.shape).to.deep.equal([height, width]);
        expect(target?.data).to.have.lengthOf(size * height * width);
        target?.data.forEach((label, at) => {
          const [red, green] = [Math.round(255 * (images[3 * at] as number)), images[3 * at + 1] as number];
          const inside = at % (height * width);
          const [x, y] = [(inside % width) >> 1, Math.floor(inside / width) >> 1];
          const twice = () => valueAt(indices[Math.floor(at / (height * width))] as number, x, y);
          const shown = label === IGNORED && green === 0 ? undefined : red / STEP;
          const value = transform.startsWith('resize') ? twice() : shown;
          if (value !== undefined) expect(label, `${transform} at ${at}`).to.equal(value === 3 ? IGNORED : value);
          seen.push(label);
        });
      }
      await loader.close();
      expect(new Set(seen)).to.deep.equal(new Set([0, 1, 2, IGNORED]));
      runs.push(seen.join());
    }
    expect(runs[0]).to.equal(runs[1]);
  });

  it('leaves labels as they are beside resized images where asked', async () => {
    const { source } = await openImages(`segmentation:${root}`, 'val');
    const loader = new Loader(source, { transform: 'resize(8x12)', batchSize: 1, labelSize: 'own' });
    for await (const { targets } of loader.epoch(0)) {
      expect(targets?.[0]?.shape).to.deep.equal([HEIGHT, WIDTH]);
      expect(targets?.[0]?.data[0]).to.equal(IGNORED);
      expect(targets?.[0]?.data[4]).to.equal(0);
    }
    await loader.close();
    expect(() => new Loader(source, { transform: 'centerCrop(8)', batchSize: 1, labelSize: 'own' })).to.throw(
      'does more',
    );
    expect(() => new Loader(source, { transform: 'centerCrop(8)|randAugment', batchSize: 1 })).to.throw('randAugment');
  });

  it('names wrong label images, skips them if asked to, and verifies', async () => {
    write(
      'labels/p0.png',
      labelPng(WIDTH, HEIGHT - 1, 8, false, () => 0),
    );
    write(
      'labels/p1.png',
      labelPng(WIDTH, HEIGHT, 8, false, (x, y) => (x === 2 && y === 5 ? 17 : 0)),
    );
    const { train } = await segmentationSet(root);
    const failing = new Loader(train, { transform: 'centerCrop(8)', batchSize: 3 });
    const message = await failing
      .epoch(0)
      .next()
      .then(
        () => '',
        (error) => error.message,
      );
    expect(message).to.match(/p[01]\.png cannot be read: its label image .*labels.*p[01]\.png/);
    await failing.close();
    const loader = new Loader(train, { transform: 'centerCrop(8)', batchSize: 3, onBroken: 'skip' });
    for await (const { size, targets, indices } of loader.epoch(0)) {
      expect([size, [...indices], targets?.[0]?.data.length]).to.deep.equal([1, [2], 64]);
      expect(targets?.[0]?.data[0]).to.equal(valueAt(2, 8, 4));
    }
    await loader.close();
    const found = await verifyDataset(train);
    expect(found.broken.map(({ reason }) => reason.replace(/ \/\S*labels./, ' '))).to.deep.equal([
      'its label image p0.png is 24 x 15, the image 24 x 16',
      'its label image p1.png has the value 17, which is no class, at column 2 of row 5',
    ]);
    expect(found.classes).to.deep.equal(['sky', 'road', 'car'].map((name) => ({ name, count: 1 })));
    expect(found.pixels?.ignored).to.equal(0.25);
    expect(verificationText(found)).to.contain('pixels: sky 25.0 %, road 25.0 %, car 25.0 %; 25.0 % do not count');
  });

  it('finds folders, keeps label images with a choice of images, and names what is missing', async () => {
    for (const [images, labels] of [
      ['train/images', 'train/labels'],
      ['images/val', 'labels/val'],
    ]) {
      write(`${images}/a.png`, await picture(0));
      write(`${labels}/a.png`, labelsOf(0));
    }
    write('images/val/b.png', await picture(1));
    await segmentationSplit(root, 'val').then(
      () => expect.fail(),
      ({ message }) => expect(message).to.match(/labels.val has nothing for b of .*images.val/),
    );
    write('labels/val/b.png', labelsOf(1));
    const { train, test } = await segmentationSet(root);
    expect([train.count, test.count]).to.deep.equal([1, 2]);
    const [second] = [selectImages(test, [1])];
    const loader = new Loader(second, { transform: 'centerCrop(16)', batchSize: 1 });
    for await (const { targets } of loader.epoch(0)) expect(targets?.[0]?.data[0]).to.equal(valueAt(1, 4, 0));
    await loader.close();
    write('train.txt', 'p0\nmissing\n');
    rmSync(join(root, 'train'), { recursive: true });
    await segmentationSplit(root, 'train').then(
      () => expect.fail(),
      ({ message }) => expect(message).to.contain('images/missing.jpg, labels/missing.png'),
    );
    rmSync(join(root, 'classes.txt'));
    await segmentationSplit(root, 'val').then(
      () => expect.fail(),
      ({ message }) => expect(message).to.contain('lacks classes.txt, with a line for each value'),
    );
  });

  it('refuses colours and 16 bits as labels', async () => {
    const bytes = await picture(0);
    expect(() => decodeLabelImage(bytes, 1e6)).to.throw('3 channels');
    expect(() => decodeLabelImage(bytes, 100)).to.throw('maxPixels 100');
    expect(() => decodeLabelImage(bytes.subarray(0, 60), 1e6)).to.throw();
    expect(() => labelValues([])).to.throw('0 given');
  });

  it(`reads the whole of CamVid (skipped without ${sharedFolder()}/data; REFCONV_SHARED names another folder)`, async function () {
    const folder = join(sharedFolder(), 'data', 'camvid');
    if (!existsSync(folder)) return this.skip();
    const { data } = await openDataset(`camvid:${folder}`);
    const { train, validation, test } = data as unknown as Record<'train' | 'validation' | 'test', { count: number }>;
    expect([train.count, validation.count, test.count]).to.deep.equal([367, 101, 233]);
    const { source } = await openImages(`camvid:${folder}`, 'val');
    const { broken, pixels } = await verifyDataset(source);
    expect(broken).to.deep.equal([]);
    expect(pixels?.classes[3]?.name).to.equal('road');
    expect(pixels?.classes[3]?.share).to.be.within(0.2, 0.4);
    expect(pixels?.ignored).to.be.within(0.01, 0.06);
  });
});
