/** `logits`, `losses` and `detections` of detection against what torchvision's computes. */
import { writeFileSync } from 'node:fs';
import { writeWeights } from '@refconv/weights';
import { expect } from 'chai';
import { generatedState, uniform } from '../../backbones/dist/testing/oracle.js';
import type { DetectionOracle } from '../../detection/dist/testing/detectors.js';
import { readDense } from '../../detection/dist/testing/oracle.js';
import { readNpy, writeNpy } from './npy.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

describe('refconv logits, losses and detections of detection', () => {
  const at = temporaryFolder();
  const oracle = readDense<DetectionOracle>('detection-mobilenetv1_0.25');
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }
  const { classes } = oracle;
  const network = ['--task', 'detection', '--backbone', 'mobilenetv1', '--width', '0.25', '--classes', String(classes)];
  const images = async ({ input, shape }: { input: string; shape: readonly number[] }) => {
    const numbers = uniform(
      input,
      shape.reduce((product, n) => product * n, 1),
    );
    await writeNpy(at('input.npy'), { shape: [...shape], data: Float32Array.from(numbers, (u) => 2 * u - 1) });
    return ['--input', at('input.npy')];
  };
  const boxFile = (targets: unknown) => {
    writeFileSync(at('boxes.json'), JSON.stringify(targets));
    return ['--boxes', at('boxes.json')];
  };

  for (const kind of ['plain', 'refconv'] as const) {
    it(`are the reference's, ${kind}`, async function () {
      this.timeout(600_000);
      const { eval: cases, train } = kind === 'plain' ? oracle : oracle.refconv;
      const shapes = new Map(oracle.state);
      const convmaps = oracle.refconv.convs.map((name): [string, number[]] => {
        const [outputs = 0, inputs = 0] = shapes.get(`${name}.weight`) ?? [];
        return [`${name}.convmap.weight`, [outputs * inputs, oracle.refconv.groups[name] as number, 3, 3]];
      });
      const weights = at(`${kind}.safetensors`);
      await writeWeights(weights, generatedState([...oracle.state, ...(kind === 'plain' ? [] : convmaps)]));
      const source = [...network, '--weights', weights, ...(kind === 'plain' ? [] : ['--refconv'])];

      const [example] = cases as [(typeof cases)[number]];
      const input = await images(example);
      succeed('logits', ...source, ...input, '--output', at('logits.npy'));
      const { shape, data } = await readNpy(at('logits.npy'));
      const anchors = oracle.anchors.find(({ size }) => size[0] === example.shape[2])?.count as number;
      expect(shape).to.deep.equal([example.shape[0], anchors, classes + 4]);
      const sampled = Math.ceil(anchors / example.step);
      for (let row = 0; row < example.shape[0] * sampled; row++) {
        const anchor = Math.floor(row / sampled) * anchors + (row % sampled) * example.step;
        const start = anchor * (classes + 4);
        const near = (column: number, expected: number | undefined, which: 0 | 1) =>
          expect(data[start + column]).to.be.closeTo(
            expected as number,
            (1e-4 + 3 * example.spread[which]) * example.largest[which],
          );
        for (let c = 0; c < classes; c++) near(c, example.logits[row * classes + c], 0);
        for (let k = 0; k < 4; k++) near(classes + k, example.boxes[row * 4 + k], 1);
      }

      const found = JSON.parse(succeed('detections', ...source, ...input));
      expect(found.length).to.equal(example.shape[0]);
      example.images.forEach(({ count, detections }, i) => {
        expect(found[i].length).to.be.closeTo(count, 0.02 * count);
        const [label, score, ...box] = detections[0] as number[];
        expect(found[i][0].label).to.equal(label);
        expect(found[i][0].score).to.be.closeTo(score as number, 1e-3);
        found[i][0].box.forEach((side: number, k: number) => {
          expect(side).to.be.closeTo(box[k] as number, 0.1);
        });
      });

      const steps = ['--steps', String(train.losses.length), '--lr', String(train.optimizer.lr)];
      const boxes = boxFile(train.targets);
      const losses = JSON.parse(succeed('losses', ...source, ...(await images(train)), ...boxes, ...steps));
      expect(losses.length).to.equal(train.losses.length);
      train.losses.forEach((pair, step) => {
        pair.forEach((loss, i) => {
          const spread = 3 * (train.spread[step]?.[i] as number);
          expect(losses[step][i]).to.be.closeTo(loss, 1e-4 + 1e-3 * loss + spread * loss);
        });
      });
    });
  }

  it('say what is wrong with boxes and options', async () => {
    const input = await images({ input: 'input', shape: [1, 3, 32, 48] });
    const losses = (...args: string[]) => fail('losses', ...network, ...input, ...args);
    const box = [1, 2, 3, 4];
    expect(losses()).to.include('--boxes must name a JSON file');
    expect(losses(...boxFile([]))).to.match(/boxes\.json cannot be used\. It has boxes of 0 images; there are 1/);
    expect(losses(...boxFile([{ boxes: [[1, 2, 3]], labels: [1] }]))).to.include('Image 0: expected {"boxes": [[x1');
    expect(losses(...boxFile([{ boxes: [box], labels: [classes] }]))).to.include(
      `Image 0 has the label ${classes}; expected classes from 1 to ${classes - 1}`,
    );
    expect(losses(...boxFile([{ boxes: [[3, 2, 1, 4]], labels: [1] }]))).to.include('[3,2,1,4], which has no area');
    expect(losses(...boxFile([]), '--output-stride', '16')).to.include('--output-stride is for segmentation');
    expect(fail('detections', '--backbone', 'mobilenetv1', ...input)).to.include(
      'How many classes, with the background',
    );
    expect(fail('detections', '--backbone', 'hbonet', '--classes', '4', ...input)).to.include('No taps are known for');
  });
});
