/** `logits` and `losses` of segmentation against what torchvision's computes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWeights } from '@refconv/weights';
import { expect } from 'chai';
import { generatedState, shared, uniform } from '../../backbones/dist/testing/oracle.js';
import type { Oracle } from '../../segmentation/dist/testing/reference.js';
import { readNpy, writeNpy } from './npy.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

/** A .npy of bytes. */
function labelFile(path: string, shape: number[], labels: ArrayLike<number>): void {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')}), }\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  const start = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
  writeFileSync(path, Buffer.concat([start, length, Buffer.from(header), Uint8Array.from(labels)]));
}

describe('refconv logits and losses of segmentation', () => {
  const at = temporaryFolder();
  const path = join(shared, 'oracles', 'dense', 'segmentation-mobilenetv1_0.25.json');
  if (!existsSync(path)) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }
  const oracle: Oracle = JSON.parse(readFileSync(path, 'utf8'));
  const network = ['--task', 'segmentation', '--backbone', 'mobilenetv1', '--width', '0.25', '--classes', '11'];
  const images = async ({ input, shape }: { input: string; shape: number[] }) => {
    const numbers = uniform(
      input,
      shape.reduce((product, n) => product * n, 1),
    );
    await writeNpy(at('input.npy'), { shape, data: Float32Array.from(numbers, (u) => 2 * u - 1) });
    return ['--input', at('input.npy')];
  };

  for (const kind of ['plain', 'refconv'] as const) {
    it(`are the reference's, ${kind}`, async () => {
      const { eval: cases, train } = kind === 'plain' ? oracle : oracle.refconv;
      const shapes = new Map(oracle.state);
      const convmaps = oracle.refconv.convs.map((name): [string, number[]] => {
        const [outputs = 0, inputs = 0] = shapes.get(`${name}.weight`) ?? [];
        return [`${name}.convmap.weight`, [outputs * inputs, oracle.refconv.groups[name] as number, 3, 3]];
      });
      const weights = at(`${kind}.safetensors`);
      await writeWeights(weights, generatedState([...oracle.state, ...(kind === 'plain' ? [] : convmaps)]));
      const source = [...network, '--weights', weights, ...(kind === 'plain' ? [] : ['--refconv'])];

      const example = cases.find(({ input }) => input === 'odd') as (typeof cases)[number];
      succeed('logits', ...source, ...(await images(example)), '--output', at('logits.npy'));
      const { shape, data } = await readNpy(at('logits.npy'));
      const [n, , h, w] = example.shape;
      expect(shape).to.deep.equal([n, 11, h, w]);
      let found = 0;
      for (let plane = 0; plane < n * 11; plane++)
        for (let row = 0; row < h; row += example.step)
          for (let column = 0; column < w; column += example.step)
            expect(data[(plane * h + row) * w + column]).to.be.closeTo(
              example.logits[found++] as number,
              (1e-4 + 3 * example.spread) * example.largest,
            );

      const [count, , height, width] = train.shape;
      const labels = uniform(train.labels, count * height * width).map((u) => Math.floor(u * 12));
      labelFile(
        at('labels.npy'),
        [count, height, width],
        labels.map((label) => (label === 11 ? 255 : label)),
      );
      const steps = ['--labels', at('labels.npy'), '--steps', '3', '--lr', String(train.optimizer.lr)];
      const losses = JSON.parse(succeed('losses', ...source, ...(await images(train)), ...steps));
      train.losses.forEach((loss, i) => {
        expect(losses[i]).to.be.closeTo(loss, 1e-4 + 1e-3 * loss + 3 * (train.spread[i] as number) * loss);
      });
    });
  }

  it('say what is wrong with labels and options', async () => {
    const input = await images({ input: 'input', shape: [1, 3, 32, 48] });
    const labels = (shape: number[], value: number) => {
      labelFile(at('labels.npy'), shape, new Array(shape.reduce((product, n) => product * n)).fill(value));
      return ['--labels', at('labels.npy')];
    };
    const losses = (...args: string[]) => fail('losses', ...network, ...input, ...args);
    expect(losses(...labels([1, 32, 32], 0))).to.include(
      'must hold labels of shape [1,32,48], as the images have; given [1,32,32]',
    );
    expect(losses(...labels([1, 32, 48], 12))).to.include('has the label 12; expected classes from 0 to 10, or 255');
    expect(losses(...labels([1, 32, 48], 255))).to.include('No pixel of the batch counts');
    expect(losses('--labels', '3')).to.include(
      '--labels must be a .npy of integers [n, height, width] for segmentation',
    );
    expect(fail('losses', '--backbone', 'mobilenetv1', ...input, ...labels([1, 32, 48], 0))).to.include(
      '--labels must be a list of classes',
    );
    expect(losses(...labels([1, 32, 48], 0), '--output-stride', '8')).to.include('Expected 16 or 32');
  });
});
