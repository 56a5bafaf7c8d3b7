import { expect } from 'chai';
import { overallVerdict, verdictOf } from './verdict.js';

const interval = (low: number, high: number) => ({ n: 3, mean: (low + high) / 2, low, high });

describe('a verdict', () => {
  it('follows from where the interval lies', () => {
    expect(verdictOf(interval(0.1, 0.5), { above: 0 })).to.equal('agrees');
    expect(verdictOf(interval(-0.5, -0.1), { above: 0 })).to.equal('disagrees');
    expect(verdictOf(interval(-0.1, 0.5), { above: 0 })).to.equal('undecided');
    expect(verdictOf(interval(0, 0.5), { above: 0 })).to.equal('undecided');
    expect(verdictOf(interval(1, 4.9), { below: 5 })).to.equal('agrees');
    expect(verdictOf(interval(5.1, 6), { below: 5 })).to.equal('disagrees');
    expect(verdictOf(interval(4, 6), { below: 5 })).to.equal('undecided');
    expect(verdictOf(interval(0, 0), { equals: 0 })).to.equal('agrees');
    expect(verdictOf(interval(1, 1), { equals: 0 })).to.equal('disagrees');
    expect(verdictOf(interval(-1, 1), { equals: 0 })).to.equal('undecided');
  });

  it('is undecided of one seed, and not there of none', () => {
    expect(verdictOf({ n: 1, mean: 5 }, { above: 0 })).to.equal('undecided');
    expect(verdictOf(undefined, { above: 0 })).to.equal('not measured');
  });

  it('of several: one that disagrees refutes, all have to agree', () => {
    expect(overallVerdict([])).to.equal('not measured');
    expect(overallVerdict(['not measured'])).to.equal('not measured');
    expect(overallVerdict(['agrees', 'not measured'])).to.equal('agrees');
    expect(overallVerdict(['agrees', 'undecided'])).to.equal('undecided');
    expect(overallVerdict(['agrees', 'undecided', 'disagrees'])).to.equal('disagrees');
  });
});
