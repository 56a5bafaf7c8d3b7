/** In what two descriptions differ. */
import { canonicalJson } from '@refconv/files';

/** The entries in which two values differ: `recipe.batchSize is 64 there, 128 here`. */
export function differences(
  there: unknown,
  here: unknown,
  path = '',
  [where, who]: readonly [string, string] = ['there', 'here'],
): string[] {
  if (canonicalJson(there) === canonicalJson(here)) return [];
  const isRecord = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord(there) || !isRecord(here)) {
    return [`${path} is ${JSON.stringify(there) ?? 'not set'} ${where}, ${JSON.stringify(here) ?? 'not set'} ${who}`];
  }
  const [a, b] = [there as Record<string, unknown>, here as Record<string, unknown>];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.flatMap((key) => differences(a[key], b[key], path ? `${path}.${key}` : key, [where, who]));
}
