import { expect } from 'chai';
import { confusionMatrix, segmentationMetrics } from './index.js';
import { readDense } from './testing/reference.js';

interface Case {
  classes: number;
  ignore: number;
  labels: number[][][];
  predictions: number[][][];
  confusion: number[][];
  iou: (number | null)[];
  classAccuracy: (number | null)[];
  meanIou: number | null;
  meanIouAbsentZero: number;
  pixelAccuracy: number | null;
  meanClassAccuracy: number | null;
}

function expectClose(found: unknown, wanted: unknown): void {
  if (Array.isArray(wanted)) {
    expect(found).to.have.length(wanted.length);
    wanted.forEach((value, i) => {
      expectClose((found as unknown[])[i], value);
    });
  } else if (wanted === null) expect(found).to.equal(null);
  else expect(found).to.be.closeTo(wanted as number, 1e-12);
}

describe('the measures of segmentation', () => {
  it('are one third, two thirds and nothing in the smallest example', () => {
    const confusion = confusionMatrix([0, 0, 1, 1, 255, 0], [0, 1, 1, 1, 0, 2], { classes: 3 });
    const { iou, meanIou, meanClassAccuracy } = segmentationMetrics(confusion);
    expectClose(iou, [1 / 3, 2 / 3, 0]);
    expectClose(meanIou, 1 / 3);
    expectClose(meanClassAccuracy, 2 / 3);
  });

  it('tell apart a class that nothing has from one that is always missed', () => {
    const found = segmentationMetrics(confusionMatrix([0, 0, 1], [0, 0, 0], { classes: 3 }));
    expectClose(found.iou, [2 / 3, 0, null]);
    expectClose([found.meanIou, found.meanIouAbsentZero], [1 / 3, 2 / 9]);
    const nothing = segmentationMetrics(confusionMatrix([255], [0], { classes: 2 }));
    expectClose(nothing.iou, [null, null]);
    expectClose(
      [nothing.meanIou, nothing.meanIouAbsentZero, nothing.pixelAccuracy, nothing.meanClassAccuracy],
      [null, 0, null, null],
    );
  });

  it('are of all images together', () => {
    const options = { classes: 2 };
    const first = confusionMatrix([0, 1], [0, 0], options);
    const both = confusionMatrix([1, 1, 255], [1, 0, 9], { ...options, into: first });
    expect(both).to.deep.equal(confusionMatrix([0, 1, 1, 1], [0, 0, 1, 0], options));
  });

  it('name a pixel that is no class', () => {
    expect(() => confusionMatrix([0, 7], [0, 0], { classes: 2 })).to.throw(
      RangeError,
      'Pixel 1 has the label 7; expected a class from 0 to 1, or 255, which is ignored.',
    );
    expect(() => confusionMatrix([0, 1], [0, 255], { classes: 2 })).to.throw(
      RangeError,
      'the prediction 255; expected a class from 0 to 1.',
    );
    expect(() => confusionMatrix([0, 1], [0], { classes: 2 })).to.throw(RangeError, '2 labels and 1 predictions');
  });

  const oracle = readDense<{ miou: Case[] }>('metrics');
  if (!oracle) it.skip('(the oracles are missing: set REFCONV_SHARED)');
  else
    it("are the oracle's", () => {
      for (const { labels, predictions, classes, ignore, ...wanted } of oracle.miou) {
        const confusion = confusionMatrix(labels.flat(2), predictions.flat(2), { classes, ignore });
        const found = segmentationMetrics(confusion);
        for (const name of Object.keys(wanted) as (keyof typeof wanted)[]) expectClose(found[name], wanted[name]);
      }
    });
});
