/** The methods by their ids. */
import { Registry } from '@refconv/files/registry';
import { acb } from './acb.js';
import { cwn } from './cwn.js';
import { dbb } from './dbb.js';
import type { Method, Reparameterization } from './method.js';
import { own } from './own.js';
import { refconv } from './refconv.js';
import { repvgg } from './repvgg.js';
import { wn } from './wn.js';

type MakeMethod = (options?: object) => Reparameterization;

/** RefConv and its six rivals, and what {@link registerMethod} adds. */
export const METHODS: Registry<MakeMethod> = new Registry<MakeMethod>('method', {
  refconv,
  acb,
  repvgg,
  dbb,
  wn,
  cwn,
  own,
});

/**
 * Makes a method of one's own known by its id, to `buildMethod`, specs and the command.
 * @throws RangeError where the id is taken.
 * @example
 * ```ts
 * registerMethod('acb-scripts', Object.assign(() => acb({ gamma: 1 / 3 }), { layers: acb.layers }));
 * ```
 */
export function registerMethod<O extends object>(id: string, method: Method<O>): void {
  METHODS.register(id, method as MakeMethod);
}

/**
 * The method of an id. @throws RangeError for an unknown id, and for what is no option's value.
 * @example
 * ```ts
 * const model = await reparameterize(plain, buildMethod('repvgg'), { start: 'scratch' });
 * ```
 */
export const buildMethod = (id: string, options: object = {}): Reparameterization => METHODS.get(id)(options);
