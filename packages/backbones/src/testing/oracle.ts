/** Reads the oracles: what the reference implementations compute from tensors that are generated from their names. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TorchState } from '@refconv/weights';

export interface EvalCase {
  input: string;
  /** NCHW. */
  shape: [number, number, number, number];
  /** [n, classes], row by row. */
  logits: number[];
  spread: number;
}

export interface TrainCase {
  input: string;
  shape: [number, number, number, number];
  labels: number[];
  optimizer: { lr: number; momentum: number; weightDecay: number };
  losses: number[];
  spread: number[];
}

export interface Oracle {
  parameters: number;
  state: [key: string, shape: number[]][];
  eval: EvalCase[];
  train: TrainCase;
}

/** A network's first logits and their summary for one generated image. */
export interface Anchor {
  head: [number, number, number, number];
  sum: number;
  l2: number;
  argmax: number;
}

/** The folder of oracles and real data: REFCONV_SHARED, else `shared` beside the repository. */
export const shared = process.env.REFCONV_SHARED ?? fileURLToPath(new URL('../../../../../shared', import.meta.url));

/** The oracle of a backbone; undefined where the shared folder (REFCONV_SHARED) is missing. */
export function readOracle(backbone: string): Oracle | undefined {
  const path = join(shared, 'oracles', 'backbones', `${backbone}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** The anchor of this name; undefined where the shared folder is missing. */
export function readAnchor(name: string): Anchor | undefined {
  const path = join(shared, 'spec', 'anchors.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8'))[name] : undefined;
}

/** The 32-bit FNV-1a hash of a text's UTF-8 bytes. */
export function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** `count` numbers in [0, 1) that depend on the name alone. */
export function uniform(name: string, count: number): Float64Array {
  const start = fnv(name);
  const numbers = new Float64Array(count);
  // A plain loop: some oracles need 40 million of them.
  for (let i = 0; i < count; i++) {
    let h = (start + Math.imul(i, 0x9e3779b1)) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    numbers[i] = ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  }
  return numbers;
}

/** What becomes of a uniform number in a tensor, by its key's last part; chosen once for all of its numbers. */
function ruleOf(last: string, rank: number, bound: number): (u: number) => number {
  if (last === 'running_mean' || (last === 'bias' && rank < 2)) return (u) => 0.2 * u - 0.1;
  if (rank < 2 || last === 'running_var' || last === 'gamma' || last === 'layer_scale') return (u) => 0.5 + u;
  return (u) => (2 * u - 1) * bound;
}

/** The state_dict that the oracles were made with. */
export function generatedState(state: [string, number[]][]): TorchState {
  return new Map(
    state.map(([key, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const last = key.split('.').pop() as string;
      const rule = ruleOf(last, shape.length, Math.sqrt(6 / (count / (shape[0] as number))));
      const numbers = uniform(key, count);
      const data = new Float32Array(count);
      for (let i = 0; i < count; i++) data[i] = rule(numbers[i] as number);
      return [key, { shape, data }];
    }),
  );
}

/** A case's images, NHWC. */
export function generatedImages({
  input,
  shape,
}: {
  input: string;
  shape: [number, number, number, number];
}): Float32Array {
  const [n, c, h, w] = shape;
  const nchw = uniform(input, n * c * h * w);
  const nhwc = new Float32Array(nchw.length);
  let at = 0;
  for (let image = 0; image < n; image++)
    for (let pixel = 0; pixel < h * w; pixel++)
      for (let channel = 0; channel < c; channel++)
        nhwc[at++] = 2 * (nchw[(image * c + channel) * h * w + pixel] as number) - 1;
  return nhwc;
}
