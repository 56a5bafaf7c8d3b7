import { withoutDrawing } from '@refconv/layers';
import { tf, withRandomSeed } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildBackbone } from './registry.js';

/** The networks whose blocks are dropped, the last block's layer, and the number of blocks. */
const NETWORKS = {
  fasternet_s: { path: 'stages.3.blocks.1.drop_path', blocks: 18 },
  convnext_tiny: { path: 'features.7.2.stochastic_depth', blocks: 18 },
};

for (const [id, { path, blocks }] of Object.entries(NETWORKS)) {
  describe(`stochastic depth of ${id}`, () => {
    const end = path.slice(path.lastIndexOf('.'));
    const dropping = (model: LayersModel) => model.layers.filter(({ name }) => name.endsWith(end));

    it('rises from no layer at the first block to the rate at the last', () => {
      const model = withoutDrawing(() => buildBackbone(id, { variant: 'cifar', stochasticDepth: 0.2 }));
      const rates = dropping(model).map((layer) => layer.getConfig().rate as number);
      expect(dropping(model).at(-1)?.name).to.equal(path);
      expect(rates.length).to.equal(blocks - 1);
      rates.forEach((rate, i) => {
        expect(rate).to.be.closeTo((0.2 * (i + 1)) / (blocks - 1), 1e-12);
      });
      model.dispose();
    });

    it('drops a whole image or nothing of it', () => {
      const tensors = tf.memory().numTensors;
      const model = withoutDrawing(() => buildBackbone(id, { variant: 'cifar', stochasticDepth: 0.5 }));
      const layer = model.getLayer(path);
      const shape = (layer.input as SymbolicTensor).shape.slice(1) as number[];
      tf.tidy(() => {
        const x = tf.ones([32, ...shape]);
        const seed = tf.tensor1d([1, 2], 'int32');
        const y = withRandomSeed(seed, () => layer.apply(x, { training: true }) as Tensor);
        const perImage = tf.split(tf.reshape(y, [32, -1]), 32).map((image) => new Set(image.dataSync()));
        for (const values of perImage) expect(values.size).to.equal(1);
        expect(new Set(y.dataSync())).to.deep.equal(new Set([0, 2]));
      });
      model.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });

    it('is left out at 0, and refuses what is no share', () => {
      const model = withoutDrawing(() => buildBackbone(id, { variant: 'cifar', stochasticDepth: 0 }));
      expect(dropping(model)).to.deep.equal([]);
      model.dispose();
      expect(() => buildBackbone(id, { stochasticDepth: 1 })).to.throw(
        RangeError,
        'stochasticDepth must be in [0, 1); given 1.',
      );
    });
  });
}
