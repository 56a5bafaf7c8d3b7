/** How large an attack each image of a split withstands; a run that was stopped goes on. */
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageSplit } from '@refconv/datasets';
import type { Part } from '../landscape/grid.js';
import { claim, mend } from '../resumableFile.js';
import type { Attacker } from './attacker.js';
import { type AttackOptions, attack, checkAttack, type Target, type Walk } from './attacks.js';
import { HEADER, type ImageRobustness, lineOf } from './curve.js';

/**
 * An image of a split as attacks take it.
 * @example
 * ```ts
 * const { pixels, label } = targetOf(data.test, 0);
 * ```
 */
export function targetOf(split: ImageSplit, image: number): Target {
  const size = split.height * split.width * split.channels;
  const bytes = split.images.subarray(image * size, (image + 1) * size);
  return { image, pixels: Float32Array.from(bytes, (byte) => byte / 255), label: split.labels[image] as number };
}

export interface Levels {
  /** In 1/255, rising. Each image is attacked by one after the other, until one breaks it. */
  eps: readonly number[];
  /** Halvings of the interval between the largest eps that an image withstood and the one that broke it. */
  bisections: number;
}

/**
 * The smallest eps found that breaks an image; Infinity where none does.
 * @example
 * ```ts
 * const target = targetOf(data.test, 0);
 * const walk = smallestEps(target, { attack: 'pgd' }, { eps: [1, 2, 4], bisections: 4 });
 * const eps = await attacker(model, { mean, std, batchSize: 1 }).run([{ label: target.label, walk }]);
 * ```
 */
export function* smallestEps(target: Target, options: AttackOptions, { eps, bisections }: Levels): Walk<number> {
  let withstood = 0;
  for (const level of eps) {
    if (!(yield* attack(target, level, options)).broken) {
      withstood = level;
      continue;
    }
    let broken = level;
    for (let i = 0; i < bisections && broken > 0; i++) {
      const middle = (withstood + broken) / 2;
      if ((yield* attack(target, middle, options)).broken) broken = middle;
      else withstood = middle;
    }
    return target.clean?.prediction === target.label ? broken : 0;
  }
  return Number.POSITIVE_INFINITY;
}

const WHAT = 'run of attacks';

/** Images that are attacked together, and written together: one of them alone would be computed in other batches. */
const CHUNK = 250;

export interface RobustnessRun extends Levels {
  /** The folder of the CSV files and of robustness.json. */
  folder: string;
  attacker: Attacker;
  split: ImageSplit;
  attack: Omit<AttackOptions, 'whole'>;
  part?: Part;
  /** What else decides the numbers (network, images), as plain values; kept in robustness.json. Another run's folder is refused. */
  settings: Readonly<Record<string, unknown>>;
  /** Called after each image. */
  onImage?: (done: number, all: number) => void;
  signal?: AbortSignal;
}

/**
 * Attacks the images of a split that no file of the folder has yet; those of each chunk are written once they are all known, so that a run
 * that was killed and started again ends with the same bytes.
 * @returns whether it is finished; false where it was stopped.
 * @throws RangeError where an option is none. @throws Error where the folder holds a run of other settings.
 * @example
 * ```ts
 * const program = attacker(model, { mean, std, batchSize: 100 });
 * const levels = { eps: [0, 1, 2], bisections: 4 };
 * await runRobustness({ folder, attacker: program, split: data.test, attack: { attack: 'pgd' }, ...levels, settings: {} });
 * ```
 */
export async function runRobustness(run: RobustnessRun): Promise<boolean> {
  const { folder, attacker, split, part = { i: 1, n: 1 }, eps, bisections, onImage, signal } = run;
  checkAttack(run.attack);
  if (eps.length === 0 || eps.some((level, i) => !(level > (eps[i - 1] ?? -1)))) {
    throw new RangeError(`The eps must rise; given ${eps.join(', ')}.`);
  }
  await mkdir(folder, { recursive: true });
  await claim(join(folder, 'robustness.json'), { ...run.settings, ...run.attack, eps, bisections }, WHAT);
  const file = join(folder, part.n === 1 ? 'robustness.csv' : `robustness-${part.i}-of-${part.n}.csv`);
  const images = Array.from({ length: split.count }, (_, i) => i).filter(
    (i) => Math.floor(i / CHUNK) % part.n === part.i - 1,
  );
  const whole = (lines: number) => (lines >= images.length ? images.length : lines - (lines % CHUNK));
  const known = (await mend(file, HEADER, WHAT, whole)).length;
  for (let from = known; from < images.length; from += CHUNK) {
    const chunk = images.slice(from, from + CHUNK);
    const tasks = chunk.map((image) => {
      const target = targetOf(split, image);
      return { label: target.label, walk: smallestEps(target, run.attack, run) };
    });
    const onDone = (done: number) => onImage?.(from + done, images.length);
    const found = await attacker.run(tasks, { onDone, signal });
    if (!found) return false;
    const lines = chunk.map((image, i): ImageRobustness => {
      return { image, label: split.labels[image] as number, smallest: found[i] as number };
    });
    await appendFile(file, lines.map(lineOf).join(''));
  }
  return true;
}
