import { expect } from 'chai';
import { evaluationTransform, publishedPreprocessing } from './preprocessing.js';

describe('the transform of published weights', () => {
  const of = (id?: string, weights?: string, size?: number) =>
    evaluationTransform(publishedPreprocessing(id, weights), size);
  const imagenet = 'normalize(0.485/0.456/0.406,0.229/0.224/0.225)';

  it('is the network’s first, or that of the weights with the file’s name', () => {
    expect(of('resnet50')).to.equal(`resize(256)|centerCrop(224)|${imagenet}`);
    expect(of('resnet50', 'weights/resnet50-11ad3fa6.pth')).to.equal(`resize(232)|centerCrop(224)|${imagenet}`);
    expect(of('resnet50', 'mine.pth')).to.equal(of('resnet50'));
    expect(of('nothing')).to.equal(of());
    expect(of()).to.equal(`resize(256)|centerCrop(224)|${imagenet}`);
  });

  it('has interpolation, range and order of channels', () => {
    expect(of('fasternet_s')).to.equal(`resize(248,interpolation=bicubic)|centerCrop(224)|${imagenet}`);
    expect(of('mobilenetv1')).to.contain('interpolation=bicubic').and.contain('normalize(0.5/0.5/0.5,0.5/0.5/0.5)');
    expect(of('shufflenetv1_g3')).to.equal('resize(256,interpolation=opencv)|centerCrop(224)|range255|bgr');
    const mean = [51, 102, 153] as const;
    expect(evaluationTransform({ crop: 8, channels: 'BGR', range: [0, 255], mean, std: [255, 255, 255] })).to.equal(
      'resize(8)|centerCrop(8)|normalize(0.6/0.4/0.2,1/1/1)|bgr',
    );
  });

  it('changes with the size in proportion', () => {
    expect(of('resnet18', undefined, 112)).to.contain('resize(128)|centerCrop(112)');
    expect(of('resnet20_cifar')).to.contain('resize(32)|centerCrop(32)');
  });
});
