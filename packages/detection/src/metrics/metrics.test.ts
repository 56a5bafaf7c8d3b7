/** Average precision against pycocotools' and the VOC script's numbers. */
import { expect } from 'chai';
import { generated, type MetricsOracle, readDense } from '../testing/oracle.js';
import { type CocoResult, type CocoTruth, checkResults, checkTruth, cocoMetrics, vocMetrics } from './index.js';

const nearAll = (found: readonly number[], expected: readonly number[], text?: string) => {
  expect(found.length, text).to.equal(expected.length);
  found.forEach((value, i) => {
    expect(value, `${text} ${i}`).to.be.closeTo(expected[i] as number, 1e-12);
  });
};

const truthOf = (images: readonly number[], classes: readonly number[], annotations: CocoTruth['annotations']) => ({
  images: images.map((id) => ({ id })),
  categories: classes.map((id) => ({ id })),
  annotations,
});

const TRUTH = truthOf(
  [1],
  [1],
  [
    { image_id: 1, category_id: 1, bbox: [0, 0, 10, 10] },
    { image_id: 1, category_id: 1, bbox: [20, 20, 10, 10] },
  ],
);
const DETECTIONS: CocoResult[] = [
  { image_id: 1, category_id: 1, bbox: [0, 0, 10, 10], score: 0.9 },
  { image_id: 1, category_id: 1, bbox: [50, 50, 10, 10], score: 0.8 },
  { image_id: 1, category_id: 1, bbox: [20, 20, 10, 8], score: 0.7 },
];

describe('average precision', () => {
  it('is that of the specification in its example', () => {
    const ap = 0.735973597359736;
    const { stats, classes } = cocoMetrics(TRUTH, DETECTIONS);
    nearAll(stats, [ap, 0.834983498349835, 0.834983498349835, ap, -1, -1, 0.5, 0.85, 0.85, 0.85, -1, -1]);
    expect(classes.get(1)).to.equal(stats[0]);
    nearAll([vocMetrics(TRUTH, DETECTIONS, '07').map], [0.848484848484848], '07');
    nearAll([vocMetrics(TRUTH, DETECTIONS, '12').map], [0.833333333333333], '12');
  });

  it('is -1 for a class without objects, which no mean counts', () => {
    const truth = { ...TRUTH, categories: [{ id: 1 }, { id: 7 }] };
    const detections = [...DETECTIONS, { image_id: 1, category_id: 7, bbox: [0, 0, 10, 10], score: 1 } as CocoResult];
    expect(cocoMetrics(truth, detections).stats).to.deep.equal(cocoMetrics(TRUTH, DETECTIONS).stats);
    expect(cocoMetrics(truth, detections).classes.get(7)).to.equal(-1);
    expect(vocMetrics(truth, detections).map).to.equal(vocMetrics(TRUTH, DETECTIONS).map);
    expect(vocMetrics(truth, detections).classes.get(7)).to.equal(-1);
  });

  it('takes less than 10 s for 5,000 images', function () {
    this.timeout(600_000);
    const images = Array.from({ length: 5000 }, (_, i) => i + 1);
    const classes = Array.from({ length: 80 }, (_, i) => i + 1);
    const u = generated('a large set', images.length * 50 * 7);
    let at = 0;
    const next = (most: number) => Math.abs(u[at++] as number) * most;
    const entry = (image_id: number) => ({
      image_id,
      category_id: 1 + Math.floor(next(8)) * Math.floor(next(10)),
      bbox: [next(500), next(500), 10 + next(90), 10 + next(90)] as [number, number, number, number],
    });
    const annotations = images.flatMap((image) => Array.from({ length: 8 }, () => entry(image)));
    const detections = images.flatMap((image) =>
      Array.from({ length: 40 }, () => ({ ...entry(image), score: next(1) })),
    );
    // Of the processor, which other tests may share.
    const started = process.cpuUsage();
    cocoMetrics(truthOf(images, classes, annotations), detections);
    const { user, system } = process.cpuUsage(started);
    const seconds = (user + system) / 1e6;
    console.log(`      ${detections.length} detections: ${seconds.toFixed(1)} s`);
    expect(seconds).to.be.below(10);
  });

  const oracle = readDense<MetricsOracle>('metrics');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }

  it('is that of pycocotools in 200 cases', () => {
    expect(oracle.coco.length).to.equal(200);
    oracle.coco.forEach(({ kind, images, classes, truth, detections, stats, perClass }, number) => {
      const annotations = truth.map(([image_id = 0, category_id = 0, x = 0, y = 0, w = 0, h = 0, area, crowd], i) => ({
        ...{ id: i + 1, image_id, category_id, area, iscrowd: crowd as 0 | 1 },
        bbox: [x, y, w, h] as [number, number, number, number],
      }));
      const results = detections.map(([image_id = 0, category_id = 0, x = 0, y = 0, w = 0, h = 0, score = 0]) => ({
        ...{ image_id, category_id, score },
        bbox: [x, y, w, h] as [number, number, number, number],
      }));
      const found = cocoMetrics(truthOf(images, classes, annotations), results);
      nearAll(found.stats, stats, `case ${number}, ${kind}, number`);
      nearAll(
        classes.map((id) => found.classes.get(id) as number),
        perClass,
        `case ${number}, ${kind}, class`,
      );
    });
  });

  it('is that of the VOC script in 40 cases', () => {
    expect(oracle.voc.length).to.equal(40);
    oracle.voc.forEach(({ images, truth, detections, voc07, voc12 }, number) => {
      const box = (x1 = 0, y1 = 0, x2 = 0, y2 = 0): [number, number, number, number] => [
        x1,
        y1,
        x2 - x1 + 1,
        y2 - y1 + 1,
      ];
      const annotations = truth.map(([image_id = 0, x1, y1, x2, y2, difficult]) => ({
        ...{ image_id, category_id: 1, difficult: difficult as 0 | 1 },
        bbox: box(x1, y1, x2, y2),
      }));
      const results = detections.map(([image_id = 0, score = 0, x1, y1, x2, y2]) => ({
        ...{ image_id, category_id: 1, score },
        bbox: box(x1, y1, x2, y2),
      }));
      const set = truthOf(images, [1], annotations);
      nearAll(
        [vocMetrics(set, results, '07').map, vocMetrics(set, results).map],
        [voc07, voc12],
        `case ${number}, rule`,
      );
    });
  });
});

describe("COCO's formats", () => {
  it('are refused with what is wrong in them', () => {
    const refused = (change: object, message: string) =>
      expect(() => checkTruth({ ...TRUTH, ...change })).to.throw(message);
    const annotation = TRUTH.annotations[0];
    refused({ images: undefined }, 'images: expected a list; given nothing');
    refused({ images: [{ id: 1 }, { id: 1 }] }, 'images[1].id is 1; expected a number that no other entry has');
    refused({ annotations: [{ ...annotation, image_id: 9 }] }, 'annotations[0].image_id is 9, which is no image of');
    refused({ annotations: [{ ...annotation, category_id: 'x' }] }, 'annotations[0].category_id is "x", which is no');
    refused(
      { annotations: [{ ...annotation, bbox: [0, 0, -1, 2] }] },
      'annotations[0].bbox is [0,0,-1,2]; expected [x',
    );
    refused({ annotations: [{ ...annotation, iscrowd: 2 }] }, 'annotations[0].iscrowd is 2; expected 0 or 1');
    refused({ annotations: [{ ...annotation, area: 'x' }] }, 'annotations[0].area is "x"; expected a finite number');
    expect(() => checkTruth([])).to.throw('The truth: expected an object with images, categories, annotations');
    expect(() => checkResults({}, TRUTH)).to.throw('The detections: expected a list; given [object Object]');
    expect(() => checkResults([{ ...DETECTIONS[0], score: Number.NaN }], TRUTH)).to.throw(
      'detections[0].score is null',
    );
    expect(checkResults(DETECTIONS, checkTruth(TRUTH))).to.equal(DETECTIONS);
  });
});
