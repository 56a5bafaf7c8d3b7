import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objects } from '@refconv/datasets';
import { boxesOf } from '@refconv/datasets/boxes';
import { refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { evaluate, type FitOptions, fit, type OpenLoaders, openLoaders, predict } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { rescale } from './boxes.js';
import { detectionsOf } from './detections.js';
import { anchorsOf, backboneConvolutions, buildDetector, inputSizeOf, predictionsOf } from './detector.js';
import {
  cocoResults,
  cocoTruth,
  type DetectedImage,
  type DetectionEvaluation,
  detectionEvaluation,
} from './evaluation.js';
import { detectionLosses } from './loss.js';
import { checkResults, checkTruth, cocoMetrics } from './metrics/index.js';
import { DETECTION_RECIPE } from './recipe.js';
import { CLASSES_FILE, DETECTIONS_FILE, TRUTH_FILE, writeDetection } from './resultFiles.js';
import { batchTargets, boxTensor } from './targets.js';
import { detection } from './task.js';

const SIZE = 64;
const RECIPE = { ...DETECTION_RECIPE, epochs: 2, batchSize: 8, warmUpEpochs: 0, seed: 3 };
const drawn = objects({ size: 48, train: 24, validation: 6, test: 6 });
const open = (): OpenLoaders =>
  openLoaders({ name: 'objects', classes: drawn.train.classes, source: 'drawn', ...drawn }, RECIPE, {
    train: `randomExpand(times=1..1.5)|randomIouCrop|resize(${SIZE}x${SIZE})|flip|photometric|normalize(half)`,
    test: `resize(${SIZE}x${SIZE})|normalize(half)`,
    workers: 1,
  });

async function trained(
  options: Partial<FitOptions<DetectedImage, DetectionEvaluation>>,
  method: (model: LayersModel) => Promise<LayersModel> = async (model) => model,
) {
  const backbone = { backbone: 'mobilenetv1', width: 0.125, classes: 6, seed: 1 };
  const model = await method(await buildDetector({ ...backbone, inputSize: [SIZE, SIZE] }));
  const data = open();
  try {
    const loop = { recipe: RECIPE, showProgress: false, log: () => {}, ...options };
    const result = await fit({ model, task: detection, data, ...loop });
    return { model, result, weights: model.getWeights().flatMap((weight) => [...weight.dataSync()]) };
  } finally {
    await data.close();
  }
}

describe('detection as a task of the training loop', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-detection-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('ends bit-equal after a stop within an epoch, refocused too, and names its measure', async () => {
    const method = (plain: LayersModel) => refocus(plain, { select: backboneConvolutions, init: 'zero' });
    const lines: string[] = [];
    const whole = await trained({ log: (line) => lines.push(line) }, method);
    expect(lines.at(-1)).to.match(/^epoch 2\/2: train loss .* validation loss .* AP \d.* test loss .* AP \d/);
    const stop = new AbortController();
    const halted = await trained({ folder, signal: stop.signal, onStep: (step) => step === 4 && stop.abort() }, method);
    expect(halted.result.stopped).to.equal(true);
    const resumed = await trained({ folder }, method);
    expect(resumed.weights).to.deep.equal(whole.weights);
    const [header] = readFileSync(join(folder, 'metrics.csv'), 'utf8').split('\n');
    expect(header).to.contain('validation_loss,validation_ap,test_loss,test_ap');
    for (const { model } of [whole, halted, resumed]) model.dispose();
  });

  it('evaluates by what the functions of single images give, in pixels of the images, and keeps its number of tensors', async () => {
    const { model } = await trained({ recipe: { ...RECIPE, epochs: 1 } });
    const data = open();
    const before = tf.memory().numTensors;
    const found = await predict(model, data.test, { task: detection });
    const eager = await predict(model, data.test, { task: detection, eager: true });
    const evaluation = await evaluate(model, data.test, { task: detection });
    expect(tf.memory().numTensors).to.equal(before);
    const [anchors, size] = [anchorsOf(model), inputSizeOf(model)];
    let at = 0;
    let [loss, positives] = [0, 0];
    for await (const { images, targets, size: count } of data.test.epoch(0)) {
      for (let i = 0; i < count; i++, at++) {
        const image = found[at] as DetectedImage;
        const pixels = images.subarray(i * SIZE * SIZE * 3, (i + 1) * SIZE * SIZE * 3);
        const { boxes, height, width } = boxesOf(targets, i);
        expect([height, width]).to.deep.equal([48, 48]);
        expect(image.truth).to.deep.equal(boxes);
        const own = boxes.map(({ box }) => rescale(box, { height, width }, size));
        const [logits, codes, losses] = tf.tidy(() => {
          const predictions = predictionsOf(model, tf.tensor4d(pixels, [1, SIZE, SIZE, 3]), false);
          const wanted = batchTargets([{ boxes: own, labels: boxes.map(({ label }) => label) }]);
          const { classification, regression } = detectionLosses(predictions, wanted, boxTensor(anchors));
          const sum = classification.dataSync()[0] as number;
          return [
            predictions.logits.dataSync(),
            predictions.boxes.dataSync(),
            sum + (regression.dataSync()[0] as number),
          ];
        }) as unknown as [Float32Array, Float32Array, number];
        expect(image.loss / Math.max(1, image.positives)).to.be.closeTo(losses, 1e-3 * losses);
        loss += image.loss;
        positives += image.positives;
        const expected = detectionsOf(logits, codes, anchors, size);
        expect(image.detections.length).to.be.closeTo(expected.length, 2);
        expected.slice(0, 5).forEach(({ score, box }, k) => {
          const { score: foundScore, box: foundBox } = image.detections[k] as (typeof expected)[0];
          expect(foundScore).to.be.closeTo(score, 1e-4);
          expect(
            Math.max(
              ...rescale(box, size, { height, width }).map((side, j) => Math.abs(side - (foundBox[j] as number))),
            ),
          ).to.be.below(0.01);
        });
        expect(eager[at]?.detections[0]?.score).to.be.closeTo(image.detections[0]?.score as number, 1e-4);
      }
    }
    expect(evaluation.loss).to.be.closeTo(loss / positives, 1e-3 * evaluation.loss);
    const truth = checkTruth(JSON.parse(JSON.stringify(cocoTruth(found, drawn.test.classes))));
    const { stats } = cocoMetrics(truth, checkResults(cocoResults(found), truth));
    expect([evaluation.ap, evaluation.ap50, evaluation.ap75]).to.deep.equal(stats.slice(0, 3));
    await writeDetection(folder, found, evaluation, drawn.test.classes);
    expect(readFileSync(join(folder, CLASSES_FILE), 'utf8').split('\n')).to.have.length(7);
    expect(JSON.parse(readFileSync(join(folder, TRUTH_FILE), 'utf8')).images).to.have.length(6);
    expect(JSON.parse(readFileSync(join(folder, DETECTIONS_FILE), 'utf8'))).to.deep.equal(cocoResults(found));
    await data.close();
    model.dispose();
  });

  it('gives perfect detections 1, and refuses a set without boxes to find', () => {
    const box = { box: [0, 0, 40, 40], area: 1600, label: 1, crowd: false, difficult: false } as const;
    const image = { height: 90, width: 90, loss: 2, positives: 4, classes: 2, finite: true };
    const truth = [{ ...box, box: [0, 0, 40, 40] as [number, number, number, number] }];
    const right = { ...image, truth, detections: [{ label: 1, score: 0.9, box: box.box }] };
    const result = detectionEvaluation([right, { ...image, truth: [], detections: [] }]);
    expect(result).to.deep.include({ count: 2, loss: 0.5, notFinite: 0 });
    for (const name of ['ap', 'ap50', 'voc12', 'voc07'] as const) expect(result[name]).to.be.closeTo(1, 1e-12);
    expect(result.coco.map((value) => value && Math.round(1e9 * value) / 1e9)).to.deep.equal([
      1,
      1,
      1,
      null,
      1,
      null,
      1,
      1,
      1,
      null,
      1,
      null,
    ]);
    expect(result.classVoc12).to.deep.equal([1, null]);
    expect(() => detectionEvaluation([{ ...image, truth: [], detections: [] }])).to.throw(
      RangeError,
      'no box that counts',
    );
  });

  it('says what it needs', async () => {
    expect(() => detection.targets({ images: new Float32Array(1), labels: new Int32Array(1), size: 1 }, 2)).to.throw(
      'Detection needs images with boxes',
    );
    const options = { labelSmoothing: 0.1 };
    expect(() => detection.checkTraining({} as LayersModel, options)).to.throw(
      'The loss of detection has no labelSmoothing',
    );
  });
});
