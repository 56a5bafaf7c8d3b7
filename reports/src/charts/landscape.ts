/** Loss landscapes: contours over a heat map, a surface, a slice. */
import type { LandscapePoint } from '@refconv/analysis';
import { contours } from 'd3-contour';
import type { TopLevelSpec } from 'vega-lite';
import { COLOURS, CONFIG, DASHES, SCALE, SCHEMA, short, valuesOf } from './style.js';

/** A landscape with its name: `baseline`, `merged RefConv`. */
export interface NamedLandscape {
  name: string;
  points: readonly LandscapePoint[];
}

/** 0.1, 0.6, … 9.6, as the authors of the method draw them (tomgoldstein/loss-landscape, plot_2D.py). */
export const LEVELS: readonly number[] = Array.from({ length: 20 }, (_, i) => Number((0.1 + 0.5 * i).toFixed(1)));

interface Field {
  xs: number[];
  ys: number[];
  /** Row by row of growing y. */
  losses: number[];
}

/** @throws Error where points of the grid are missing. */
function fieldOf({ name, points }: NamedLandscape): Field {
  const sorted = (values: number[]) => [...new Set(values)].sort((a, b) => a - b);
  const [xs, ys] = [sorted(points.map(({ x }) => x)), sorted(points.map(({ y }) => y))];
  const known = new Map(points.map(({ x, y, loss }) => [`${x},${y}`, loss]));
  const losses = ys.flatMap((y) => xs.map((x) => known.get(`${x},${y}`) ?? Number.NaN));
  if (points.length !== losses.length || losses.length === 0) {
    throw new Error(
      `The landscape ${name} is not whole: ${points.length} of ${losses.length} points are there. Evaluate the others first.`,
    );
  }
  return { xs, ys, losses };
}

export interface IsolinePoint {
  name: string;
  level: number;
  /** Tells the lines of a level apart. */
  line: number;
  at: number;
  x: number;
  y: number;
}

/**
 * The lines on which a landscape has the losses given, in its own coordinates.
 * @example
 * ```ts
 * const points = [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => ({ x, y, loss: x * x + y * y, top1: 0 })));
 * const lines = isolines({ name: 'bowl', points }, [0.5]);
 * ```
 */
export function isolines(landscape: NamedLandscape, levels: readonly number[] = LEVELS): IsolinePoint[] {
  const { xs, ys, losses } = fieldOf(landscape);
  const [nx, ny] = [xs.length, ys.length];
  if (nx < 2 || ny < 2) throw new Error(`The landscape ${landscape.name} is a slice; it has no contours.`);
  const [left, bottom] = [xs[0] as number, ys[0] as number];
  const [dx, dy] = [((xs.at(-1) as number) - left) / (nx - 1), ((ys.at(-1) as number) - bottom) / (ny - 1)];
  // What overflowed is above every level.
  const values = losses.map((loss) => (Number.isFinite(loss) ? loss : Number.MAX_VALUE));
  const found: IsolinePoint[] = [];
  let line = 0;
  for (const { value: level, coordinates } of contours()
    .size([nx, ny])
    .thresholds([...levels])(values)) {
    for (const ring of coordinates.flat()) {
      let open = false;
      for (const [u, v] of ring as [number, number][]) {
        // d3 closes rings half a cell outside the grid's points: there a line ends.
        const inside = u >= 0.5 && u <= nx - 0.5 && v >= 0.5 && v <= ny - 0.5;
        if (inside) {
          if (!open) line++;
          const [x, y] = [short(left + (u - 0.5) * dx), short(bottom + (v - 0.5) * dy)];
          found.push({ name: landscape.name, level, line, at: found.length, x, y });
        }
        open = inside;
      }
    }
  }
  return found;
}

/** One label for every other level: in the middle of its longest line. */
function labelsOf(lines: readonly IsolinePoint[]): IsolinePoint[] {
  const byLine = new Map<string, IsolinePoint[]>();
  for (const point of lines) {
    const key = `${point.name} ${point.line}`;
    byLine.set(key, [...(byLine.get(key) ?? []), point]);
  }
  const longest = new Map<string, IsolinePoint[]>();
  for (const points of byLine.values()) {
    const [{ name, level }] = points as [IsolinePoint];
    const key = `${name} ${level}`;
    if (Math.round(2 * level) % 2 === 0 && points.length > Math.max(5, longest.get(key)?.length ?? 0))
      longest.set(key, points);
  }
  return [...longest.values()].map((points) => points[Math.floor(points.length / 2)] as IsolinePoint);
}

const LEGEND = 'cross entropy, nats';

/**
 * Landscapes side by side with one colour scale; losses above the highest level have its colour.
 * @example
 * ```ts
 * import { readLandscape } from '@refconv/analysis';
 * const svg = await toSvg(landscapeChart([{ name: 'baseline', points: await readLandscape('landscape') }]));
 * ```
 */
export function landscapeChart(
  landscapes: readonly NamedLandscape[],
  levels: readonly number[] = LEVELS,
): TopLevelSpec {
  const highest = levels.at(-1) as number;
  const cells = landscapes.flatMap(({ name, points }) =>
    points.map(({ x, y, loss, top1 }) => ({
      ...{ name, x, y, loss: short(loss), top1 },
      shown: Number.isFinite(loss) ? Math.min(short(loss), highest) : highest,
    })),
  );
  const lines = landscapes.flatMap((landscape) => isolines(landscape, levels));
  const { xs, ys } = fieldOf(landscapes[0] as NamedLandscape);
  const half = (values: number[]) => ((values.at(-1) as number) - (values[0] as number)) / (values.length - 1) / 2;
  const [hx, hy] = [half(xs), half(ys)];
  const around = (values: number[], by: number) => [(values[0] as number) - by, (values.at(-1) as number) + by];
  const is = (kind: string) => ({ filter: `datum.kind === '${kind}'` });
  const position = {
    x: { field: 'x', type: 'quantitative', title: 'direction x', scale: { domain: around(xs, hx), nice: false } },
    y: { field: 'y', type: 'quantitative', title: 'direction y', scale: { domain: around(ys, hy), nice: false } },
  } as const;
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    data: {
      values: [
        ...cells.map((cell) => ({
          kind: 'cell',
          ...cell,
          left: short(cell.x - hx),
          right: short(cell.x + hx),
          low: short(cell.y - hy),
          high: short(cell.y + hy),
        })),
        ...lines.map((point) => ({ kind: 'line', ...point })),
        ...labelsOf(lines).map((point) => ({ kind: 'label', ...point })),
      ],
    },
    columns: 2,
    facet: { field: 'name', type: 'nominal', title: null, sort: landscapes.map(({ name }) => name) },
    spec: {
      width: 280,
      height: 280,
      layer: [
        {
          transform: [is('cell')],
          mark: { type: 'rect' },
          encoding: {
            x: { ...position.x, field: 'left' },
            x2: { field: 'right' },
            y: { ...position.y, field: 'low' },
            y2: { field: 'high' },
            color: {
              field: 'shown',
              type: 'quantitative',
              title: LEGEND,
              scale: { ...SCALE, type: 'sqrt' },
            },
            tooltip: [
              { field: 'x' },
              { field: 'y' },
              { field: 'loss', title: LEGEND, format: '.4g' },
              { field: 'top1', title: 'top-1', format: '.2%' },
            ],
          },
        },
        {
          transform: [is('line')],
          mark: { type: 'line', color: 'white', strokeWidth: 1.2, interpolate: 'linear' },
          encoding: { ...position, detail: { field: 'line', type: 'nominal' }, order: { field: 'at' } },
        },
        {
          transform: [is('label')],
          mark: { type: 'text', fontSize: 10, stroke: 'black', strokeWidth: 2.5, strokeOpacity: 0.7 },
          encoding: { ...position, text: { field: 'level' } },
        },
        {
          transform: [is('label')],
          mark: { type: 'text', fontSize: 10, color: 'white' },
          encoding: { ...position, text: { field: 'level' } },
        },
      ],
    },
  };
}

/**
 * A landscape as a surface, seen from above one corner: its faces from back to front, coloured by loss, cut off at the highest level.
 * @example
 * ```ts
 * import { readLandscape } from '@refconv/analysis';
 * const svg = await toSvg(surfaceChart({ name: 'baseline', points: await readLandscape('landscape') }));
 * ```
 */
export function surfaceChart(landscape: NamedLandscape, highest = LEVELS.at(-1) as number): TopLevelSpec {
  const { xs, ys, losses } = fieldOf(landscape);
  const [nx, ny] = [xs.length, ys.length];
  const height = (i: number, j: number) => {
    const loss = losses[j * nx + i] as number;
    return Number.isFinite(loss) ? Math.min(loss, highest) : highest;
  };
  // An oblique projection of the unit square, turned by 30°.
  const project = (i: number, j: number) => {
    const [u, v] = [i / (nx - 1) - 0.5, j / (ny - 1) - 0.5];
    const [cosine, sine] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
    return {
      right: short(u * cosine - v * sine),
      up: short(0.45 * (u * sine + v * cosine) + (0.6 * height(i, j)) / highest),
    };
  };
  const corners: object[] = [];
  let face = 0;
  for (let j = ny - 2; j >= 0; j--)
    for (let i = nx - 2; i >= 0; i--) {
      face++;
      const ring = [
        [i, j],
        [i + 1, j],
        [i + 1, j + 1],
        [i, j + 1],
        [i, j],
      ] as const;
      const loss = short(ring.slice(0, 4).reduce((sum, [a, b]) => sum + height(a, b), 0) / 4);
      ring.forEach(([a, b], at) => {
        corners.push({ face, at, ...project(a, b), loss });
      });
    }
  const axis = null;
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 420,
    height: 320,
    data: { values: corners as Record<string, number>[] },
    mark: { type: 'line', filled: true, stroke: '#ffffff', strokeWidth: 0.4, strokeOpacity: 0.6, fillOpacity: 1 },
    encoding: {
      x: { field: 'right', type: 'quantitative', axis },
      y: { field: 'up', type: 'quantitative', axis, scale: { zero: false } },
      detail: { field: 'face' },
      order: { field: 'at' },
      fill: {
        field: 'loss',
        type: 'quantitative',
        title: LEGEND,
        scale: { ...SCALE, type: 'sqrt' },
      },
    },
  };
}

/**
 * Loss along x, where y is 0.
 * @example
 * ```ts
 * import { readLandscape } from '@refconv/analysis';
 * const svg = await toSvg(sliceChart([{ name: 'baseline', points: await readLandscape('slice') }]));
 * ```
 */
export function sliceChart(landscapes: readonly NamedLandscape[]): TopLevelSpec {
  const rows = landscapes.flatMap(({ name, points }) =>
    points
      .filter(({ y, loss }) => y === 0 && Number.isFinite(loss))
      .map(({ x, loss, top1 }) => ({ name, x, loss: short(loss), top1 })),
  );
  const domain = landscapes.map(({ name }) => name);
  return {
    $schema: SCHEMA,
    background: 'white',
    config: CONFIG,
    width: 420,
    height: 260,
    data: valuesOf(rows),
    mark: { type: 'line', point: { size: 25 } },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: 'direction x' },
      y: { field: 'loss', type: 'quantitative', title: LEGEND },
      color: { field: 'name', type: 'nominal', title: null, scale: { domain, range: COLOURS } },
      strokeDash: { field: 'name', type: 'nominal', title: null, scale: { domain, range: DASHES } },
      tooltip: [
        { field: 'name', title: 'network' },
        { field: 'x' },
        { field: 'loss', title: LEGEND, format: '.4g' },
        { field: 'top1', title: 'top-1', format: '.2%' },
      ],
    },
  };
}
