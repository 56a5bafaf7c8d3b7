/** In what two values of JSON differ. */
import { canonicalJson } from './json.js';

/** An entry that is not the same in two values. */
export interface Difference {
  /** Such as `recipe.epochs`. */
  path: string;
  before: unknown;
  after: unknown;
}

/**
 * The entries in which two values of JSON differ; lists are compared as wholes.
 * @example
 * ```ts
 * differences({ recipe: { epochs: 3 } }, { recipe: { epochs: 5 } }); // [{ path: 'recipe.epochs', before: 3, after: 5 }]
 * ```
 */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => differences(before[key], after[key], path ? `${path}.${key}` : key));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
