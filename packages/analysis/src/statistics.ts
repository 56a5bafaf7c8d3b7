/** Medians and ratios. */

/** @throws Error on an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('The median of no values was asked for.');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Quotients of what was measured in the same round, since what disturbs the machine disturbs both. */
export function pairedRatios(numerators: readonly number[], denominators: readonly number[]): Spread | undefined {
  const count = Math.min(numerators.length, denominators.length);
  if (count === 0) return undefined;
  return spread(Array.from({ length: count }, (_, i) => (numerators[i] as number) / (denominators[i] as number)));
}
