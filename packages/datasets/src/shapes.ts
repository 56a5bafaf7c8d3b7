import type { Random } from './random.js';

/**
 * How far a point lies outside (positive) or inside (negative) of a figure, in pixels, near the figure's edge.
 * Everywhere here only + - * / sqrt, floor and comparisons are used: unlike sin or hypot, IEEE 754 and ECMAScript fix
 * their results to the last bit, so that pictures are the same on every machine.
 */
export type Distance = (x: number, y: number) => number;

/** A figure around the origin of about the given radius in pixels, upright. */
export interface Shape {
  name: string;
  distance(radius: number): Distance;
  /** A texture fills a window of the picture; its radius is then half a period. */
  texture: boolean;
  /** Direction (dx, dy) of its axis: for most any, for stripes only near the one that names the class. */
  axis(random: Random): [number, number];
}

const { abs, floor, max, min, sqrt } = Math;

export const disc = (radius: number): Distance => {
  return (x, y) => sqrt(x * x + y * y) - radius;
};

export const square = (radius: number): Distance => {
  return (x, y) => max(abs(x), abs(y)) - 0.85 * radius;
};

const ring = (radius: number): Distance => {
  return (x, y) => abs(sqrt(x * x + y * y) - 0.75 * radius) - 0.25 * radius;
};

/** Equilateral: the largest of the distances to its three sides. */
const triangle = (radius: number): Distance => {
  const half = sqrt(3) / 2;
  return (x, y) => max(y, half * x - y / 2, -half * x - y / 2) - 0.6 * radius;
};

const cross = (radius: number): Distance => {
  const [long, wide] = [radius, 0.3 * radius];
  return (x, y) => min(max(abs(x) - long, abs(y) - wide), max(abs(x) - wide, abs(y) - long));
};

/** Distance to the nearest edge of stripes that are half a period wide. */
const wave = (x: number, period: number): number => (abs(x / period - floor(x / period) - 0.5) - 0.25) * period;

const stripes = (radius: number): Distance => {
  return (x) => wave(x, 2 * radius);
};

const checkerboard = (radius: number): Distance => {
  return (x, y) => {
    const [a, b] = [wave(x, 2 * radius), wave(y, 2 * radius)];
    return a < 0 === b < 0 ? min(abs(a), abs(b)) : -min(abs(a), abs(b));
  };
};

const dots = (radius: number): Distance => {
  const period = 2 * radius;
  const fold = (x: number) => (x / period - floor(x / period) - 0.5) * period;
  return (x, y) => {
    const [a, b] = [fold(x), fold(y)];
    return sqrt(a * a + b * b) - 0.6 * radius;
  };
};

/** Uniform among all directions: a point drawn in the unit disc, moved to its edge. */
export function anyDirection(random: Random): [number, number] {
  for (;;) {
    const [x, y] = [2 * random.uniform() - 1, 2 * random.uniform() - 1];
    const length = sqrt(x * x + y * y);
    if (length <= 1 && length > 0.01) return [x / length, y / length];
  }
}

/** Within about 10 degrees of (x, y). */
function near(x: number, y: number, random: Random): [number, number] {
  const tilt = 0.35 * (random.uniform() - 0.5);
  const [dx, dy] = [x - tilt * y, y + tilt * x];
  const length = sqrt(dx * dx + dy * dy);
  return [dx / length, dy / length];
}

/** In the order of the labels. */
export const SHAPES: readonly Shape[] = [
  { name: 'disc', distance: disc, texture: false, axis: anyDirection },
  { name: 'ring', distance: ring, texture: false, axis: anyDirection },
  { name: 'square', distance: square, texture: false, axis: anyDirection },
  { name: 'triangle', distance: triangle, texture: false, axis: anyDirection },
  { name: 'cross', distance: cross, texture: false, axis: anyDirection },
  { name: 'horizontal stripes', distance: stripes, texture: true, axis: (random) => near(0, 1, random) },
  { name: 'vertical stripes', distance: stripes, texture: true, axis: (random) => near(1, 0, random) },
  {
    name: 'diagonal stripes',
    distance: stripes,
    texture: true,
    axis: (random) => near(1, random.integer(2) === 0 ? 1 : -1, random),
  },
  { name: 'checkerboard', distance: checkerboard, texture: true, axis: anyDirection },
  { name: 'dots', distance: dots, texture: true, axis: anyDirection },
];
