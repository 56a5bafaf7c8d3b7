import { expect } from 'chai';
import { parseTransform } from './parse.js';

describe('parseTransform', () => {
  it('prints the shortest form, whatever was written, and hashes that', () => {
    const short = parseTransform('randomResizedCrop(224)|flip|normalize(imagenet)');
    const long = parseTransform(
      ' randomResizedCrop( size=224, scale=0.08..1 ) | flip(0.5) | normalize(statistics=imagenet) ',
    );
    expect(long.text).to.equal('randomResizedCrop(224)|flip|normalize(imagenet)');
    expect(long).to.deep.equal(short);
    expect(short.hash).to.match(/^[0-9a-f]{16}$/);
    expect(short.size).to.equal(224);
    expect(short.mean).to.deep.equal([0.485, 0.456, 0.406]);
    expect(parseTransform('resize(9,interpolation=bilinear)|centerCrop(8)').text).to.equal('resize(9)|centerCrop(8)');
    expect(parseTransform('resize(20)|centerCrop(8x8)').text).to.equal('resize(20)|centerCrop(8)');
    expect(parseTransform('resize(180x240)')).to.deep.include({ shape: [180, 240], size: undefined });
    expect(parseTransform('randomResizedCrop(192)|flip|normalize(imagenet)').hash).to.not.equal(short.hash);
  });

  it('reads its own text again', () => {
    for (const text of [
      '',
      'resize(256)|centerCrop(224)|normalize(imagenet)',
      'randomCrop(32,4)|flip|normalize(cifar10)',
      'resize(248,interpolation=bicubic)|centerCrop(224)|normalize(imagenet)',
      'randomResizedCrop(160,scale=0.35..1)|flip(0.3)|colorJitter(0.4,0.4,0.4,0.1)|randAugment(magnitude=5)|range255|bgr',
      'randomResize(260..1040)|randomCrop(360x480,padIfSmaller=1)|flip',
      'resize(180x240)|normalize(half)',
      'resize(180x180)',
      'randomExpand(times=1..3)|randomIouCrop(ratio=0.7..2)|resize(320x320,interpolation=opencv)|flip|photometric',
      'centerCrop(8)|normalize(0.5/0.5/0.5,0.2/0.2/0.2)|randomErasing(0.25)|mixup(0.2)',
    ]) {
      const { text: printed, ...rest } = parseTransform(text);
      expect(printed).to.equal(text);
      expect(parseTransform(printed)).to.deep.include(rest);
    }
  });

  it('knows whether anything is random', () => {
    expect(parseTransform('resize(256)|centerCrop(224)').random).to.equal(false);
    expect(parseTransform('centerCrop(224)|flip').random).to.equal(true);
  });

  for (const [text, message] of [
    ['crop(224)', '"crop(224)" is not known. There are randomResizedCrop, randomExpand'],
    ['randomResizedCrop', 'lacks size; it takes size, scale, ratio'],
    ['randomResizedCrop(0)', 'has size 0; expected an integer from 1 to 8192'],
    ['resize(180x240x3)', 'or height and width such as 180x240'],
    ['randomResize(260..1040)|flip', 'by resize to height and width'],
    ['randomResize(0.5..2)|centerCrop(8)', 'a range of integers'],
    ['randomCrop(8,padIfSmaller=2)', 'expected 0 or 1'],
    ['randomResizedCrop(224,scale=1..0.5)', 'expected a range above 0'],
    ['randomResizedCrop(224,scale=0.5..2)', 'a share of the image is at most 1'],
    ['resize(9,lanczos)|centerCrop(8)', 'has interpolation lanczos; expected bilinear, bicubic, opencv'],
    ['centerCrop(8)|flip(1.5)', 'has p 1.5; expected a number from 0 to 1'],
    ['centerCrop(8)|flip(q=1)', 'has an argument "q=1"; it takes p'],
    ['flip|centerCrop(8)', '"centerCrop(8)" changes shape and must stand before what changes pixels'],
    ['flip|flip', 'stands twice'],
    ['randomExpand(times=0.5..2)|resize(8x8)', 'at least once as large'],
    ['randomIouCrop|resize(8)', 'images must all get one size'],
    ['resize(8x8)|randomIouCrop', 'images must all get one size'],
    ['resize(256)', 'images must all get one size'],
    ['centerCrop(8)|resize(9)', 'images must all get one size'],
    ['normalize(mnist)', 'expects imagenet, cifar10, half, or mean and deviation'],
    ['normalize(0/0/0,1/0/1)', 'expects imagenet, cifar10, half, or mean and deviation'],
    ['normalize(half)|range255', 'range255 and normalize exclude each other'],
    ['centerCrop(8)|mixup(0)', 'alpha 0, which changes nothing'],
    ['centerCrop(8)|colorJitter(hue=0.7)', 'has hue 0.7; expected 0 to 0.5'],
    ['centerCrop(8)||flip', '"" is not known'],
  ] as const) {
    it(`refuses "${text}"`, () => {
      expect(() => parseTransform(text)).to.throw(RangeError, message);
    });
  }
});
