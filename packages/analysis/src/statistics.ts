/** What is said of several measurements: mean, median, standard deviation and the mean's confidence interval. */
import { createRequire } from 'node:module';
import type tQuantileFunction from '@stdlib/stats-base-dists-t-quantile';
import * as d3 from 'd3-array';

const require = createRequire(import.meta.url);

/** Of 400 files, which take a sixth of a second to load: only who asks for an interval does. */
const loadTQuantile = () => require('@stdlib/stats-base-dists-t-quantile') as typeof tQuantileFunction;

type Values = readonly number[] | Float64Array;

/** A statistic of at least one value. d3 passes over NaN, which would hide it: here one makes the statistic NaN. */
const statistic =
  (name: string, of: (values: Values) => number | undefined) =>
  (values: Values): number => {
    if (values.length === 0) throw new RangeError(`There is no ${name} of no values.`);
    return values.some(Number.isNaN) ? Number.NaN : (of(values) as number);
  };

/** @throws RangeError of no values. */
export const mean = statistic('mean', d3.mean);
/** Of an even number of values the mean of the middle two. @throws RangeError of no values. */
export const median = statistic('median', d3.median);
const least = statistic('least', d3.min);
const largest = statistic('largest', d3.max);
const deviationOf = statistic('standard deviation', d3.deviation);

/** A mean and, from two values on, the standard deviation of a sample (n − 1) and the 95 % confidence interval by Student's t. */
export interface Interval {
  n: number;
  mean: number;
  deviation?: number;
  low?: number;
  high?: number;
}

/**
 * @returns undefined of no values.
 * @example
 * ```ts
 * meanInterval([0.8, 0.9, 1.1]); // the mean with its 95 % interval by Student's t
 * ```
 */
export function meanInterval(values: readonly number[]): Interval | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const centre = mean(values);
  if (n === 1) return { n, mean: centre };
  const deviation = deviationOf(values);
  const half = (loadTQuantile()(0.975, n - 1) * deviation) / Math.sqrt(n);
  return { n, mean: centre, deviation, low: centre - half, high: centre + half };
}

/**
 * The difference of two means of samples that are not paired, with Welch's 95 % confidence interval.
 * @throws RangeError of fewer than two values.
 */
export function welchInterval(a: readonly number[], b: readonly number[]): Required<Omit<Interval, 'n' | 'deviation'>> {
  if (a.length < 2 || b.length < 2)
    throw new RangeError(
      `A difference has an interval from two values on either side; given ${a.length} and ${b.length}.`,
    );
  const [ofA, ofB] = [a, b].map((values) => deviationOf(values) ** 2 / values.length) as [number, number];
  const error = ofA + ofB;
  const freedom = error ** 2 / (ofA ** 2 / (a.length - 1) + ofB ** 2 / (b.length - 1));
  const difference = mean(a) - mean(b);
  const half = error === 0 ? 0 : loadTQuantile()(0.975, freedom) * Math.sqrt(error);
  return { mean: difference, low: difference - half, high: difference + half };
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @throws RangeError of no values. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: least(values), max: largest(values) };
}

/** Quotients of what was measured in the same round, since what disturbs the machine disturbs both; undefined where there is no such round. */
export function pairedRatios(numerators: readonly number[], denominators: readonly number[]): Spread | undefined {
  const count = Math.min(numerators.length, denominators.length);
  if (count === 0) return undefined;
  return spread(Array.from({ length: count }, (_, i) => (numerators[i] as number) / (denominators[i] as number)));
}
