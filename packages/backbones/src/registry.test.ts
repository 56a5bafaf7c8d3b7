import '@refconv/tensorflow';
import { expect } from 'chai';
import { BACKBONES, buildBackbone } from './registry.js';
import { readme } from './testing/table.js';

describe('buildBackbone', () => {
  it('hands the options on', () => {
    const model = buildBackbone('mobilenetv2', { variant: 'cifar', width: 0.25, classes: 7, inputSize: 64 });
    expect(model.inputs[0]?.shape).to.deep.equal([null, 64, 64, 3]);
    expect(model.outputs[0]?.shape).to.deep.equal([null, 7]);
    model.dispose();
  });

  it('offers the nearest names for one that it does not know', () => {
    expect(() => buildBackbone('mobilnetv2')).to.throw(
      RangeError,
      "There is no backbone 'mobilnetv2'. Did you mean mobilenetv2?",
    );
    expect(() => buildBackbone('MobileNetV3')).to.throw(RangeError, 'Did you mean mobilenetv1 or mobilenetv2?');
    expect(() => buildBackbone('vit')).to.throw(RangeError, `There are: ${BACKBONES.ids().join(', ')}.`);
    expect(() => buildBackbone('toString')).to.throw(RangeError, "There is no backbone 'toString'.");
  });

  it('refuses options that the network does not take', () => {
    expect(() => buildBackbone('resnet18', { width: 0.5 })).to.throw(
      RangeError,
      "resnet18 takes no option 'width'; it takes variant, classes, inputSize, seed.",
    );
    expect(() => buildBackbone('resnet20_cifar', { variant: 'imagenet' })).to.throw(
      RangeError,
      "resnet20_cifar has no variant 'imagenet'; it has cifar.",
    );
    expect(() => buildBackbone('mobilenetv2', { width: -1 })).to.throw(RangeError, 'width must be positive; given -1.');
    expect(() => buildBackbone('mobilenetv2', { dropout: 1 })).to.throw(RangeError, 'dropout must be in [0, 1)');
  });
});

describe('BACKBONES', () => {
  it('tells of each network what published weights need', () => {
    for (const [id, { reference, licence, refconv, published }] of BACKBONES.entries()) {
      for (const text of [reference, licence, refconv]) expect(text, id).not.to.equal('');
      for (const { top1, weights, source, preprocessing } of published) {
        expect(top1, id).to.be.within(60, 95);
        for (const text of [weights, source]) expect(text, id).not.to.equal('');
        const { resize, crop, interpolation, mean, std, range } = preprocessing;
        if (resize !== undefined) expect([resize >= crop, interpolation !== undefined], id).to.deep.equal([true, true]);
        for (const value of mean) expect(value, id).to.be.within(range[0], range[1]);
        for (const value of std) expect(value, id).to.be.within(0.001, range[1]);
      }
    }
  });

  it('is the table of the README, which node packages/backbones/dist/testing/table.js writes', () => {
    const { text, expected } = readme();
    expect(text).to.equal(expected);
  });
});
