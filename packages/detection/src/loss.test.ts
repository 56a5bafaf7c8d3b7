/** Matching and losses, compiled, against the oracle and against a second implementation in float64. */
import { compile, tf } from '@refconv/tensorflow';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import fc from 'fast-check';
import { defaultBoxes } from './anchors.js';
import { type Box, iou } from './boxes.js';
import { detectionLosses } from './loss.js';
import { matchAnchors } from './matching.js';
import { batchTargets, boxTensor, type ImageTargets } from './targets.js';
import { type BoxesOracle, generated, readDense } from './testing/oracle.js';
import { match, referenceLosses } from './testing/reference.js';

const IMAGE = { height: 96, width: 96 };
const ANCHORS = defaultBoxes(
  IMAGE,
  [6, 3, 2, 1, 1, 1].map((side) => ({ height: side, width: side })),
);
const CLASSES = 4;

const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

/** float32, relative to the largest. */
function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>, text: string): void {
  const largest = Math.max(1e-3, ...Array.from(expected, Math.abs));
  Array.from(expected).forEach((value, i) => {
    expect(found[i], `${text} ${i}`).to.be.closeTo(value, 3e-6 * largest);
  });
}

/** Losses and gradients as the compiled function computes them. */
function compiledLosses(logits: Float64Array, codes: Float64Array, images: readonly ImageTargets[], most?: number) {
  const anchors = boxTensor(ANCHORS);
  const program = compile({
    losses: (logits: Tensor3D, codes: Tensor3D, boxes: Tensor3D, labels: Tensor2D, anchors: Tensor2D) =>
      detectionLosses({ logits, boxes: codes }, { boxes, labels }, anchors),
    gradients: (logits: Tensor3D, codes: Tensor3D, boxes: Tensor3D, labels: Tensor2D, anchors: Tensor2D) =>
      tf.grads((...predictions) => {
        const [logits, codes] = predictions as [Tensor3D, Tensor3D];
        const { classification, regression } = detectionLosses({ logits, boxes: codes }, { boxes, labels }, anchors);
        return tf.add(classification, regression);
      })([logits, codes]),
  });
  const [a, b] = [
    tf.tensor3d(Float32Array.from(logits), [images.length, ANCHORS.length, CLASSES]),
    tf.tensor3d(Float32Array.from(codes), [images.length, ANCHORS.length, 4]),
  ];
  const targets = batchTargets(images, most);
  const losses = program.losses(a, b, targets.boxes, targets.labels, anchors);
  const gradients = program.gradients(a, b, targets.boxes, targets.labels, anchors);
  const result = {
    classification: losses.classification.dataSync()[0] as number,
    regression: losses.regression.dataSync()[0] as number,
    logitGradient: gradients[0]?.dataSync() as Float32Array,
    boxGradient: gradients[1]?.dataSync() as Float32Array,
  };
  tf.dispose([anchors, a, b, targets, losses, gradients]);
  program.dispose();
  return result;
}

function matchedBy(images: readonly ImageTargets[], most?: number): number[][] {
  const [anchors, targets] = [boxTensor(ANCHORS), batchTargets(images, most)];
  const program = compile({
    match: (anchors: Tensor2D, boxes: Tensor3D, labels: Tensor2D) => matchAnchors(anchors, { boxes, labels }),
  });
  const found = program.match(anchors, targets.boxes, targets.labels);
  const rows = found.arraySync();
  program.dispose();
  tf.dispose([anchors, targets, found]);
  return rows;
}

const pairs = (row: readonly number[]) => row.flatMap((box, anchor) => (box >= 0 ? [[anchor, box]] : []));

/** Images with boxes at multiples of an eighth of a pixel, as the oracles have them: float32 and float64 then agree on IoUs. */
const side = fc.integer({ min: 0, max: 96 * 8 - 80 }).map((eighth) => eighth / 8);
const extent = fc.integer({ min: 40, max: 400 }).map((eighth) => eighth / 8);
const anyBox = fc
  .tuple(side, side, extent, extent)
  .map(([x, y, w, h]): Box => [x, y, Math.min(x + w, 96), Math.min(y + h, 96)]);
const anyImage = fc
  .array(fc.tuple(anyBox, fc.integer({ min: 1, max: CLASSES - 1 })), { maxLength: 5 })
  .map((objects): ImageTargets => ({ boxes: objects.map(([box]) => box), labels: objects.map(([, label]) => label) }));

describe('matching and losses', () => {
  let tensors: number;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors).to.equal(tensors));

  it('are 0 for a batch without boxes, however many places it has', () => {
    const empty = { boxes: [], labels: [] };
    const logits = generated('logits', 2 * ANCHORS.length * CLASSES);
    const codes = generated('codes', 2 * ANCHORS.length * 4);
    for (const most of [1, 3]) {
      const found = compiledLosses(logits, codes, [empty, empty], most);
      expect([found.classification, found.regression]).to.deep.equal([0, 0]);
      expect([norm(found.logitGradient), norm(found.boxGradient)]).to.deep.equal([0, 0]);
      expect(matchedBy([empty], most)[0]?.every((box) => box === -1)).to.equal(true);
    }
  });

  it('gives an anchor that is the best of two boxes to the later one, and takes the first of equal boxes', () => {
    const box: Box = [40, 40, 56, 56];
    const far: Box = [0, 0, 9, 9];
    const [matched = []] = matchedBy([{ boxes: [box, box, far], labels: [1, 2, 3] }]);
    const [first = []] = matchedBy([{ boxes: [box], labels: [1] }]);
    const best = matched.flatMap((value, anchor) => (value === 1 ? [anchor] : []));
    expect(best.length).to.equal(1);
    // The other anchors that overlap by half or more have the first of the two.
    expect(matched.flatMap((value, anchor) => (value === 0 ? [anchor] : []))).to.deep.equal(
      first.flatMap((value, anchor) => (value === 0 && anchor !== best[0] ? [anchor] : [])),
    );
    expect(matched).to.include(2);
  });

  it('are the same as in float64, for any boxes', () => {
    let run = 0;
    fc.assert(
      fc.property(fc.array(anyImage, { minLength: 2, maxLength: 2 }), (images) => {
        const logits = generated(`logits ${run}`, 2 * ANCHORS.length * CLASSES, 4);
        const codes = generated(`codes ${run++}`, 2 * ANCHORS.length * 4, 2);
        matchedBy(images, 7).forEach((row, i) => {
          expect(pairs(row)).to.deep.equal(pairs(match(ANCHORS, images[i]?.boxes ?? [], 1e-5)));
        });
        const found = compiledLosses(logits, codes, images, 7);
        const expected = referenceLosses(logits, codes, images, ANCHORS, 1e-5);
        expectNear([found.classification], [expected.classification], 'classification');
        expectNear([found.regression], [expected.regression], 'regression');
        expectNear(found.logitGradient, expected.logitGradient, 'gradient of logit');
        expectNear(found.boxGradient, expected.boxGradient, 'gradient of box number');
      }),
      { numRuns: 8, seed: 1 },
    );
  });

  it("are the same on tfjs's own backend, in a browser or elsewhere", async () => {
    const backend = tf.getBackend();
    const image: ImageTargets = { boxes: [[10, 20, 50, 80]], labels: [2] };
    const logits = generated('logits', ANCHORS.length * CLASSES);
    const codes = generated('codes', ANCHORS.length * 4);
    const expected = referenceLosses(logits, codes, [image], ANCHORS, 1e-5);
    await tf.setBackend('cpu');
    try {
      tf.tidy(() => {
        const predictions = {
          logits: tf.tensor3d(Float32Array.from(logits), [1, ANCHORS.length, CLASSES]),
          boxes: tf.tensor3d(Float32Array.from(codes), [1, ANCHORS.length, 4]),
        };
        const found = detectionLosses(predictions, batchTargets([image]), boxTensor(ANCHORS));
        expectNear(found.classification.dataSync(), [expected.classification], 'classification');
        expectNear(found.regression.dataSync(), [expected.regression], 'regression');
      });
    } finally {
      await tf.setBackend(backend);
    }
  });

  it('refuse targets that are none', () => {
    const box: Box = [0, 0, 1, 1];
    const refused = (image: ImageTargets, message: string, most?: number) =>
      expect(() => batchTargets([image], most)).to.throw(RangeError, message);
    refused({ boxes: [box], labels: [0] }, 'Image 0 has the label 0; classes are integers from 1');
    refused({ boxes: [box], labels: [] }, 'has 1 boxes and 0 labels');
    refused({ boxes: [[3, 0, 3, 1]], labels: [1] }, 'the box [3,0,3,1], which has no area');
    refused({ boxes: [box, box], labels: [1, 1] }, 'has 2 boxes; at most 1 fit', 1);
  });

  const oracle = readDense<BoxesOracle>('boxes');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }

  it('matches as the oracle does', () => {
    oracle.matching.forEach(({ matched, ...image }) => {
      expect(pairs(match(ANCHORS, image.boxes, 0))).to.deep.equal(matched);
    });
  });

  it('matches as the oracle does, compiled, except that of equal anchors it takes the first', () => {
    let equal = 0;
    oracle.matching.forEach(({ matched, ...image }) => {
      const found = pairs(matchedBy([image])[0] ?? []);
      const others = (a: number[][], b: number[][]) => a.filter((pair) => !b.some((other) => `${other}` === `${pair}`));
      const overlap = ([anchor = 0, box = 0]: number[]) => iou(ANCHORS[anchor] as Box, image.boxes[box] as Box);
      for (const [anchor = 0, box = 0] of others(found, matched)) {
        const [expected = [Number.NaN]] = others(matched, found).filter((pair) => pair[1] === box);
        expect(overlap([anchor, box])).to.be.closeTo(overlap(expected), 1e-12);
      }
      equal += matched.length - others(matched, found).length;
    });
    expect(equal).to.be.at.least(0.85 * oracle.matching.reduce((sum, { matched }) => sum + matched.length, 0));
  });

  it('has the losses and gradients of the oracle: to float32, and by the second implementation to 1e-10', () => {
    for (const { targets, losses, gradientNorms, positives, ...names } of oracle.loss) {
      const logits = generated(names.logits, targets.length * ANCHORS.length * CLASSES, 4);
      const codes = generated(names.boxes, targets.length * ANCHORS.length * 4, 2);
      expect(targets.map(({ boxes }) => pairs(match(ANCHORS, boxes, 0)).length)).to.deep.equal(positives);
      const exact = referenceLosses(logits, codes, targets, ANCHORS, 0);
      const found = compiledLosses(logits, codes, targets);
      const expected = [...losses, ...gradientNorms];
      const numbers = ({ classification, regression, logitGradient, boxGradient }: typeof found | typeof exact) => [
        classification,
        regression,
        norm(logitGradient),
        norm(boxGradient),
      ];
      numbers(exact).forEach((value, i) => {
        expect(value).to.be.closeTo(expected[i] as number, 1e-10);
      });
      numbers(found).forEach((value, i) => {
        expect(value).to.be.closeTo(expected[i] as number, 1e-6 * Math.max(1, expected[i] as number));
      });
    }
  });
});
