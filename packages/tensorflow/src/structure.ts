/** What a compiled function returns: tensors in lists and records. */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from './load.js';

/** What a compiled function may return: a tensor, nothing, or lists and records of such. */
export type Result = Tensor | undefined | Result[] | { [key: string]: Result };

/** Splits what a function returned into its tensors and a structure that tells where each belongs. */
export function flatten(result: Result): { structure: unknown; tensors: Tensor[] } {
  const tensors: Tensor[] = [];
  const visit = (value: Result): unknown => {
    if (value === undefined || value === null) return undefined;
    if (value instanceof tf.Tensor) return tensors.push(value) - 1;
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
    throw new Error(
      `A compiled function may return tensors, lists and records of tensors, or nothing; it returned a ${typeof value}.`,
    );
  };
  return { structure: visit(result), tensors };
}

/** Puts tensors back into the structure that {@link flatten} told. */
export function unflatten(structure: unknown, tensors: Tensor[]): Result {
  if (structure === undefined) return undefined;
  if (typeof structure === 'number') return tensors[structure];
  if (Array.isArray(structure)) return structure.map((item) => unflatten(item, tensors));
  return Object.fromEntries(Object.entries(structure as object).map(([key, item]) => [key, unflatten(item, tensors)]));
}
