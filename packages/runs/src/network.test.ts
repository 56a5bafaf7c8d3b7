/** A run's seed reaches every method and every layer that draws. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBackbone } from '@refconv/backbones';
import { METHODS, reparameterizedLayers } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { saveModel } from '@refconv/training';
import type { Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { json, RESULT, runFolder } from './folder.js';
import { startingModel } from './network.js';
import { hashOfSpec, parseSpec } from './spec.js';
import { resultFor } from './testing/result.js';
import { temporaryFolder, tinySpec } from './testing/tiny.js';

const SET = { classes: 10, shape: [16, 16] } as const;
/** The weights that a method draws over trained kernels; the weight methods none. */
const DRAWN: Record<string, RegExp | undefined> = {
  refconv: /convmap$/,
  acb: /(ver|hor)_conv$/,
  repvgg: /rbr_1x1\.conv$/,
  dbb: /(dbb_avg\.conv|dbb_1x1\.conv|dbb_1x1_kxk\.conv[12])$/,
  wn: undefined,
  cwn: undefined,
  own: undefined,
};
const KERNEL = /kernel$/;

/** Before other tests register their own. */
const IDS = METHODS.ids();

describe('the network that a run begins with', () => {
  const at = temporaryFolder();
  const trained = parseSpec(tinySpec(9));
  const from = hashOfSpec(trained);

  before(async () => {
    const folder = runFolder(at('root'), from);
    await mkdir(folder, { recursive: true });
    const model = buildBackbone('mobilenetv1', {
      variant: 'cifar',
      width: 1 / 16,
      classes: 10,
      inputSize: 16,
      seed: 9,
    });
    await saveModel(model, join(folder, 'model'), {});
    await writeFile(join(folder, RESULT), json(resultFor(from, trained)));
    model.dispose();
  });

  /** Weights of the method's layers. */
  async function weights(seed: number, changes: Parameters<typeof tinySpec>[1]): Promise<Map<string, string>> {
    const model = await startingModel(at('root'), parseSpec(tinySpec(seed, changes)), SET);
    const found = reparameterizedLayers(model).flatMap((layer) =>
      layer.weights.map((weight) => {
        const { val } = weight as unknown as { val: Variable };
        return [`${layer.name}/${weight.originalName.split('/').pop()}`, val.dataSync().toString()] as const;
      }),
    );
    model.dispose();
    return new Map(found);
  }

  it('is tested for each method', () => {
    expect(Object.keys(DRAWN)).to.have.members(IDS);
  });

  for (const [id, drawn] of Object.entries(DRAWN)) {
    for (const start of ['pretrained', 'scratch'] as const) {
      it(`follows from the seed: ${id} ${start}, over one trained network and over initial weights`, async () => {
        const tensors = tf.memory().numTensors;
        const method = { id, start };
        for (const changes of [{ method, from }, { method }]) {
          const [first, again, other] = [
            await weights(1, changes),
            await weights(1, changes),
            await weights(2, changes),
          ];
          expect(again).to.deep.equal(first);
          expect(first.size).to.be.above(10);
          // Other initial kernels, too, where there is no trained network, or where the method draws them.
          const ownKernels = !('from' in changes) || (start === 'scratch' && /acb|repvgg|dbb/.test(id));
          for (const name of first.keys()) {
            const draws = drawn?.test(name) || (ownKernels && KERNEL.test(name));
            // g of WN is made of the kernel.
            if (name.endsWith('weight_g')) continue;
            expect(first.get(name) !== other.get(name), name).to.equal(Boolean(draws));
          }
        }
        expect(tf.memory().numTensors).to.equal(tensors);
      });
    }
  }

  it('has a random basis of the seed', async () => {
    const changes = { method: { id: 'refconv', options: { basis: 'random', init: 'zero' } }, from };
    const [first, again, other] = [await weights(1, changes), await weights(1, changes), await weights(2, changes)];
    expect(again).to.deep.equal(first);
    for (const name of first.keys()) expect(first.get(name) !== other.get(name), name).to.equal(KERNEL.test(name));
  });
});
