/** The methods by their ids. */
import { acb } from './acb.js';
import { cwn } from './cwn.js';
import { dbb } from './dbb.js';
import type { Reparameterization } from './method.js';
import { own } from './own.js';
import { refconv } from './refconv.js';
import { repvgg } from './repvgg.js';
import { wn } from './wn.js';

/** RefConv and its six rivals. */
export const METHODS = { refconv, acb, repvgg, dbb, wn, cwn, own } as const;
export type MethodId = keyof typeof METHODS;

/**
 * The method of an id. @throws RangeError for an unknown id, and for what is no option's value.
 * @example
 * ```ts
 * const model = await reparameterize(plain, buildMethod('repvgg'), { start: 'scratch' });
 * ```
 */
export function buildMethod(id: string, options: object = {}): Reparameterization {
  if (!Object.hasOwn(METHODS, id)) {
    throw new RangeError(`There is no method '${id}'; there are ${Object.keys(METHODS).join(', ')}.`);
  }
  return (METHODS[id as MethodId] as (options: object) => Reparameterization)(options);
}
