import '@refconv/tensorflow';
import { torchState } from '@refconv/weights';
import { expect } from 'chai';
import { buildBackbone } from './registry.js';

const parameters = (id: string, width: number) => {
  const model = buildBackbone(id, { width });
  const count = (shape: (number | null)[]) => shape.reduce<number>((product, size) => product * (size as number), 1);
  const sum = model.trainableWeights.reduce((sum, { shape }) => sum + count(shape), 0);
  model.dispose();
  return sum;
};

describe('the ShuffleNets', () => {
  it("have torchvision's widths (num_params of ShuffleNet_V2_X0_5_Weights and so on)", () => {
    const widths = [0.5, 1, 1.5, 2];
    const expected = [1_366_792, 2_278_604, 3_503_624, 7_393_996];
    expect(widths.map((width) => parameters('shufflenetv2', width))).to.deep.equal(expected);
  });

  it("have the authors' widths, to a tenth of a million (ShuffleNetV1/README.md)", () => {
    const millions = (id: string) =>
      [0.5, 1, 1.5, 2].map((width) => (parameters(id, width) / 1e6).toFixed(1)).join(' ');
    expect(millions('shufflenetv1_g3')).to.equal('0.7 1.9 3.4 5.4');
    expect(millions('shufflenetv1_g8')).to.equal('1.0 2.4 4.3 6.5');
  });

  it('refuse other widths', () => {
    expect(() => buildBackbone('shufflenetv1_g3', { width: 0.75 })).to.throw(
      RangeError,
      'shufflenetv1_g3 has the widths 0.5, 1, 1.5 and 2; given 0.75.',
    );
    expect(() => buildBackbone('shufflenetv2', { width: 0.25 })).to.throw(RangeError, 'given 0.25.');
  });

  it('start as their references do', () => {
    const root = (data: Float32Array) => Math.sqrt(data.reduce((sum, value) => sum + value ** 2, 0) / data.length);
    const initial = (id: string) => {
      const model = buildBackbone(id);
      const state = torchState(model);
      model.dispose();
      return (key: string) => (state.get(key) as { data: Float32Array }).data;
    };
    const v1 = initial('shufflenetv1_g3');
    // 1 over the fan-in of one pixel: Cin / groups.
    expect(root(v1('features.0.branch_main_1.0.weight'))).to.be.closeTo(1 / 24, 0.003);
    expect(root(v1('features.15.branch_main_1.0.weight'))).to.be.closeTo(3 / 960, 1e-4);
    expect(root(v1('features.15.branch_main_1.3.weight'))).to.be.closeTo(1, 0.06);
    expect(root(v1('first_conv.0.weight'))).to.be.closeTo(0.01, 0.001);
    expect(root(v1('classifier.0.weight'))).to.be.closeTo(0.01, 1e-4);
    expect(v1('first_conv.1.bias')[0]).to.be.closeTo(1e-4, 1e-9);
    const v2 = initial('shufflenetv2');
    for (const [key, fanIn] of Object.entries({ 'conv1.0.weight': 27, 'stage4.3.branch2.3.weight': 9, fc: 1024 })) {
      for (const name of key === 'fc' ? ['fc.weight', 'fc.bias'] : [key]) {
        const largest = v2(name).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largest, name).to.be.within(0.97 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
      }
    }
  });
});
