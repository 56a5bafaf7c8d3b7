/** Sets for detection: images and their boxes, as one split after the other is found. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXTENSIONS } from '../image/formats.js';
import { type ImageSource, shared, textList } from '../loader/source.js';
import { requireFolder } from '../places.js';
import { type AnnotatedImage, boxLists } from './boxLists.js';

export type BoxSplit = 'train' | 'val' | 'test';

/** Names of splits, the first that there is. */
export const SPLITS: Record<BoxSplit, readonly string[]> = {
  train: ['train'],
  val: ['val', 'valid', 'validation'],
  test: ['test'],
};

/** A split of a set in a folder, as a loader takes it. */
export function boxSource(
  name: string,
  root: string,
  images: readonly AnnotatedImage[],
  classes: readonly string[],
  categories?: ArrayLike<number>,
): ImageSource {
  return {
    ...{ name, classes: [...classes], count: images.length, labels: shared(Int32Array, images.length), source: root },
    place: { kind: 'files', root, names: textList(images.map(({ path }) => path)) },
    annotations: boxLists(images, classes, categories),
  };
}

export type BoxSplitReader = (folder: string, split: BoxSplit) => Promise<ImageSource | undefined>;

/**
 * All splits. The validation images are the test images where there are no others.
 * @param forms what a folder has, for the error.
 * @throws Error where a split is missing.
 */
export async function boxSet(folder: string, read: BoxSplitReader, forms: string) {
  const [train, val, test] = await Promise.all((['train', 'val', 'test'] as const).map((split) => read(folder, split)));
  if (!train || !(test ?? val)) {
    requireFolder(folder);
    const missing = train ? 'validation or test' : 'training';
    throw new Error(`${resolve(folder)} has no ${missing} images; expected ${forms}.`);
  }
  return { train, ...(val && test && { validation: val }), test: (test ?? val) as ImageSource };
}

/** The image of this name, of whatever ending; undefined where there is none. */
export const imageNamed = (root: string, folder: string, stem: string): string | undefined =>
  ['.jpg', '.png', ...EXTENSIONS].map((end) => `${folder}/${stem}${end}`).find((path) => existsSync(join(root, path)));
