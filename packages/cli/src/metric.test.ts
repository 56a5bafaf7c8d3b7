/** `metric` against what pycocotools and the VOC script compute, and on the specification's examples. */
import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { type MetricsOracle, readDense } from '../../detection/dist/testing/oracle.js';
import { formatNpy } from './npy.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

/** A .npy of bytes. */
function byteFile(path: string, shape: number[], values: number[]): void {
  const floats = Buffer.from(formatNpy({ shape, data: Float32Array.from(values) }));
  const start = floats.length - 4 * values.length;
  const header = Buffer.from(floats.toString('latin1', 0, start).replace('<f4', '|u1'), 'latin1');
  writeFileSync(path, Buffer.concat([header, Uint8Array.from(values)]));
}

describe('refconv metric', () => {
  const at = temporaryFolder();
  const write = (name: string, value: unknown) => {
    writeFileSync(at(name), JSON.stringify(value));
    return at(name);
  };
  const files = (truth: unknown, detections: unknown) => [
    ...['--truth', write('truth.json', truth)],
    ...['--detections', write('detections.json', detections)],
  ];
  const image = { image_id: 1, category_id: 3 };
  const truth = {
    images: [{ id: 1 }],
    categories: [{ id: 3 }, { id: 4 }],
    annotations: [
      { id: 1, ...image, bbox: [0, 0, 10, 10], area: 100, iscrowd: 0 },
      { id: 2, ...image, bbox: [20, 20, 10, 10], area: 100, iscrowd: 0 },
    ],
  };
  const detections = [
    { ...image, bbox: [0, 0, 10, 10], score: 0.9 },
    { ...image, bbox: [50, 50, 10, 10], score: 0.8 },
    { ...image, bbox: [20, 20, 10, 8], score: 0.7 },
  ];

  it('coco and voc give the numbers of the example', () => {
    const { stats, classes } = JSON.parse(succeed('metric', 'coco', ...files(truth, detections)));
    expect(stats.length).to.equal(12);
    expect(stats[0]).to.be.closeTo(0.735973597359736, 1e-12);
    expect(classes).to.deep.equal({ 3: stats[0], 4: -1 });
    const voc = (...rule: string[]) => JSON.parse(succeed('metric', 'voc', ...files(truth, detections), ...rule));
    expect(voc().map).to.be.closeTo(0.833333333333333, 1e-12);
    expect(voc('--rule', '12')).to.deep.equal(voc());
    expect(voc('--rule', '07').classes[3]).to.be.closeTo(0.848484848484848, 1e-12);
  });

  it('miou gives the numbers of the example', () => {
    byteFile(at('labels.npy'), [2, 3], [0, 0, 1, 1, 255, 0]);
    byteFile(at('predictions.npy'), [2, 3], [0, 1, 1, 1, 0, 2]);
    const args = ['--labels', at('labels.npy'), '--predictions', at('predictions.npy')];
    const found = JSON.parse(succeed('metric', 'miou', ...args, '--classes', '4', '--ignore', '255'));
    const keys = ['iou', 'meanIou', 'meanIouAbsentZero', 'pixelAccuracy', 'meanClassAccuracy', 'confusion'];
    expect(found).to.have.all.keys(...keys);
    expect(found.iou).to.deep.equal([1 / 3, 2 / 3, 0, null]);
    expect([found.meanIou, found.meanIouAbsentZero]).to.deep.equal([1 / 3, 1 / 4]);
    expect(found.confusion[0]).to.deep.equal([1, 1, 1, 0]);
    byteFile(at('predictions.npy'), [3, 2], [0, 1, 1, 1, 0, 2]);
    expect(fail('metric', 'miou', ...args, '--classes', '4')).to.match(/has the shape \[2,3\], .* \[3,2\]; expected/);
  });

  it('says which file and which entry is wrong', () => {
    const wrong = [{ ...detections[0], image_id: 7 }];
    expect(fail('metric', 'coco', ...files(truth, wrong))).to.match(
      /detections\.json cannot be used\. detections\[0\]\.image_id is 7, which is no image of the truth/,
    );
    expect(fail('metric', 'voc', ...files([], detections))).to.match(
      /truth\.json cannot be used\. The truth: expected/,
    );
    expect(fail('metric', 'voc', ...files(truth, detections), '--rule', '10')).to.match(/choices are 07, 12/);
    writeFileSync(at('broken.json'), '{');
    const args = ['--truth', at('broken.json'), '--detections', at('broken.json')];
    expect(fail('metric', 'coco', ...args)).to.match(/broken\.json cannot be used\. .*JSON/);
    expect(fail('metric', 'coco', '--truth', at('none.json'), ...args.slice(2))).to.match(
      /There is no file .*none\.json/,
    );
  });

  const oracle = readDense<MetricsOracle>('metrics');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }

  it("coco gives pycocotools' numbers of a set of files", () => {
    const mixed = oracle.coco.findLast(({ kind }) => kind === 'mixed') as MetricsOracle['coco'][number];
    const entry = ([image_id, category_id, ...bbox]: number[]) => ({ image_id, category_id, bbox: bbox.slice(0, 4) });
    const annotations = mixed.truth.map((row, i) => ({ id: i + 1, ...entry(row), area: row[6], iscrowd: row[7] }));
    const results = mixed.detections.map((row) => ({ ...entry(row), score: row[6] }));
    const set = {
      images: mixed.images.map((id) => ({ id })),
      categories: mixed.classes.map((id) => ({ id })),
      annotations,
    };
    const { stats, classes } = JSON.parse(succeed('metric', 'coco', ...files(set, results)));
    mixed.stats.forEach((value, i) => {
      expect(stats[i]).to.be.closeTo(value, 1e-12);
    });
    mixed.classes.forEach((id, i) => {
      expect(classes[id]).to.be.closeTo(mixed.perClass[i] as number, 1e-12);
    });
  });
});
