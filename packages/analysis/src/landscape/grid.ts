/** The points of a landscape, and a file of them that grows point by point. */
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '@refconv/files';
import { claim, mend, readLines } from '../resumableFile.js';
import type { LossPoint } from './surface.js';

export interface GridSpec {
  /** Least and largest x, both on the grid. Default: -1 to 1. */
  x?: readonly [number, number];
  /** The same of y. Default: as x. `[0, 0]` makes a slice along x. */
  y?: readonly [number, number];
  /** Points along x, along y. Default: 21 and 21, with 0 among them. */
  points?: readonly [number, number];
}

export interface GridPoint {
  x: number;
  y: number;
}

export interface LandscapePoint extends GridPoint, LossPoint {}

/** Evenly spaced values from the first to the last, both in it. */
export function linspace([least, largest]: readonly [number, number], count: number): number[] {
  // Rounding keeps 0 and ±1 exact, and the values short in a file.
  return Array.from({ length: count }, (_, i) =>
    Number((count === 1 ? least : least + ((largest - least) * i) / (count - 1)).toFixed(10)),
  );
}

/** A grid with its defaults. */
export function completeGrid({ x = [-1, 1], y = x, points = [21, 21] }: GridSpec): Required<GridSpec> {
  return { x, y, points };
}

/**
 * The points of a grid, row by row of growing y. @throws RangeError for a range or a number of points that is none.
 * @example
 * ```ts
 * gridPoints({ x: [-1, 1], points: [3, 3] }); // 9 points, (0, 0) among them
 * ```
 */
export function gridPoints(spec: GridSpec = {}): GridPoint[] {
  const { x, y, points } = completeGrid(spec);
  const [nx, ny] = points;
  for (const [name, [least, largest], count] of [
    ['x', x, nx],
    ['y', y, ny],
  ] as const) {
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new RangeError(`A grid needs whole numbers of points from 1; given ${count} along ${name}.`);
    }
    const spread =
      Number.isFinite(least) && Number.isFinite(largest) && (count === 1 ? least === largest : least < largest);
    if (!spread) {
      throw new RangeError(
        `A range of a grid must go from a smaller to a larger number, and be one number for one point; given ${least} to ${largest} along ${name} in ${count} points.`,
      );
    }
  }
  const columns = linspace(x, nx);
  return linspace(y, ny).flatMap((row) => columns.map((column) => ({ x: column, y: row })));
}

/** Which share of the points a process takes: `i` of `n`, counted from 1. */
export interface Part {
  i: number;
  n: number;
}

/**
 * Reads `i/n`. @throws Error for anything else.
 * @example
 * ```ts
 * parsePart('2/4'); // { i: 2, n: 4 }
 * ```
 */
export function parsePart(text: string): Part {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (i === undefined || n === undefined || i < 1 || i > n) {
    throw new Error(`A part must be i/n with 1 ≤ i ≤ n, such as 1/4; given '${text}'.`);
  }
  return { i, n };
}

const HEADER = 'x,y,loss,top1';

export interface LandscapeRun {
  /** The folder of the CSV files and of landscape.json. */
  folder: string;
  grid: GridSpec;
  part?: Part;
  /** What decides the numbers (network, images, seed, …), as plain values; kept in landscape.json. Another landscape's folder is refused. */
  settings: Readonly<Record<string, unknown>>;
  evaluate: (x: number, y: number) => Promise<LossPoint>;
  onPoint?: (point: LandscapePoint, done: number, all: number) => void;
  signal?: AbortSignal;
}

/**
 * Evaluates the points of a grid that no file of the folder has yet, each appended to the part's CSV file as soon as it is known.
 * @returns all points known afterwards; those of other parts too, where their files are there.
 * @throws Error where the folder holds a landscape of other settings; says which.
 * @example
 * ```ts
 * const surface = lossSurface(model, [randomDirection(model, 1, 'x'), randomDirection(model, 1, 'y')], data.test, { mean, std });
 * const points = await runLandscape({ folder, grid: { points: [5, 5] }, settings: { seed: 1 }, evaluate: surface.at });
 * ```
 */
export async function runLandscape(run: LandscapeRun): Promise<LandscapePoint[]> {
  const { folder, grid, part = { i: 1, n: 1 }, evaluate, onPoint, signal } = run;
  const points = gridPoints(grid);
  await makeFolder(folder);
  await claim(join(folder, 'landscape.json'), { ...run.settings, ...completeGrid(grid) }, 'landscape');
  const file = join(folder, part.n === 1 ? 'points.csv' : `points-${part.i}-of-${part.n}.csv`);
  await mend(file, HEADER, 'landscape');
  const known = await readLandscape(folder);
  const done = new Set(known.map(key));
  const todo = points.filter((point, at) => at % part.n === part.i - 1 && !done.has(key(point)));
  for (const [i, { x, y }] of todo.entries()) {
    if (signal?.aborted) break;
    const point = { x, y, ...(await evaluate(x, y)) };
    await appendFile(file, `${x},${y},${point.loss},${point.top1}\n`);
    known.push(point);
    onPoint?.(point, i + 1, todo.length);
  }
  return known.sort((a, b) => a.y - b.y || a.x - b.x);
}

const key = ({ x, y }: GridPoint) => `${x},${y}`;

/**
 * The points of a folder, of all its parts; a line that was cut off is left out.
 * @example
 * ```ts
 * const { meanIncrease, wideShare } = sharpness(await readLandscape('landscape'));
 * ```
 */
export async function readLandscape(folder: string): Promise<LandscapePoint[]> {
  const files = (await readdir(folder)).filter((name) => /^points.*\.csv$/.test(name)).sort();
  const found = new Map<string, LandscapePoint>();
  for (const file of files) {
    for (const line of await readLines(join(folder, file), HEADER, 'landscape')) {
      const [x, y, loss, top1] = line.split(',').map(Number) as [number, number, number, number];
      found.set(key({ x, y }), { x, y, loss, top1 });
    }
  }
  return [...found.values()].sort((a, b) => a.y - b.y || a.x - b.x);
}
