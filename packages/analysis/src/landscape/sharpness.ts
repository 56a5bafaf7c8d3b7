/** A landscape in numbers. */
import { max, min } from 'd3-array';
import { mean } from '../statistics.js';
import type { LandscapePoint } from './grid.js';

export interface Sharpness {
  /** The loss of the network itself, at (0, 0). */
  centre: number;
  /** The lowest loss of the grid. */
  least: number;
  /** Of the points within the radius: how far the loss rises above the centre's, in nats. */
  meanIncrease: number;
  largestIncrease: number;
  /** (largest loss within the radius − centre) / (1 + centre), in percent, as Keskar et al. (ICLR 2017) define it, on the grid's points alone. */
  keskar: number;
  /** Share of the grid's points whose loss is less than 1 nat above the centre's: wide minima have a large one. */
  wideShare: number;
  /** Second differences of the loss at the centre along x and along y, per squared unit of direction; undefined for a direction without neighbours. */
  curvature: { x?: number; y?: number };
  /** Points within the radius. */
  points: number;
}

/**
 * Sharpness around the centre.
 * @param radius of the disc around (0, 0), in units of direction. Default: 0.5.
 * @throws Error where the landscape has no point (0, 0).
 * @example
 * ```ts
 * const { centre, meanIncrease, wideShare } = sharpness(await readLandscape('landscape'), 0.5);
 * ```
 */
export function sharpness(points: readonly LandscapePoint[], radius = 0.5): Sharpness {
  const find = (x: number, y: number) => points.find((point) => point.x === x && point.y === y)?.loss;
  const centre = find(0, 0);
  if (centre === undefined) {
    throw new Error('The landscape has no point (0, 0). Choose ranges and numbers of points that have 0 among them.');
  }
  const within = points.filter(({ x, y }) => Math.hypot(x, y) <= radius);
  // A loss that overflowed is above every other.
  const rises = within.map(({ loss }) => (Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss - centre));
  const largestIncrease = max(rises) as number;
  const second = (axis: 'x' | 'y') => {
    const other = axis === 'x' ? 'y' : 'x';
    const steps = points.filter((point) => point[other] === 0 && point[axis] > 0).map((point) => point[axis]);
    const step = min(steps) ?? Number.POSITIVE_INFINITY;
    const [before, after] = axis === 'x' ? [find(-step, 0), find(step, 0)] : [find(0, -step), find(0, step)];
    return before === undefined || after === undefined ? undefined : (before + after - 2 * centre) / step ** 2;
  };
  return {
    centre,
    least: min(points, ({ loss }) => (Number.isNaN(loss) ? Number.POSITIVE_INFINITY : loss)) as number,
    meanIncrease: mean(rises),
    largestIncrease,
    keskar: (100 * largestIncrease) / (1 + centre),
    wideShare: points.filter(({ loss }) => loss - centre < 1).length / points.length,
    curvature: { x: second('x'), y: second('y') },
    points: within.length,
  };
}
