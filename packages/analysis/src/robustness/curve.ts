/** The smallest eps that breaks each image, in files that grow as a run goes on, and the curve that they make. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readLines } from '../resumableFile.js';
import { mean } from '../statistics.js';

/** What an image withstands. */
export interface ImageRobustness {
  /** Its index in the split. */
  image: number;
  label: number;
  /** The smallest eps found that breaks it, in 1/255; 0 where it is wrong by itself, Infinity where the largest did not break it. */
  smallest: number;
}

export const HEADER = 'image,label,smallest_eps';

export const lineOf = ({ image, label, smallest }: ImageRobustness) => `${image},${label},${smallest}\n`;

/**
 * The images of a folder, of all its parts, by index. @throws Error where a file is another.
 * @example
 * ```ts
 * for (const { image, smallest } of await readRobustness('robustness')) console.log(image, smallest);
 * ```
 */
export async function readRobustness(folder: string): Promise<ImageRobustness[]> {
  const files = (await readdir(folder)).filter((name) => /^robustness.*\.csv$/.test(name));
  const lines = await Promise.all(
    files.map((file) => readLines(join(folder, file), HEADER, 'list of attacked images')),
  );
  return lines
    .flat()
    .map((line) => {
      const [image, label, smallest] = line.split(',').map(Number) as [number, number, number];
      return { image, label, smallest };
    })
    .sort((a, b) => a.image - b.image);
}

/**
 * The share of the images that withstand each eps (0: that are right by themselves).
 * @example
 * ```ts
 * accuracyCurve(await readRobustness('robustness'), [0, 1, 2]); // such as [0.85, 0.31, 0.04]
 * ```
 */
export function accuracyCurve(images: readonly ImageRobustness[], eps: readonly number[]): number[] {
  return eps.map((each) => images.filter(({ smallest }) => smallest > each).length / images.length);
}

/**
 * What an image withstands, at most `largest`: the mean over images is the area under the curve up to there.
 * @example
 * ```ts
 * withstood({ image: 0, label: 3, smallest: Number.POSITIVE_INFINITY }, 8); // 8
 * ```
 */
export const withstood = ({ smallest }: ImageRobustness, largest: number) => Math.min(smallest, largest);

/**
 * The median of the smallest eps; Infinity where half of the images withstand the largest.
 * @example
 * ```ts
 * const eps = medianEps(await readRobustness('robustness')); // in 1/255
 * ```
 */
export function medianEps(images: readonly ImageRobustness[]): number {
  const sorted = images.map(({ smallest }) => smallest).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * What a network withstands in one row: the number of images, the accuracy at each eps, and the median and the mean of what they withstand.
 * @example
 * ```ts
 * const { images, median_eps } = robustnessRow(await readRobustness('robustness'), [0, 1, 2, 4]);
 * ```
 */
export function robustnessRow(images: readonly ImageRobustness[], eps: readonly number[]): Record<string, number> {
  const curve = accuracyCurve(images, eps);
  const largest = Math.max(...eps);
  return {
    images: images.length,
    ...Object.fromEntries(eps.map((each, i) => [`accuracy_at_${each}`, curve[i] as number])),
    median_eps: medianEps(images),
    mean_eps: mean(images.map((image) => withstood(image, largest))),
  };
}

/**
 * A number of the same images attacked on two networks, the first's minus the second's. @throws Error where the images are others.
 * @example
 * ```ts
 * const [first, second] = await Promise.all(['refconv', 'baseline'].map(readRobustness));
 * const gains = pairedDifferences(first, second, (image) => withstood(image, 8));
 * ```
 */
export function pairedDifferences(
  first: readonly ImageRobustness[],
  second: readonly ImageRobustness[],
  number: (image: ImageRobustness) => number,
): number[] {
  const others = new Map(second.map((image) => [image.image, image]));
  if (first.length !== second.length || !first.every(({ image }) => others.has(image))) {
    throw new Error('Two networks were attacked on different images: they cannot be compared image by image.');
  }
  return first.map((image) => number(image) - number(others.get(image.image) as ImageRobustness));
}
