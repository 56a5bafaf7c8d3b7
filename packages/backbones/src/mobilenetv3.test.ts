import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { mobilenetv3 } from './mobilenetv3.js';
import { mobilenetv3Torchvision } from './mobilenetv3_torchvision.js';

/** Output channels of some layers. */
function channels(model: tf.LayersModel, names: string[]) {
  const found = names.map((name) => (model.getLayer(name).outputShape as number[]).at(-1));
  model.dispose();
  return found;
}

describe('mobilenetv3', () => {
  const names = ['features.0.0', 'features.3.conv.0', 'features.4.conv.5.fc.0', 'features.4.conv.7', 'features.14'];
  const at = (width: number) => channels(mobilenetv3('small', { variant: 'cifar', width }), names);

  it('rounds scaled channels up, except those of stem and head, as the script does', () => {
    expect(at(1)).to.deep.equal([16, 88, 24, 40, 1280]);
    expect(at(0.5)).to.deep.equal([16, 48, 12, 24, 1280]);
    expect(at(1.1)).to.deep.equal([16, 104, 28, 48, 1408]);
  });

  it('has the initialisation that PyTorch gives by default', () => {
    const model = mobilenetv3('small', { variant: 'cifar' });
    const rootMeanSquare = (layer: string, weight: number) =>
      tf.tidy(() => tf.sqrt(tf.mean(tf.square(model.getLayer(layer).getWeights()[weight] as tf.Tensor))).dataSync()[0]);
    const uniform = (bound: number) => bound / Math.sqrt(3);
    // Uniform in ±1/√(fan-in): of a depthwise kernel 25, of the head's biases its inputs, of the gates a quarter of 576.
    const cases: [string, number, number][] = [
      ['features.11.conv.3', 0, 25],
      ['features.11.conv.5.fc.2', 0, 144],
      ['features.14', 1, 576],
      ['classifier.1', 0, 1280],
    ];
    for (const [layer, weight, inputs] of cases) {
      const expected = uniform(1 / Math.sqrt(inputs));
      expect(rootMeanSquare(layer, weight), layer).to.be.closeTo(expected, 0.05 * expected);
    }
    model.dispose();
  });
});

describe('mobilenetv3Torchvision', () => {
  it("rounds scaled channels as torchvision's _make_divisible does", () => {
    const names = ['features.0.0', 'features.2.block.1.0', 'features.4.block.2.fc1', 'features.12.0', 'classifier.0'];
    const at = (width: number) => channels(mobilenetv3Torchvision('small', { variant: 'cifar', width }), names);
    expect(at(1)).to.deep.equal([16, 72, 24, 576, 1024]);
    expect(at(0.5)).to.deep.equal([8, 40, 16, 288, 512]);
  });

  it("has torchvision's batch-norm constants", () => {
    const model = mobilenetv3Torchvision('large', { variant: 'cifar', width: 0.25 });
    const norms = model.layers.filter((layer) => layer.getClassName() === 'BatchNormalization');
    expect(norms.length).to.equal(46);
    for (const norm of norms) expect(norm.getConfig()).to.include({ epsilon: 1e-3, momentum: 0.99 });
    model.dispose();
  });
});

for (const build of [mobilenetv3, mobilenetv3Torchvision])
  it(`${build.name} refuses what cannot be`, () => {
    expect(() => build('small', { width: 0 })).to.throw(RangeError, 'width must be positive; given 0.');
    expect(() => build('large', { dropout: 1 })).to.throw(RangeError, 'dropout must be in [0, 1); given 1.');
  });
