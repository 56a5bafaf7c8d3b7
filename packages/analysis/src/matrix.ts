/** Matrices of numbers, and what is said of them in one number. */

export interface Matrix {
  rows: number;
  columns: number;
  /** Row by row. */
  values: Float64Array;
}

export interface MatrixSummary {
  mean: number;
  /** Of the entries beside the diagonal; NaN where there are none. */
  offDiagonalMean: number;
  least: number;
  largest: number;
}

/**
 * A matrix in a few numbers.
 * @example
 * ```ts
 * const [{ matrix }] = connectivityOf(refocused);
 * const { mean, offDiagonalMean } = summarize(matrix);
 * ```
 */
export function summarize({ columns, values }: Matrix): MatrixSummary {
  let [sum, beside, count, least, largest] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  values.forEach((value, at) => {
    sum += value;
    if (Math.floor(at / columns) !== at % columns) {
      beside += value;
      count++;
    }
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  });
  return { mean: sum / values.length, offDiagonalMean: beside / count, least, largest };
}

/** How many of `all` channels a matrix shows. @throws RangeError for what is no whole number from 1. */
export function channelCount(channels: number | undefined, all: number): number {
  if (channels !== undefined && !(Number.isInteger(channels) && channels >= 1)) {
    throw new RangeError(`channels must be a whole number from 1; given ${channels}. Leave it out for all ${all}.`);
  }
  return Math.min(channels ?? all, all);
}
