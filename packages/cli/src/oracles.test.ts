/** `logits` and `losses` against what the reference implementations compute. */
import { writeWeights } from '@refconv/weights';
import { expect } from 'chai';
import { generatedState, type Oracle, readOracle, uniform } from '../../backbones/dist/testing/oracle.js';
import { readNpy, writeNpy } from './npy.js';
import { succeed, temporaryFolder } from './testing/commands.js';

const ID = 'mobilenetv2';

describe('refconv logits and losses against the oracle', () => {
  const at = temporaryFolder();
  const oracle = readOracle(ID) as (Oracle & { refconv: Oracle & { convs: string[] } }) | undefined;
  if (!oracle) {
    it.skip('(the oracles are missing: set REFCONV_SHARED)');
    return;
  }

  for (const [kind, { eval: cases, train }] of Object.entries({ plain: oracle, refconv: oracle.refconv })) {
    it(`are those of the reference, ${kind}`, async () => {
      const shapes = new Map(oracle.state);
      const convmaps =
        kind === 'plain'
          ? []
          : oracle.refconv.convs.map((name): [string, number[]] => {
              const [outputs = 0, inputs = 0] = shapes.get(`${name}.weight`) ?? [];
              const count = outputs * inputs;
              return [`${name}.convmap.weight`, [count, inputs === 1 ? count : 1, 3, 3]];
            });
      const weights = at(`${kind}.safetensors`);
      await writeWeights(weights, generatedState([...oracle.state, ...convmaps]));
      const source = ['--backbone', ID, '--weights', weights, ...(kind === 'plain' ? [] : ['--refconv'])];
      const input = async ({ input, shape }: { input: string; shape: number[] }) => {
        const count = shape.reduce((product, n) => product * n, 1);
        await writeNpy(at('input.npy'), { shape, data: Float32Array.from(uniform(input, count), (u) => 2 * u - 1) });
        return ['--input', at('input.npy')];
      };

      const [example] = [...cases].sort((a, b) => a.shape[2] - b.shape[2]);
      if (!example) throw new Error('The oracle has no evaluation.');
      succeed('logits', ...source, ...(await input(example)), '--output', at('logits.npy'));
      const { shape, data } = await readNpy(at('logits.npy'));
      expect(shape).to.deep.equal([example.shape[0], 1000]);
      const tolerance = (1e-4 + 3 * example.spread) * Math.max(...example.logits.map(Math.abs));
      example.logits.forEach((value, i) => {
        expect(data[i]).to.be.closeTo(value, tolerance);
      });

      const { labels, optimizer, losses, spread } = train;
      const options = ['--labels', labels.join(), '--steps', String(losses.length), '--lr', String(optimizer.lr)];
      const found = JSON.parse(succeed('losses', ...source, ...(await input(train)), ...options));
      expect(found.length).to.equal(losses.length);
      losses.forEach((loss, i) => {
        expect(found[i]).to.be.closeTo(loss, 1e-4 + 1e-3 * loss + 3 * (spread[i] as number) * loss);
      });
    });
  }
});
