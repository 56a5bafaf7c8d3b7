import { expect } from 'chai';
import { mean, meanInterval, median, pairedRatios, spread, welchInterval } from './statistics.js';

describe('statistics', () => {
  it('have as median the middle value, of an even number the mean of the middle two', () => {
    expect(median([3])).to.equal(3);
    // Not the smaller one.
    expect(median([4, 1])).to.equal(2.5);
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([40, 1, 2, 3])).to.equal(2.5);
    // As numbers, not as texts.
    expect(median([9, 10, 100])).to.equal(10);
    const given = [3, 1, 2];
    median(given);
    expect(given).to.deep.equal([3, 1, 2]);
  });

  it('are refused of no values, and NaN where a value is', () => {
    for (const [name, statistic] of Object.entries({ mean, median })) {
      expect(() => statistic([])).to.throw(RangeError, `There is no ${name} of no values.`);
      expect(statistic([1, Number.NaN, 2])).to.be.NaN;
    }
    expect(() => spread([])).to.throw(RangeError);
    expect(meanInterval([])).to.equal(undefined);
    expect(meanInterval([1, Number.NaN, 2])?.mean).to.be.NaN;
    expect(meanInterval([1, Number.NaN, 2])?.low).to.be.NaN;
  });

  it('have a deviation and an interval from two values on', () => {
    expect(meanInterval([5])).to.deep.equal({ n: 1, mean: 5 });
    // Deviation √2 of 1 and 3; t(0.975, 1 degree of freedom) is 12.706 in the tables.
    const two = meanInterval([1, 3]);
    expect(two).to.include({ n: 2, mean: 2 });
    expect(two?.deviation).to.be.closeTo(Math.SQRT2, 1e-12);
    expect(two?.low).to.be.closeTo(2 - 12.706, 1e-3);
    expect(two?.high).to.be.closeTo(2 + 12.706, 1e-3);
  });

  it('have a difference with Welch’s interval where they are not paired', () => {
    // The squared errors of both means are 1, so that there are 2 degrees of freedom: t(0.975) is 4.3027.
    const same = welchInterval([1, 3], [1, 3]);
    expect(same.mean).to.equal(0);
    expect(same.high).to.be.closeTo(4.3027 * Math.SQRT2, 1e-3);
    // Of values that are all equal only the others' error counts, with their 1 degree of freedom.
    const one = welchInterval([0, 2], [5, 5, 5]);
    expect(one.mean).to.equal(-4);
    expect(one.low).to.be.closeTo(-4 - 12.706, 1e-3);
    expect(() => welchInterval([1], [1, 2])).to.throw(RangeError, 'from two values on');
  });

  it('have the extent, and ratios round by round', () => {
    expect(spread([4, 1, 2, 3])).to.deep.equal({ median: 2.5, min: 1, max: 4 });
    expect(pairedRatios([1, 2, 9], [2, 2])).to.deep.equal({ median: 0.75, min: 0.5, max: 1 });
    expect(pairedRatios([1], [])).to.equal(undefined);
  });
});
