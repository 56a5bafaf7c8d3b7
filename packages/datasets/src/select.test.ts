import { expect } from 'chai';
import { holdOut, selectImages, takeImages } from './select.js';

const labels = Uint8Array.from({ length: 20 }, (_, i) => i);
const split = { images: labels.slice(), labels, count: 20, height: 1, width: 1, channels: 1 };

describe('parts of a split', () => {
  it('have the images asked for, each with its label', () => {
    const { images, labels: chosen, count } = selectImages(split, [7, 0, 7]);
    expect([count, [...images], [...chosen]]).to.deep.equal([3, [7, 0, 7], [7, 0, 7]]);
    expect(() => selectImages(split, [20])).to.throw(RangeError, 'index 20 given, expected integers from 0 to 19');
    expect(() => selectImages(split, [0.5])).to.throw(RangeError, 'index 0.5 given');
  });

  it('are the first ones, or different ones at random, the same each time', () => {
    expect([...takeImages(split, 3, 'first').images]).to.deep.equal([0, 1, 2]);
    const { images, labels: chosen, count } = takeImages(split, 8, 'at random');
    expect([count, images.length, new Set(chosen).size]).to.deep.equal([8, 8, 8]);
    expect([...images]).to.deep.equal([...chosen]);
    expect([...chosen]).not.to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(takeImages(split, 8, 'at random')).to.deep.equal(takeImages(split, 8, 'at random'));
    expect([...takeImages(split, 5, 'at random').labels]).to.deep.equal([...chosen].slice(0, 5));
    expect(takeImages(split, 20, 'first')).to.equal(split);
    expect(() => takeImages(split, 21, 'first')).to.throw(RangeError, 'there are 20 images; given 21');
  });

  it('are held out: none is trained on, and they are the same for every part', () => {
    const { train, validation } = holdOut(split, 6);
    expect([...train.labels, ...validation.labels].sort((a, b) => a - b)).to.deep.equal([...labels]);
    expect(holdOut(split, 6, 4)).to.deep.equal({ train: takeImages(split, 4, 'at random'), validation });
    expect([...holdOut(split, 3).validation.labels]).to.deep.equal([...validation.labels].slice(0, 3));
    expect(() => holdOut(split, 20)).to.throw(RangeError, '20 images cannot be held out');
    expect(() => holdOut(split, 6, 15)).to.throw(
      RangeError,
      '6 images cannot be held out where 15 are trained on: there are 20',
    );
  });
});
