import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import { boxesOf, type ImageBoxes } from '../boxTargets.js';
import { Loader, type LoaderOptions } from '../loader/loader.js';
import type { ImageSource } from '../loader/source.js';
import { openDataset, openImages } from '../open.js';
import { selectImages } from '../select.js';
import { sharedFolder } from '../test-data.js';
import { verificationText, verifyDataset } from '../verify.js';
import { objects } from './objects.js';

const [WIDTH, HEIGHT] = [120, 90];
type Corners = [number, number, number, number];

/** Of picture i: the only bright pixels, as VOC counts them, from 1 and with inclusive ends. */
const brightBox = (i: number): Corners => [11 + 5 * i, 21 + 3 * i, 50 + 5 * i, 45 + 3 * i];

async function picture(i: number): Promise<Buffer> {
  const [x1, y1, x2, y2] = brightBox(i);
  const data = Buffer.from(
    Array.from({ length: WIDTH * HEIGHT }, (_, p) => {
      const [x, y] = [(p % WIDTH) + 1, Math.floor(p / WIDTH) + 1];
      return Array<number>(3).fill(x >= x1 && x <= x2 && y >= y1 && y <= y2 ? 255 : 40);
    }).flat(),
  );
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toBuffer();
}

const object = (name: string, box: readonly (number | string)[], difficult = 0) =>
  `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox>${['xmin', 'ymin', 'xmax', 'ymax']
    .map((key, k) => `<${key}>${box[k]}</${key}>`)
    .join('')}</bndbox></object>`;

const annotation = (objectsOf: string, size = [WIDTH, HEIGHT]) =>
  `<annotation><filename>else.jpg</filename><size><width>${size[0]}</width><height>${size[1]}</height></size>${objectsOf}</annotation>`;

/** A set in VOC's layout of eight pictures, of which the last two are for tests. @param xml of some pictures in place of the right one. */
async function writeVoc(root: string, xml: Record<number, string | undefined> = {}): Promise<void> {
  for (const folder of ['JPEGImages', 'Annotations', 'ImageSets/Main'])
    mkdirSync(join(root, folder), { recursive: true });
  for (let i = 0; i < 8; i++) {
    writeFileSync(join(root, 'JPEGImages', `p${i}.png`), await picture(i));
    const text = i in xml ? xml[i] : annotation(object(i % 2 ? 'dog' : 'cat', brightBox(i), i === 7 ? 1 : 0));
    if (text !== undefined) writeFileSync(join(root, 'Annotations', `p${i}.xml`), text);
  }
  const list = (from: number, to: number) => Array.from({ length: to - from }, (_, k) => `p${from + k}  1\n`).join('');
  writeFileSync(join(root, 'ImageSets/Main/train.txt'), list(0, 6));
  writeFileSync(join(root, 'ImageSets/Main/test.txt'), list(6, 8));
}

interface Read extends ImageBoxes {
  index: number;
  image: Float32Array;
}

/** Epochs of a source, by default the first, image by image, in the order of the source. */
async function read(
  source: ImageSource,
  transform: string,
  options: Partial<LoaderOptions> = {},
  ...epochs: readonly number[]
) {
  const loader = new Loader(source, { transform, batchSize: 3, workers: 2, ...options });
  const found: Read[] = [];
  try {
    for (const epoch of epochs.length > 0 ? epochs : [0])
      for await (const { images, indices, targets, size } of loader.epoch(epoch))
        for (let i = 0; i < size; i++) {
          const pixels = images.length / size;
          found.push({
            ...boxesOf(targets, i),
            index: indices[i] as number,
            image: images.slice(i * pixels, (i + 1) * pixels),
          });
        }
    return { found, broken: loader.broken };
  } finally {
    await loader.close();
  }
}

/** Around the pixels that are bright, continuous. */
function seen(image: Float32Array, width: number): Corners {
  const box: Corners = [width, width, 0, 0];
  for (let p = 0; p < image.length / 3; p++) {
    if ((image[3 * p] as number) < 0.58) continue;
    const [x, y] = [p % width, Math.floor(p / width)];
    box.splice(0, 4, Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x + 1), Math.max(box[3], y + 1));
  }
  return box;
}

describe('sets with boxes', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'refconv-boxes-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("reads VOC's layout: classes of the training images, pixels with inclusive ends, difficult objects", async () => {
    await writeVoc(root);
    const { data } = await openDataset(`voc:${root}`);
    expect(data.classes).to.deep.equal(['cat', 'dog']);
    const { source } = await openImages(`voc:${root}`, 'test');
    const { found } = await read(source, 'resize(60x40)', { labelSize: 'own' });
    const [x1, y1, x2, y2] = brightBox(7);
    expect(found[1]).to.deep.include({ height: HEIGHT, width: WIDTH });
    expect(found[1]?.boxes).to.deep.equal([
      { box: [x1 - 1, y1 - 1, x2, y2], area: 40 * 25, label: 2, crowd: false, difficult: true },
    ]);
    const resized = (await read(source, 'resize(45x60)')).found[0];
    expect(resized?.boxes[0]?.box).to.deep.equal([20, 19, 40, 31.5]);
    expect(resized).to.deep.include({ height: 45, width: 60 });
  });

  it('moves boxes exactly where their pixels go, by the seed, the epoch and the index alone', async () => {
    await writeVoc(root);
    const { source } = await openImages(`voc:${root}`, 'train');
    const kinds = new Set<string>();
    for (const transform of [
      'randomIouCrop|resize(96x96,interpolation=opencv)|flip',
      'randomExpand(times=1..3)|randomIouCrop|resize(96x96,interpolation=opencv)|flip',
      'randomResizedCrop(96,scale=0.5..1)|flip',
      'resize(96x96)|flip(1)',
    ]) {
      const { found } = await read(source, transform, {}, 0, 1, 2, 3, 4, 5);
      for (const { boxes, image, index } of found) {
        const bright = seen(image, 96);
        if (boxes.length === 0) {
          kinds.add('lost');
          continue;
        }
        const [{ box }] = boxes as [(typeof boxes)[0]];
        // A resized edge is between two pixels.
        box.forEach((side, k) => {
          expect(side, `${transform} image ${index}: ${box} and ${bright}`).to.be.closeTo(bright[k] as number, 1.6);
        });
        if (box.some((side) => side === 0 || side === 96)) kinds.add('cut off');
        else kinds.add('whole');
      }
    }
    expect([...kinds].sort()).to.deep.equal(['cut off', 'lost', 'whole']);
    const text = 'randomExpand|randomIouCrop|resize(32x32)|flip|photometric';
    const one = await read(source, text, { workers: 1, seed: 3 }, 2);
    expect(await read(source, text, { workers: 3, seed: 3 }, 2)).to.deep.equal(one);
    expect((await read(source, text, { seed: 4 }, 2)).found).to.not.deep.equal(one.found);
    expect((await read(source, text, { seed: 3 }, 1)).found).to.not.deep.equal(one.found);
    const picked = await read(selectImages(source, [4, 1]), 'resize(96x96)');
    const all = await read(source, 'resize(96x96)');
    expect(picked.found.map(({ boxes }) => boxes)).to.deep.equal([all.found[4]?.boxes, all.found[1]?.boxes]);
  });

  it('names what is wrong before anything is loaded, and leaves out what may be skipped', async () => {
    const good = object('dog', brightBox(0));
    await writeVoc(root, {
      0: annotation(`${good}${object('cat', [5, 9, 5, 9])}${object('dog', [100, 10, 300, 20])}`),
      1: '<annotation><object>',
      2: undefined,
      3: annotation(object('cat', brightBox(3)), [640, 480]),
      4: annotation(object('dog', ['x', 1, 2, 3])),
      6: annotation(`${object('wolf', brightBox(6))}${object('cat', brightBox(6))}`, [0, 0]),
    });
    const { source } = await openImages(`voc:${root}`, 'train');
    expect(() => new Loader(source, { transform: 'resize(32x32)', batchSize: 2 })).to.throw(
      /4 images of voc cannot be used: .*p0\.png: its object 2 \(cat\) has no area: \[5, 9, 5, 9\]; object 3 \(dog\) lies outside of the image of 120 x 90: .*p1\.xml cannot be read.*p2\.xml is missing; and so on\. Mend/,
    );
    const { found, broken } = await read(source, 'resize(32x32)', { onBroken: 'skip' });
    expect(found.map(({ index, boxes }) => [index, boxes.length])).to.deep.equal([
      [0, 1],
      [4, 0],
      [5, 1],
    ]);
    expect(broken.map(({ index }) => index)).to.deep.equal([1, 2, 3]);
    expect(broken[2]?.reason).to.equal('its annotation is of an image of 640 x 480, and it is 120 x 90');
    const counts = await verifyDataset(source);
    expect(counts.boxes).to.deep.include({ count: 3, most: 1, without: 3 });
    expect(verificationText(counts)).to.match(/2 images with wrong boxes\n.*has no area/);
    expect(counts.broken).to.have.length(3);
    const { source: test } = await openImages(`voc:${root}`, 'test');
    expect(() => new Loader(test, { transform: 'resize(32x32)', batchSize: 2 })).to.throw(
      'its object 1 (wolf) is of an unknown class',
    );
  });

  for (const [what, xml, message] of [
    ['is no XML', 'hello', /cannot be read: char 'h' is not expected/],
    ['is nested without end', `${'<a>'.repeat(99)}${'</a>'.repeat(99)}`, /nested tags exceeded/],
    ['is of something else', '<svg></svg>', /has no <annotation>/],
    ['is too long', `<annotation>${' '.repeat(2 ** 22)}</annotation>`, /more than 4194304/],
  ] as const) {
    it(`names an annotation that ${what}`, async () => {
      await writeVoc(root, { 2: xml });
      const { source } = await openImages(`voc:${root}`, 'train');
      expect(() => new Loader(source, { transform: 'resize(32x32)', batchSize: 2 })).to.throw(message);
      expect((await read(source, 'resize(32x32)', { onBroken: 'skip' })).found).to.have.length(5);
    });
  }

  it('expands no entity of an annotation', async () => {
    const bomb = '<!DOCTYPE a [<!ENTITY b "cat"><!ENTITY c "&b;&b;&b;">]>';
    await writeVoc(root, { 0: `${bomb}${annotation(object('&c;', brightBox(0)))}` });
    expect((await openDataset(`voc:${root}`)).data.classes).to.deep.equal(['&c;', 'cat', 'dog']);
    await writeVoc(root, { 0: annotation(object('R&amp;D', brightBox(0))) });
    expect((await openDataset(`voc:${root}`)).data.classes).to.deep.equal(['R&D', 'cat', 'dog']);
  });

  it("reads COCO's format: numbers of images and categories, crowds, areas", async () => {
    mkdirSync(join(root, 'annotations'));
    for (const split of ['train', 'val']) {
      mkdirSync(join(root, `${split}2017`));
      for (let i = 0; i < 3; i++) writeFileSync(join(root, `${split}2017`, `${i}.png`), await picture(i));
      const truth = {
        images: [0, 1, 2, 3].map((i) => ({ id: 10 + i, file_name: `${i}.png`, height: HEIGHT, width: WIDTH })),
        categories: [
          { id: 18, name: 'dog' },
          { id: 3, name: 'car' },
        ],
        annotations: [
          { id: 1, image_id: 12, category_id: 18, bbox: [20, 26, 40, 25], area: 700, iscrowd: 0 },
          { id: 2, image_id: 12, category_id: 3, bbox: [0, 0, 60, 60], iscrowd: 1 },
          { id: 3, image_id: 10, category_id: 5, bbox: [1, 1, 2, 2] },
        ],
      };
      writeFileSync(join(root, 'annotations', `instances_${split}2017.json`), JSON.stringify(truth));
    }
    const { data } = await openDataset(`coco:${root}`);
    expect(data.classes).to.deep.equal(['car', 'dog']);
    const { source } = await openImages(`coco:${root}`, 'val');
    expect(() => new Loader(source, { transform: 'resize(32x32)', batchSize: 2 })).to.throw(
      /object 1 \(category 5\) is of an unknown class.*3\.png: the image is missing/,
    );
    const { found } = await read(source, 'resize(32x32)', { onBroken: 'skip', labelSize: 'own' });
    expect(found.map(({ boxes }) => boxes)).to.deep.equal([
      [],
      [],
      [
        { box: [20, 26, 60, 51], area: 700, label: 2, crowd: false, difficult: false },
        { box: [0, 0, 60, 60], area: 3600, label: 1, crowd: true, difficult: false },
      ],
    ]);
    const trained = await read(source, 'randomIouCrop|resize(32x32)', { onBroken: 'skip' });
    expect(trained.found.flatMap(({ boxes }) => boxes).filter(({ crowd }) => crowd)).to.have.length(0);
    const { annotations } = source;
    expect(annotations?.kind === 'boxes' && [[...annotations.ids], [...annotations.categories]]).to.deep.equal([
      [10, 11, 12, 13],
      [3, 18],
    ]);
    writeFileSync(join(root, 'annotations/instances_val2017.json'), '{"images": []}');
    await openImages(`coco:${root}`, 'val').then(
      () => expect.fail(),
      ({ message }) => expect(message).to.match(/instances_val2017.json cannot be read: it has no list "categories"/),
    );
  });

  it('refuses transforms that boxes cannot follow, and sets without boxes', async () => {
    await writeVoc(root);
    const { source } = await openImages(`voc:${root}`, 'train');
    const loader = (transform: string, from = source) => new Loader(from, { transform, batchSize: 2 });
    expect(() => loader('resize(32x32)|mixup(1)')).to.throw('the boxes cannot follow the images through mixup');
    expect(() => loader('resize(32)|randomIouCrop')).to.throw('before which randomExpand and randomIouCrop may stand');
    const { annotations: _, ...plain } = source;
    expect(() => loader('randomIouCrop|resize(8x8)', plain)).to.throw(
      'randomIouCrop chooses by boxes, which voc has not',
    );
    await openDataset(`voc:${join(root, 'JPEGImages')}`).then(
      () => expect.fail(),
      ({ message }) => expect(message).to.contain('has no training images; expected JPEGImages/NAME.jpg'),
    );
  });

  it('draws pictures with boxes around what is seen', async () => {
    const { train } = objects({ size: 48, train: 20, test: 1, validation: 1 });
    const { found } = await read(train, 'resize(48x48)');
    expect(found.flatMap(({ boxes }) => boxes).length).to.be.within(30, 80);
    for (const { boxes } of found)
      for (const { box, label } of boxes) {
        expect(label).to.be.within(1, 5);
        expect(box[0] >= 0 && box[1] >= 0 && box[2] <= 48 && box[3] <= 48 && box[2] - box[0] >= 2).to.equal(true);
      }
  });

  it('counts BCCD as it is', async function () {
    const folder = join(sharedFolder(), 'data/bccd');
    if (!existsSync(folder)) {
      console.log(`No BCCD in ${folder}; see README.`);
      this.skip();
    }
    const boxes = await Promise.all(
      (['train', 'val', 'test'] as const).map(async (split) => {
        const { source } = await openImages(`voc:${folder}`, split);
        expect(source.classes).to.deep.equal(['Platelets', 'RBC', 'WBC']);
        const { boxes } = await verifyDataset(source);
        if (!boxes) throw new Error('It has boxes.');
        return boxes;
      }),
    );
    expect(boxes.map(({ count, wrong }) => [count, wrong.length])).to.deep.equal([
      [2804, 1],
      [1137, 1],
      [945, 0],
    ]);
    const sum = (of: (counts: (typeof boxes)[0]) => number) => boxes.reduce((total, each) => total + of(each), 0);
    // Its two boxes without area count as small there.
    expect([sum(({ small }) => small), sum(({ medium }) => medium), sum(({ large }) => large)]).to.deep.equal([
      32, 1386, 3468,
    ]);
  });
});
