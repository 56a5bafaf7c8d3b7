/** Detection by the command: train, go on, evaluate, predict, refocus, merge and export. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buildBackbone } from '@refconv/backbones';
import { encodePicture, objects } from '@refconv/datasets';
import { saveModel } from '@refconv/training';
import { expect } from 'chai';
import { fail, refconv, succeed, temporaryFolder } from './testing/commands.js';

const NETWORK = ['--task', 'detection', '--backbone', 'mobilenetv1', '--width', '0.125', '--seed', '1'];
const SIZE = ['--image-size', '64x64'];
const SHORT = ['--data', 'objects', '--epochs', '1', '--batch-size', '50', '--workers', '2'];

/** A set in VOC's layout of four black pictures, the second of which has a broken annotation; all are for training and for tests. */
async function writeVoc(root: string): Promise<void> {
  for (const folder of ['JPEGImages', 'Annotations', 'ImageSets/Main'])
    mkdirSync(`${root}/${folder}`, { recursive: true });
  const picture = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  const box = '<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>40</xmax><ymax>44</ymax></bndbox>';
  const empty = '<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>5</xmax><ymax>6</ymax></bndbox>';
  const object = (content: string) => `<object><name>cell</name>${content}</object>`;
  for (const name of ['a', 'b', 'c', 'd']) {
    writeFileSync(`${root}/JPEGImages/${name}.png`, await encodePicture(picture));
    writeFileSync(`${root}/Annotations/${name}.xml`, `<annotation>${object(box)}</annotation>`);
  }
  writeFileSync(`${root}/Annotations/a.xml`, `<annotation>${object(box)}${object(empty)}</annotation>`);
  writeFileSync(`${root}/Annotations/b.xml`, '<annotation><object>');
  for (const split of ['train', 'test']) writeFileSync(`${root}/ImageSets/Main/${split}.txt`, 'a\nb\nc\nd\n');
}

describe('refconv for detection', () => {
  const at = temporaryFolder();
  const evaluate = (...args: string[]) => JSON.parse(succeed('evaluate', '--json', ...args));
  const lastRow = (folder: string) => {
    const [header, ...rows] = readFileSync(at(folder, 'metrics.csv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    return Object.fromEntries((header ?? []).map((name, i) => [name, Number(rows.at(-1)?.[i])]));
  };

  it('trains, evaluates as COCO does, and predicts', async () => {
    const printed = succeed('train', ...NETWORK, ...SIZE, ...SHORT, '--output', at('baseline'));
    expect(printed).to.contain('objects: 500 training, 100 validation and 100 test images of 64×64');
    expect(printed).to.match(/Test images after the last epoch: AP \d+\.\d\d %, AP50 .*, VOC AP/);
    const row = lastRow('baseline');
    const test = evaluate('--model', at('baseline/model'), '--data', 'objects', '--output', at('found'));
    expect(test.ap).to.be.closeTo(row.test_ap as number, 1e-6);
    expect(test.loss).to.be.closeTo(row.test_loss as number, 1e-4);
    expect(test.coco).to.have.lengthOf(12);
    expect(test.classes).to.deep.equal(['disc', 'ring', 'square', 'triangle', 'cross']);
    const files = ['--truth', at('found/truth.json'), '--detections', at('found/detections.json')];
    const { stats } = JSON.parse(succeed('metric', 'coco', ...files));
    expect(test.coco).to.deep.equal(stats.map((value: number) => (value < 0 ? null : value)));
    expect(JSON.parse(succeed('metric', 'voc', ...files)).map).to.equal(test.voc12);

    mkdirSync(at('pictures'));
    const { place } = objects({ train: 1, validation: 1, test: 2 }).test;
    const pixels = (place as Extract<typeof place, { kind: 'memory' }>).images;
    // Of another size than the network's images.
    writeFileSync(at('pictures/high.png'), await encodePicture({ data: pixels.slice(), width: 48, height: 96 }));
    succeed(
      'predict',
      '--model',
      at('baseline/model'),
      at('pictures'),
      '--output',
      at('predicted'),
      '--least-score',
      '0.01',
    );
    const results = JSON.parse(readFileSync(at('predicted/detections.json'), 'utf8'));
    expect(results[0]).to.have.all.keys('image_id', 'category_id', 'bbox', 'score');
    for (const { bbox } of results) {
      const [x, y, width, height] = bbox;
      expect(x >= 0 && y >= 0 && x + width <= 48.01 && y + height <= 96.01, bbox.join()).to.equal(true);
    }
    const { images, categories } = JSON.parse(readFileSync(at('predicted/images.json'), 'utf8'));
    expect(images).to.deep.equal([{ id: 1, file_name: images[0].file_name, height: 96, width: 48 }]);
    expect(categories).to.have.lengthOf(5);
    expect(existsSync(at('predicted/high.png'))).to.equal(true);
    expect(fail('predict', '--model', at('baseline/model'), at('pictures'))).to.contain('Give --output, a folder');
  });

  it('refocuses the backbone alone, merges, and exports a page, ONNX and a SavedModel', () => {
    const refocus = ['--task', 'detection', '--model', at('baseline/model'), '--method', 'refconv', '--init', 'zero'];
    succeed('train', ...refocus, ...SHORT, '--output', at('refocused'));
    succeed('merge', '--model', at('refocused/model'), '--output', at('merged'));
    const [refocused, merged] = ['refocused/model', 'merged'].map((path) =>
      evaluate('--model', at(path), '--data', 'objects'),
    );
    expect(merged.loss).to.be.closeTo(refocused.loss, 1e-2);
    for (const [format, file] of [
      ['page', 'page/index.html'],
      ['onnx', 'detector.onnx'],
      ['savedmodel', 'saved/saved_model.pb'],
    ] as const) {
      succeed('export', '--model', at('merged'), '--format', format, '--output', at(file.split('/')[0] as string));
      expect(existsSync(at(file)), file).to.equal(true);
    }
    expect(JSON.parse(readFileSync(at('page/page.json'), 'utf8'))).to.include.keys('anchors', 'classes');
  });

  it('starts over a classifier, and holds images out', async () => {
    const classifier = buildBackbone('mobilenetv1', { width: 0.125, variant: 'imagenet', inputSize: 64, classes: 3 });
    const backbone = { id: 'mobilenetv1', options: { width: 0.125 } };
    await saveModel(classifier, at('classifier'), { backbone, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
    classifier.dispose();
    const over = ['--task', 'detection', '--model', at('classifier'), ...SIZE, ...SHORT, '--validation', '50'];
    const printed = succeed('train', ...over, '--output', at('over'));
    expect(printed).to.contain('objects: 450 training, 50 validation');
    const { transform } = JSON.parse(readFileSync(at('over/model/model.json'), 'utf8')).userDefinedMetadata.refconv;
    expect(transform).to.equal('resize(64x64,interpolation=opencv)|normalize(0.5/0.5/0.5,0.25/0.25/0.25)');
    expect(lastRow('over').test_ap).to.be.at.least(0);
  });

  it('says what is wrong with annotations, and leaves it out where it may', async () => {
    await writeVoc(at('voc'));
    const options = [
      ...NETWORK,
      ...SIZE,
      '--data',
      `voc:${at('voc')}`,
      '--epochs',
      '1',
      '--batch-size',
      '2',
      '--workers',
      '1',
    ];
    const message = fail('train', ...options, '--output', at('strict'));
    expect(message).to.match(
      /2 images of voc cannot be used: .*a\.png: its object 2 \(cell\) has no area.*--skip-broken/,
    );
    const printed = succeed('train', ...options, '--skip-broken', '--output', at('lenient'));
    expect(printed).to.match(/Left out: 1 image that cannot be read: .*b\.png.*b\.xml cannot be read/);
    expect(printed).to.match(/Left out: wrong boxes of 1 image: .*a\.png \(object 2 \(cell\) has no area/);
    const left = JSON.parse(readFileSync(at('lenient/left-out.json'), 'utf8'));
    expect([left.images.length, left.boxes.length]).to.deep.equal([2, 2]);
    const { status, stdout } = refconv('data', 'verify', '--data', `voc:${at('voc')}`, '--split', 'train');
    expect(status).to.equal(1);
    expect(stdout).to.contain('1 image with wrong boxes').and.to.contain('1 broken');
    succeed('data', 'show', '--data', `voc:${at('voc')}`, '--split', 'train', '--output', at('sheet.png'));
    expect(existsSync(at('sheet.png'))).to.equal(true);
  });

  it('says what does not fit', () => {
    const train = (...args: string[]) => fail('train', '--task', 'detection', '--output', at('none'), ...args);
    expect(train('--backbone', 'mobilenetv1', '--data', 'scenes')).to.contain('have no boxes, which detection needs');
    expect(fail('train', '--backbone', 'mobilenetv1', '--data', 'objects', '--output', at('none'))).to.contain(
      'have boxes: add --task detection',
    );
    expect(train('--backbone', 'mobilenetv1', '--data', 'objects', '--transform', 'resize(64x64)|mixup(1)')).to.contain(
      'boxes cannot follow',
    );
    expect(train('--backbone', 'mobilenetv1', '--data', 'objects', '--crop', '4')).to.contain('--transform says it');
  });
});
