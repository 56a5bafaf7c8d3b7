import { expect } from 'chai';
import fc from 'fast-check';
import { Random, stream } from './random.js';

const first = (random: Random, n: number) => Array.from({ length: n }, () => random.bits());

describe('Random', () => {
  it('gives the numbers of the reference implementation', () => {
    // State {1, 2, 3, 4} of xoshiro128starstar.c 1.1, as in the tests of Rust's rand_xoshiro.
    expect(first(new Random(1, 2, 3, 4), 10)).to.deep.equal([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('draws integers in range, all equally often', () => {
    const random = stream(3);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++;
    // Six standard deviations of a binomial with p = 1/7.
    for (const n of counts) expect(n).to.be.closeTo(10_000, 6 * Math.sqrt(70_000 * (1 / 7) * (6 / 7)));
    expect(random.integer(1)).to.equal(0);
    expect(random.integer(2 ** 32)).to.be.within(0, 2 ** 32 - 1);
  });

  it('draws uniform numbers with mean 1/2 and variance 1/12', () => {
    const random = stream(4);
    const values = Array.from({ length: 100_000 }, () => random.uniform());
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(mean).to.be.closeTo(0.5, 0.006);
    expect(variance).to.be.closeTo(1 / 12, 0.002);
    expect(values.every((value) => value >= 0 && value < 1)).to.equal(true);
  });

  it('shuffles to a permutation, every one of 4 elements equally often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = stream(5, i)
        .shuffle(Uint32Array.of(0, 1, 2, 3))
        .join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).to.equal(24);
    for (const n of counts.values()) expect(n).to.be.closeTo(1000, 200);
  });

  it('refuses a range that is none', () => {
    expect(() => stream(1).integer(0)).to.throw('n must be an integer from 1 to 2^32, 0 given');
    expect(() => stream(1).integer(2.5)).to.throw('2.5 given');
  });
});

describe('stream', () => {
  it('stays what it is: results of earlier runs depend on it', () => {
    expect(first(stream(0), 3)).to.deep.equal([306421058, 3831925025, 657394584]);
    expect(first(stream(1, 'augment', 2, 3), 3)).to.deep.equal([325869309, 1607796671, 1630304367]);
  });

  it('depends on every key, on their order and on their kind', () => {
    const key = fc.oneof(fc.maxSafeNat(), fc.nat(3), fc.string({ maxLength: 4 }));
    const keys = fc.tuple(fc.maxSafeNat(), fc.array(key, { maxLength: 4 }));
    fc.assert(
      fc.property(keys, keys, ([seedA, a], [seedB, b]) => {
        const same = seedA === seedB && a.length === b.length && a.every((value, i) => value === b[i]);
        const [x, y] = [first(stream(seedA, ...a), 4), first(stream(seedB, ...b), 4)];
        return same === x.every((bits, i) => bits === y[i]);
      }),
    );
    expect(first(stream(1, 2, 3), 4)).to.not.deep.equal(first(stream(1, 3, 2), 4));
    expect(first(stream(1, '2'), 4)).to.not.deep.equal(first(stream(1, 2), 4));
    expect(first(stream(1, 'ab', 'c'), 4)).to.not.deep.equal(first(stream(1, 'a', 'bc'), 4));
    expect(first(stream(2 ** 32), 4)).to.not.deep.equal(first(stream(0), 4));
  });

  it('gives neighbouring keys unrelated first bits', () => {
    let ones = 0;
    for (let i = 0; i < 4000; i++) {
      let differing = stream(1, i).bits() ^ stream(1, i + 1).bits();
      for (; differing !== 0; differing &= differing - 1) ones++;
    }
    expect(ones / 4000).to.be.closeTo(16, 0.3);
  });

  it('refuses keys that are not integers from 0', () => {
    for (const key of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => stream(key), String(key)).to.throw(RangeError, `${key} given`);
      expect(() => stream(1, key), String(key)).to.throw('must be an integer from 0 to 2^53 - 1');
    }
  });
});
