import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { mobilenetv2 } from './mobilenetv2.js';

describe('mobilenetv2', () => {
  const filters = (width: number) => {
    const model = mobilenetv2({ variant: 'cifar', width });
    const names = ['features.0.0', 'features.1.conv.2', 'features.2.conv.2', 'features.4.conv.2', 'features.18.0'];
    const channels = names.map((name) => (model.getLayer(name).outputShape as number[])[3]);
    model.dispose();
    return channels;
  };

  it("rounds scaled channels as torchvision's _make_divisible does", () => {
    expect(filters(1)).to.deep.equal([32, 16, 24, 32, 1280]);
    // 8 would be less than 90 % of 24 · 0.4 = 9.6.
    expect(filters(0.4)).to.deep.equal([16, 8, 16, 16, 1280]);
    expect(filters(0.25)).to.deep.equal([8, 8, 8, 8, 1280]);
    expect(filters(1.4)).to.deep.equal([48, 24, 32, 48, 1792]);
  });

  it('drops features before the classifier where it is asked to, in training alone', () => {
    const build = (dropout?: number) => mobilenetv2({ inputSize: 32, width: 0.25, classes: 10, dropout });
    const layers = (dropout?: number) => {
      const model = build(dropout);
      const names = model.layers.map(({ name }) => name);
      model.dispose();
      return names;
    };
    expect(layers()).to.include('classifier.0');
    expect(layers(0)).not.to.include('classifier.0');
    const [without, half] = [build(0), build(0.5)];
    const x = tf.randomNormal([2, 32, 32, 3], 0, 1, 'float32', 1);
    const run = (model: typeof half) => [
      ...(model.apply(x, { training: false }) as ReturnType<typeof tf.tensor>).dataSync(),
    ];
    expect(run(half)).to.deep.equal(run(without));
    tf.dispose([x]);
    without.dispose();
    half.dispose();
  });
});
