/** What a stream may be keyed by: an integer from 0 to 2^53 - 1 (an epoch, an index), or a word for a purpose. */
export type StreamKey = number | string;

/**
 * A small seeded generator of random numbers, the same on every machine: xoshiro128** 1.1, period 2^128 - 1.
 * Made with {@link stream}.
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021, and
 * https://prng.di.unimi.it/xoshiro128starstar.c (public domain).
 */
export class Random {
  /** The four 32-bit words of the state. They must not all be zero. */
  constructor(
    private a: number,
    private b: number,
    private c: number,
    private d: number,
  ) {}

  /** The next 32 random bits, as an integer from 0 to 2^32 - 1. */
  bits(): number {
    const fiveB = Math.imul(this.b, 5);
    const result = Math.imul((fiveB << 7) | (fiveB >>> 25), 9);
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  uniform(): number {
    return this.bits() / 0x1_0000_0000;
  }

  /**
   * Uniform among 0, 1, ..., n - 1, without bias: draws that would favour small numbers are thrown away.
   *
   * @throws {RangeError} if n is not an integer from 1 to 2^32.
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x1_0000_0000) {
      throw new RangeError(`Random.integer(n): n must be an integer from 1 to 2^32, ${n} given.`);
    }
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % n);
    let bits = this.bits();
    while (bits >= limit) bits = this.bits();
    return bits % n;
  }

  /** Shuffles in place, every order equally likely (Fisher and Yates), and returns the same array. */
  shuffle(values: Uint32Array): Uint32Array {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const value = values[i];
      values[i] = values[j];
      values[j] = value;
    }
    return values;
  }
}

/**
 * The generator that belongs to a seed and keys, independent of that of any other seed or keys. What is random about
 * one image of one epoch, for example, is drawn from `stream(seed, 'augment', epoch, index)`, so that it depends on
 * nothing else: neither on the batch size nor on what was drawn before.
 *
 * The state is a 4 x 32-bit hash of seed and keys that mixes with MurmurHash3's fmix32 (Austin Appleby, public domain,
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp).
 *
 * @throws {RangeError} if the seed or a number among the keys is not an integer from 0 to 2^53 - 1.
 * @example
 * ```ts
 * const random = stream(1, 'augment', 0, 17); // of the seed 1, in epoch 0, for image 17
 * random.integer(6); // 0 to 5, the same on every machine
 * ```
 */
export function stream(seed: number, ...keys: StreamKey[]): Random {
  // Fractional parts of the square roots of 2, 3, 5 and 7, as in SHA-256: constants with nothing up their sleeve.
  state[0] = 0x6a09e667;
  state[1] = 0xbb67ae85;
  state[2] = 0x3c6ef372;
  state[3] = 0xa54ff53a;
  absorbNumber(seed);
  for (const key of keys) {
    if (typeof key === 'number') absorbNumber(key);
    else absorbString(key);
  }
  const [a, b, c, d] = state;
  return new Random(a, b, c, (a | b | c | d) === 0 ? 1 : d);
}

const state = new Int32Array(4);

function absorbNumber(key: number): void {
  if (!Number.isSafeInteger(key) || key < 0) {
    throw new RangeError(`stream: a seed and a number key must be an integer from 0 to 2^53 - 1, ${key} given.`);
  }
  absorb(Math.floor(key / 0x1_0000_0000));
  absorb(key | 0);
}

/** The top bit, which the high half of a number never has, keeps a string from being taken for a number. */
function absorbString(key: string): void {
  absorb(0x8000_0000 | key.length);
  for (let i = 0; i < key.length; i++) absorb(key.charCodeAt(i));
}

function absorb(word: number): void {
  for (let lane = 0; lane < 4; lane++) {
    let h = (state[lane] ^ word) + Math.imul(lane + 1, 0x9e3779b9);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    state[lane] = h ^ (h >>> 16);
  }
}
