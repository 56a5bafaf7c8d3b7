import { compile, withRandomSeed } from '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { efficientnetB0 } from './efficientnet_b0.js';

const SMALL = { variant: 'cifar', width: 0.25 } as const;

describe('efficientnetB0', () => {
  it('drops whole images from residual branches, the more the deeper', async () => {
    const model = efficientnetB0({ variant: 'cifar', stochasticDepth: 0.32 });
    const loaded = await tf.models.modelFromJSON({ modelTopology: model.toJSON(undefined, false) } as never);
    const rates = loaded.layers
      .filter(({ name }) => name.endsWith('stochastic_depth'))
      .map((layer) => {
        expect(layer.getConfig().noiseShape).to.deep.equal([null, 1, 1, 1]);
        return Math.round(100 * (layer.getConfig().rate as number));
      });
    // The blocks of stride 1 whose channels stay, out of 16.
    expect(rates).to.deep.equal([4, 8, 12, 14, 18, 20, 24, 26, 28]);
    model.dispose();
    loaded.dispose();
  });

  it('draws anew for each seed when it is compiled', () => {
    const model = efficientnetB0({ ...SMALL, stochasticDepth: 0.5 });
    const tensors = tf.memory().numTensors;
    const program = compile({
      train: (x: tf.Tensor4D, seed: tf.Tensor1D) =>
        withRandomSeed(seed, () => model.apply(x, { training: true }) as tf.Tensor),
    });
    const x = tf.randomNormal<tf.Rank.R4>([2, 32, 32, 3], 0, 1, 'float32', 1);
    const draw = (count: number) => {
      const seed = tf.tensor1d([7, count], 'int32');
      const y = program.train(x, seed);
      const values = [...y.dataSync()];
      tf.dispose([seed, y]);
      return values;
    };
    expect(draw(0)).to.deep.equal(draw(0));
    expect(draw(0)).not.to.deep.equal(draw(1));
    x.dispose();
    program.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
    model.dispose();
  });

  it('scales all channels, and squeezes to a quarter of what goes into a block', () => {
    const model = efficientnetB0({ variant: 'cifar', width: 0.5 });
    const names = ['features.0.0', 'features.2.0.block.0.0', 'features.3.0.block.2.fc1', 'features.8.0'];
    const channels = names.map((name) => (model.getLayer(name).outputShape as number[]).at(-1));
    expect(channels).to.deep.equal([16, 48, 4, 640]);
    model.dispose();
  });

  it('refuses what cannot be', () => {
    expect(() => efficientnetB0({ width: -1 })).to.throw(RangeError, 'width must be positive; given -1.');
    expect(() => efficientnetB0({ dropout: 1 })).to.throw(RangeError, 'dropout must be in [0, 1); given 1.');
    expect(() => efficientnetB0({ stochasticDepth: -0.1 })).to.throw(
      RangeError,
      'stochasticDepth must be in [0, 1); given -0.1.',
    );
  });
});
