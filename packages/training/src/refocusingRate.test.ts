import { merge, refconvLayers, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { classifier } from './classifier.js';
import { checkRecipe, PAPER_RECIPE, type Recipe, recipeHash } from './recipe.js';

const STEP = { momentum: 0, weightDecay: 0, decayNormsAndBiases: true, labelSmoothing: 0 };

function network(): LayersModel {
  const seed = 3;
  const initializer = tf.initializers.heNormal({ seed });
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [8, 8, 3], filters: 32, kernelSize: 3, kernelInitializer: initializer }),
      tf.layers.depthwiseConv2d({
        kernelSize: 3,
        depthwiseInitializer: tf.initializers.randomUniform({ minval: 0.2, maxval: 1, seed }),
      }),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: 4, kernelInitializer: initializer }),
    ],
  });
}

/** The merged kernel of each spatial convolution. */
async function kernels(model: LayersModel): Promise<number[][]> {
  const merged = refconvLayers(model).length ? await merge(model) : model;
  const values = merged.layers.slice(0, 2).map((layer) => Array.from(layer.getWeights()[0]?.dataSync() ?? []));
  if (merged !== model) merged.dispose();
  return values;
}

/** How far one step moves each kernel, and W_r. */
async function steps(model: LayersModel, refocusingRate?: Recipe['refocusingRate']) {
  const before = await kernels(model);
  const maps = refconvLayers(model).map(({ convmap }) => Array.from(convmap.read().dataSync()));
  const program = classifier(model, { ...STEP, refocusingRate });
  tf.tidy(() => {
    const images: Tensor4D = tf.randomNormal([16, 8, 8, 3], 0, 1, 'float32', 5);
    program.train(images, tf.zeros([16], 'int32') as Tensor1D, 0.01);
  });
  program.dispose();
  const length = (from: number[], to: number[]) => Math.hypot(...to.map((value, i) => value - (from[i] ?? Number.NaN)));
  const after = await kernels(model);
  const mapsAfter = refconvLayers(model).map(({ convmap }) => Array.from(convmap.read().dataSync()));
  model.dispose();
  return {
    kernels: after.map((kernel, i) => length(before[i] ?? [], kernel)),
    maps: mapsAfter.map((map, i) => length(maps[i] ?? [], map)),
  };
}

describe('refocusingRate', () => {
  it('is a factor on the learning rate of W_r alone', async () => {
    const plain = network();
    const whole = await steps(await refocus(plain, { init: 'zero' }));
    const tensors = tf.memory().numTensors;
    const tenth = await steps(await refocus(plain, { init: 'zero' }), 0.1);
    for (const [i, moved] of whole.maps.entries()) expect((tenth.maps[i] ?? 0) / moved).to.be.closeTo(0.1, 1e-4);
    expect(tf.memory().numTensors).to.equal(tensors);
    plain.dispose();
  });

  it("moves W_t about as far as the plain network's kernel where it is matched, and much farther where it is not", async () => {
    const plain = network();
    const matched = await steps(await refocus(plain, { init: 'zero' }), 'matched');
    const whole = await steps(await refocus(plain, { init: 'zero' }));
    const { kernels } = await steps(plain);
    for (const [i, moved] of kernels.entries()) expect((matched.kernels[i] ?? 0) / moved).to.be.within(0.2, 5);
    expect(Math.max(...whole.kernels.map((moved, i) => moved / (kernels[i] ?? 0)))).to.be.above(5);
  });

  it('is refused where there is no W_r, and where the basis that it would match is trained', async () => {
    const plain = network();
    expect(() => classifier(plain, { ...STEP, refocusingRate: 0.1 })).to.throw(RangeError, /no RefConv layer/);
    const trained = await refocus(plain, { trainableBasis: true });
    expect(() => classifier(trained, { ...STEP, refocusingRate: 'matched' })).to.throw(RangeError, /frozen basis/);
    classifier(trained, { ...STEP, refocusingRate: 0.5 }).dispose();
    plain.dispose();
    trained.dispose();
  });

  it('is checked, and a recipe without it keeps its hash', () => {
    for (const refocusingRate of [0, -1, Number.NaN, 'other' as never])
      expect(() => checkRecipe({ ...PAPER_RECIPE, refocusingRate })).to.throw(
        RangeError,
        /refocusingRate must be a number/,
      );
    expect(checkRecipe({ ...PAPER_RECIPE, refocusingRate: 'matched' }).refocusingRate).to.equal('matched');
    expect(checkRecipe(PAPER_RECIPE)).not.to.have.property('refocusingRate');
    expect(recipeHash(PAPER_RECIPE)).not.to.equal(recipeHash({ ...PAPER_RECIPE, refocusingRate: 0.5 }));
  });
});
