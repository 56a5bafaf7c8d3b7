/** The tensors of checkpoints, as arrays by name. */
import type { Hash } from 'node:crypto';

export interface StoredTensor {
  name: string;
  dtype: 'float32' | 'int32';
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** What a hash takes at once is less than 2 GiB. */
const HASHED_AT_ONCE = 2 ** 30;

export function updateHash(hash: Hash, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += HASHED_AT_ONCE) hash.update(bytes.subarray(at, at + HASHED_AT_ONCE));
}

/** How many bytes the tensors' values take in a file. */
export function dataBytes(tensors: readonly { shape: readonly number[] }[]): number {
  return tensors.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
}
