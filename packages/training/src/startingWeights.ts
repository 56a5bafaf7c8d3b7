/** What tells one starting model from another: a run that is taken up must have begun with the same. */
import { createHash } from 'node:crypto';
import type { StoredTensor } from './storedTensor.js';

export interface StartingWeights {
  /** SHA-256 of all values. */
  hash: string;
  /** Two sums over each tensor's values, which see every change but those of the last bits. */
  sums: [number, number][];
}

/** How far sums may be apart by rounding: the same weights, computed on another kind of processor. */
const ROUNDING = 1e-4;

export function startingWeights(tensors: readonly StoredTensor[]): StartingWeights {
  const hash = createHash('sha256');
  const sums = tensors.map(({ name, data }): [number, number] => {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    let squares = 0;
    let projection = 0;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      squares += value * value;
      // Any fixed row of factors that looks random.
      projection += value * (((i * 40_503 + 7) % 65_536) / 32_768 - 1);
    }
    return [Math.sqrt(squares), projection];
  });
  return { hash: hash.digest('hex'), sums };
}

/** `rounding`: the same but for the last bits. */
export function compareStart(there: StartingWeights, here: StartingWeights): 'same' | 'rounding' | 'other' {
  if (there.hash === here.hash) return 'same';
  const near = there.sums.every(([norm, projection], i) => {
    const [otherNorm, otherProjection] = here.sums[i] ?? [Number.NaN, Number.NaN];
    const allowed = ROUNDING * Math.max(norm, otherNorm);
    return Math.abs(norm - otherNorm) <= allowed && Math.abs(projection - otherProjection) <= allowed;
  });
  return near && there.sums.length === here.sums.length ? 'rounding' : 'other';
}
