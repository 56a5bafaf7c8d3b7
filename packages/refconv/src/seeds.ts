/** Draws that follow from a seed and a name. */
import type * as tf from '@tensorflow/tfjs';

export type Initializer = ReturnType<typeof tf.initializers.zeros>;

/** The 32-bit FNV-1a hash of a name, from the seed given, whose bits above 32 are folded in. */
export function seedOf(seed: number, name: string): number {
  let value = (0x811c9dc5 ^ seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  for (const character of name) value = Math.imul(value ^ (character.codePointAt(0) as number), 0x01000193);
  return value >>> 0;
}

/** The same initialiser with another seed. */
export function seededBy(initializer: Initializer, seed: number): Initializer {
  const config = { ...initializer.getConfig(), seed };
  return new (initializer.constructor as new (config: object) => Initializer)(config);
}
