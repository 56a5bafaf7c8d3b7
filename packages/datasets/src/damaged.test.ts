import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import sharp from 'sharp';
import { contactSheet } from './contactSheet.js';
import { imageFolder } from './imagenet/imageFolder.js';
import { Loader } from './loader/loader.js';
import { memorySource } from './loader/source.js';
import { collect, drawJpeg } from './loader/testing.js';
import { type Random, stream } from './random.js';
import { channelStatistics } from './statistics.js';
import { syntheticDataset } from './synthetic.js';
import { temporaryFolder } from './test-data.js';
import { verificationText, verifyDataset } from './verify.js';

/** A PNG whose header says more pixels than any memory holds, in a few bytes. */
function bomb(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const data = deflateSync(Buffer.alloc(1 << 20));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** SOF0's size replaced by the largest. */
function hugeJpeg(jpeg: Buffer): Buffer {
  const copy = Buffer.from(jpeg);
  const at = copy.indexOf(Buffer.from([0xff, 0xc0]));
  copy.writeUInt16BE(65500, at + 5);
  copy.writeUInt16BE(65500, at + 7);
  return copy;
}

const KINDS: Record<string, (jpeg: Buffer, random: Random) => Uint8Array> = {
  truncated: (jpeg, random) => jpeg.subarray(0, 2 + random.integer(jpeg.length - 100)),
  flipped: (jpeg, random) => {
    const copy = Buffer.from(jpeg);
    // In the header, where it hurts; among the pixels a flipped bit is another valid picture.
    for (let i = 0; i < 40; i++) copy[random.integer(300)] ^= 1 << random.integer(8);
    return copy;
  },
  text: (_, random) => Buffer.from(`<!doctype html><p>${random.bits()}</p>`.repeat(1 + random.integer(40))),
  empty: () => Buffer.alloc(0),
  noise: (_, random) => Uint8Array.from({ length: 1 + random.integer(4000) }, () => random.integer(256)),
  huge: hugeJpeg,
  bomb: (_, random) => bomb(20_000 + random.integer(1000)),
};

describe('1000 damaged files', () => {
  let folder: string;
  const count = 1000;
  before(async () => {
    folder = temporaryFolder();
    mkdirSync(join(folder, 'bad'));
    mkdirSync(join(folder, 'good'));
    const jpegs = await Promise.all(Array.from({ length: 8 }, (_, i) => drawJpeg(60 + i, 50, i)));
    const names = Object.keys(KINDS);
    for (let i = 0; i < count; i++) {
      const kind = names[i % names.length] as string;
      const bytes = KINDS[kind]?.(jpegs[i % 8] as Buffer, stream(1, i)) as Uint8Array;
      writeFileSync(join(folder, 'bad', `${String(i).padStart(4, '0')}-${kind}.jpg`), bytes);
    }
    jpegs.forEach((jpeg, i) => {
      writeFileSync(join(folder, 'good', `${i}.jpg`), jpeg);
    });
    writeFileSync(join(folder, 'good', 'again.jpg'), jpegs[0] as Buffer);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('are each named, and harm nothing else', async () => {
    const source = await imageFolder(folder);
    const before = process.memoryUsage().rss;
    const transform = 'randomResizedCrop(32)|flip';
    const loader = new Loader(source, { transform, batchSize: 64, workers: 2, onBroken: 'skip', maxPixels: 1e7 });
    for (let epoch = 0; epoch < 2; epoch++) {
      loader.broken.length = 0;
      const indices = (await collect(loader, epoch)).flatMap((batch) => [...batch.indices]);
      const broken = loader.broken.map(({ index }) => index);
      expect([...indices, ...broken].sort((a, b) => a - b)).to.deep.equal(
        Array.from({ length: count + 9 }, (_, i) => i),
      );
      expect(indices.filter((index) => index >= count)).to.have.length(9);
      // A few flipped bits (in an Exif tag, in a comment) leave a picture that can be read.
      const readable = indices.filter((index) => index < count);
      expect(readable.length).to.be.below(count / 20);
      for (const { path, reason } of loader.broken) {
        expect(path).to.match(/bad\/\d{4}-[a-z]+\.jpg$/);
        expect(reason).to.not.equal('');
        if (/huge|bomb/.test(path)) expect(reason).to.contain('more than maxPixels 10000000');
      }
    }
    await loader.close();
    expect(process.memoryUsage().rss - before).to.be.below(300e6);
  });

  it('are listed by verifyDataset, with duplicates, sizes and statistics', async () => {
    const source = await imageFolder(folder);
    const progress: number[] = [];
    const options = { workers: 2, maxPixels: 1e7, onProgress: (done: number) => progress.push(done) };
    const found = await verifyDataset(source, options);
    expect(progress.at(-1)).to.equal(count + 9);
    expect(found.classes).to.deep.equal([
      { name: 'bad', count },
      { name: 'good', count: 9 },
    ]);
    expect(found.broken.length).to.be.above(950);
    const twins = found.duplicates.find(({ paths }) => paths.some((path) => path.includes('again')));
    expect(twins).to.deep.equal({
      paths: ['0.jpg', 'again.jpg'].map((name) => join(folder, 'good', name)),
      labelsDiffer: false,
    });
    expect(found.formats.jpeg).to.equal(count + 9 - found.broken.length);
    expect([found.width.least, found.height.median]).to.deep.equal([60, 50]);
    expect(JSON.parse(JSON.stringify(found))).to.deep.equal(found);
    expect(verificationText(found)).to.contain(`${found.broken.length} broken`);
    const stopped = await verifyDataset(source, { workers: 1, signal: AbortSignal.abort() }).catch(
      (error) => error.name,
    );
    expect(stopped).to.equal('AbortError');
  });
});

describe('verifyDataset', () => {
  it('gives the median of sizes, of an even number the mean of the middle two', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    for (const size of [20, 30, 31, 60])
      writeFileSync(join(folder, 'a', `${size}.jpg`), await drawJpeg(size, 2 * size, 1));
    const { width, height } = await verifyDataset(await imageFolder(folder), { workers: 1 });
    rmSync(folder, { recursive: true });
    expect(width).to.deep.equal({ least: 20, median: 30.5, greatest: 60 });
    expect(height.median).to.equal(61);
  });

  it('gives the mean and deviation of all pixels', async () => {
    const { train, classes } = syntheticDataset({ classes: 3, size: 16, train: 50, test: 2, seed: 1 });
    const found = await verifyDataset(memorySource(train, { name: 'drawn', classes, source: 'drawn' }), { workers: 1 });
    const { mean, std } = channelStatistics(train);
    for (let c = 0; c < 3; c++) {
      expect(found.mean[c]).to.be.closeTo(mean[c] as number, 1e-12);
      expect(found.std[c]).to.be.closeTo(std[c] as number, 1e-12);
    }
  });
});

describe('contactSheet', () => {
  it('shows the images of a batch as they were before normalisation', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a<b'));
    writeFileSync(
      join(folder, 'a<b', '0.png'),
      await sharp({ create: { width: 20, height: 20, channels: 3, background: { r: 200, g: 100, b: 50 } } })
        .png()
        .toBuffer(),
    );
    for (const text of ['centerCrop(20)|normalize(imagenet)', 'centerCrop(20)|range255|bgr']) {
      const loader = new Loader(await imageFolder(folder), { transform: text, batchSize: 1, workers: 1 });
      const [batch] = await collect(loader, 0);
      const { classes } = loader.source;
      const png = await contactSheet(batch as NonNullable<typeof batch>, loader, { classes });
      const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      expect([info.width, info.height]).to.deep.equal([28, 44]);
      const at = 3 * (10 * info.width + 10);
      expect([...data.subarray(at, at + 3)]).to.deep.equal([200, 100, 50]);
      await loader.close();
    }
    rmSync(folder, { recursive: true });
  });
});

describe('special files among images', () => {
  it('are listed as broken, and no one waits for them', async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'class'));
    writeFileSync(join(root, 'class', 'a.jpg'), await drawJpeg(20, 20, 1));
    execFileSync('mkfifo', [join(root, 'class', 'fifo.jpg')]);
    symlinkSync('/dev/zero', join(root, 'class', 'zero.jpg'));
    const socket = createServer().listen(join(root, 'class', 'socket.jpg'));
    await once(socket, 'listening');
    const source = await imageFolder(root);
    const { broken } = await verifyDataset(source, { workers: 1 });
    expect(broken.length).to.equal(source.count - 1);
    for (const { path, reason } of broken) {
      expect(reason, path).to.match(/is a (FIFO|device|socket or a device); expected a file/);
    }
    const loader = new Loader(source, { transform: 'centerCrop(16)', batchSize: 4, workers: 1, onBroken: 'skip' });
    const sizes = (await collect(loader, 0)).map(({ size }) => size);
    expect(sizes).to.deep.equal([1]);
    await loader.close();
    socket.close();
    rmSync(root, { recursive: true });
  });
});
