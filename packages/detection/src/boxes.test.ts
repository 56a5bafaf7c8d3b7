/** Boxes, anchors, coder, suppression and detections against the oracles, in float64. */
import { expect } from 'chai';
import { defaultBoxes } from './anchors.js';
import { type Box, iou, rescale } from './boxes.js';
import { decode, encode } from './coder.js';
import { detectionsOf, nonMaximumSuppression } from './detections.js';
import { type AnchorCase, type BoxesOracle, generated, readDense } from './testing/oracle.js';

/** The oracles' 15 digits, relative to the numbers. */
const near = (found: number | undefined, expected: number, text?: string) =>
  expect(found, text).to.be.closeTo(expected, 1e-12 * Math.max(1, Math.abs(expected)));

const nearAll = (found: readonly number[], expected: readonly number[], text?: string) => {
  expect(found.length, text).to.equal(expected.length);
  found.forEach((value, i) => {
    near(value, expected[i] as number, `${text} ${i}`);
  });
};

function expectAnchors(anchors: readonly Box[], { count, first, last, sums, norms }: AnchorCase): void {
  expect(anchors.length).to.equal(count);
  nearAll(anchors.slice(0, 6).flat(), first, 'first');
  nearAll(anchors.slice(-6).flat(), last, 'last');
  for (let column = 0; column < 4; column++) {
    const values = anchors.map((box) => box[column] as number);
    near(
      values.reduce((sum, value) => sum + value, 0),
      sums[column] as number,
      'sum',
    );
    if (norms) near(Math.hypot(...values), norms[column] as number, 'norm');
  }
}

const IMAGE = { height: 96, width: 96 };
const MAPS = [6, 3, 2, 1, 1, 1].map((side) => ({ height: side, width: side }));

describe('boxes', () => {
  it('overlap as in the example of the specification', () => {
    near(iou([10, 20, 50, 80], [0, 0, 32, 32]), 0.0835443037974684);
    expect(iou([1, 1, 1, 5], [2, 2, 2, 2])).to.be.NaN;
  });

  it('have codes as in the example of the specification, and come back', () => {
    const [box, anchor]: Box[] = [
      [10, 20, 50, 80],
      [0, 0, 32, 32],
    ] as const;
    if (!box || !anchor) throw new Error('missing');
    nearAll(encode(box, anchor), [4.375, 10.625, 1.11571775657105, 3.14304329711187]);
    nearAll(decode(encode(box, anchor), anchor), box);
    const [x1, y1, x2, y2] = decode([1, -2, 3, 30], anchor);
    nearAll([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], [19.2, 9.6, 58.3078016124963, 2000]);
  });

  it('are scaled by height and width apart', () => {
    expect(rescale([1, 2, 3, 4], { height: 10, width: 20 }, { height: 30, width: 10 })).to.deep.equal([
      0.5, 6, 1.5, 12,
    ]);
  });

  it('are refused on another number of maps', () => {
    expect(() => defaultBoxes(IMAGE, MAPS.slice(1))).to.throw(RangeError, 'lie on 6 maps; given 5');
  });
});

describe('boxes against the oracle', () => {
  const oracle = readDense<BoxesOracle>('boxes');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }

  it('has the default boxes', () => expectAnchors(defaultBoxes(IMAGE, MAPS), oracle.anchors));

  it('has the default boxes of other images too', () => {
    const { anchors } = readDense<{ anchors: AnchorCase[] }>('detection-resnet18') as { anchors: AnchorCase[] };
    for (const example of anchors) {
      const [height, width] = example.size;
      const maps = example.maps.map(([, height = 0, width = 0]) => ({ height, width }));
      expectAnchors(defaultBoxes({ height, width }, maps), example);
    }
  });

  it('has overlaps and codes', () => {
    const { boxes, iou: overlaps } = oracle.iou;
    boxes.slice(0, 4).forEach((a, i) => {
      nearAll(
        boxes.slice(4).map((b) => iou(a, b)),
        overlaps[i] as number[],
        'IoU',
      );
    });
    const { coder } = oracle;
    coder.anchors.forEach((anchor, i) => {
      nearAll(encode(coder.boxes[i] as Box, anchor), coder.encoded[i] as number[], 'code');
      nearAll(decode(coder.codes[i] as [number, number, number, number], anchor), coder.decoded[i] as Box, 'box');
    });
  });

  it('keeps the same boxes, where the overlap is exactly the limit too', () => {
    for (const { boxes, scores, kept } of oracle.nms)
      expect(nonMaximumSuppression(boxes, scores, 0.55)).to.deep.equal(kept);
  });

  it('has the same detections', () => {
    const anchors = defaultBoxes(IMAGE, MAPS);
    for (const { logits, logitScale, boxes, boxScale, detections } of oracle.postprocess) {
      const classes = 4;
      const found = detectionsOf(
        generated(logits, anchors.length * classes, logitScale),
        generated(boxes, anchors.length * 4, boxScale),
        anchors,
        IMAGE,
      );
      expect(found.length).to.equal(detections.length);
      found.forEach(({ label, score, box }, i) => {
        nearAll([label, score, ...box], detections[i] as number[], `detection ${i}`);
      });
    }
  });
});
