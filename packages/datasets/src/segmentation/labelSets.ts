/** Sets for semantic segmentation: images, and for each a label image, found by lists or by folders. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readText } from '@refconv/files';
import { EXTENSIONS } from '../image/formats.js';
import { imageFiles } from '../imagenet/imageFolder.js';
import { IGNORED, UNKNOWN } from '../loader/annotations.js';
import { type ImageSource, shared, textAt, textList } from '../loader/source.js';
import { requireFolder } from '../places.js';

export type SegmentationSplit = 'train' | 'val' | 'test';

/** What the values of label images stand for. */
export interface LabelValues {
  classes: string[];
  /** `[256]`: the class of each value, `IGNORED` (255) or `UNKNOWN` (254). */
  classOf: Uint8Array;
}

/** A name that begins so is no class: its pixels do not count. */
const NOT_COUNTED = '!';

/**
 * The names of the values 0, 1, … in their order; those that begin with `!` do not count, and neither does 255. The classes are numbered
 * without them.
 * @example
 * ```ts
 * const values = labelValues(['road', 'car', '!void']); // what has the value 2 does not count
 * ```
 */
export function labelValues(names: readonly string[]): LabelValues {
  if (names.length === 0 || names.length > 254)
    throw new Error(`Label images of one byte a pixel have 1 to 254 values with names; ${names.length} given.`);
  const classOf = shared(Uint8Array, 256).fill(UNKNOWN);
  const classes: string[] = [];
  names.forEach((name, value) => {
    classOf[value] = name.startsWith(NOT_COUNTED) ? IGNORED : classes.push(name) - 1;
  });
  classOf[IGNORED] = IGNORED;
  return { classes, classOf };
}

const CLASSES_FILE = 'classes.txt';
const CLASSES_HELP = `with a line for each value of the label images from 0 on: the name of the class, or a name that begins with ${NOT_COUNTED} for pixels that do not count`;

async function readValues(root: string): Promise<LabelValues> {
  const path = join(root, CLASSES_FILE);
  if (!existsSync(path)) throw new Error(`${root} lacks ${CLASSES_FILE}, ${CLASSES_HELP}.`);
  const names = (await readText(path)).split(/\r?\n/).map((line) => line.trim());
  while (names.at(-1) === '') names.pop();
  const empty = names.indexOf('');
  if (empty >= 0) throw new Error(`${path} has nothing in line ${empty + 1}; expected a file ${CLASSES_HELP}.`);
  return labelValues(names);
}

/** Names of splits, the first that there is. */
const SPLITS: Record<SegmentationSplit, readonly string[]> = {
  train: ['train'],
  val: ['val', 'valid', 'validation'],
  test: ['test'],
};

/** Where the images of a split and their label images may lie, from the set's folder on. */
const LAYOUTS: readonly ((split: string) => [images: string, labels: string])[] = [
  (split) => [`${split}/images`, `${split}/labels`],
  (split) => [`images/${split}`, `labels/${split}`],
  // As SegNet's CamVid.
  (split) => [split, `${split}annot`],
];

const FORMS =
  'train.txt, val.txt and test.txt with names of images/NAME.jpg and labels/NAME.png; or train/images and train/labels, or images/train and ' +
  'labels/train, with label images of the same names, and the same of val and test';

/**
 * One split of a set in a folder of this form: lists of names, or folders.
 * @param values what the label images' values stand for. Default: as classes.txt in the folder says.
 * @returns undefined where the set has no such split.
 * @throws Error where an image or a label image that is listed is missing, or one of the two has no counterpart.
 */
export async function segmentationSplit(
  folder: string,
  split: SegmentationSplit,
  { name = 'segmentation', values }: { name?: string; values?: LabelValues } = {},
): Promise<ImageSource | undefined> {
  const root = resolve(folder);
  // SegNet's CamVid has lists too, of paths on its maker's machine.
  const pairs = (await inFolders(root, split)) ?? (await listed(root, split));
  if (!pairs) return undefined;
  const { classes, classOf } = values ?? (await readValues(root));
  const [names, labels] = [textList(pairs.map(([image]) => image)), textList(pairs.map(([, label]) => label))];
  return {
    ...{ name, classes, count: pairs.length, labels: shared(Int32Array, pairs.length), source: root },
    place: { kind: 'files', root, names },
    annotations: { kind: 'labelImages', root, names: labels, classOf },
  };
}

/**
 * All splits. The validation images are the test images where there are no others. @throws Error where a split is missing.
 * @example
 * ```ts
 * const set = await segmentationSet('/data/streets', { values: labelValues(['road', 'car', '!void']) });
 * ```
 */
export async function segmentationSet(folder: string, options: { name?: string; values?: LabelValues } = {}) {
  const [train, val, test] = await Promise.all(
    (['train', 'val', 'test'] as const).map((split) => segmentationSplit(folder, split, options)),
  );
  if (!train || !(test ?? val)) {
    requireFolder(folder);
    const missing = train ? 'validation or test' : 'training';
    throw new Error(`${resolve(folder)} has no ${missing} images; expected ${FORMS}.`);
  }
  return { train, ...(val && test && { validation: val }), test: (test ?? val) as ImageSource };
}

type Pair = [image: string, label: string];

async function listed(root: string, split: SegmentationSplit): Promise<Pair[] | undefined> {
  const list = SPLITS[split].map((name) => join(root, `${name}.txt`)).find((path) => existsSync(path));
  if (list === undefined) return undefined;
  const lines = (await readText(list)).split(/\r?\n/).map((line) => line.trim());
  const names = lines.filter((line) => line !== '');
  if (names.length === 0) throw new Error(`${list} has no names.`);
  const lacking: string[] = [];
  const pairs = names.map((line): Pair => {
    const stem = line.replace(/\.\w+$/, '');
    const image = ['.jpg', '.png', ...EXTENSIONS]
      .map((end) => `images/${stem}${end}`)
      .find((path) => existsSync(join(root, path)));
    const label = `labels/${stem}.png`;
    if (image === undefined) lacking.push(`images/${stem}.jpg`);
    if (!existsSync(join(root, label))) lacking.push(label);
    return [image ?? '', label];
  });
  if (lacking.length > 0) throw new Error(`${list} names what is not there: ${some(lacking)} in ${root}.`);
  return pairs;
}

async function inFolders(root: string, split: SegmentationSplit): Promise<Pair[] | undefined> {
  for (const name of SPLITS[split]) {
    for (const layout of LAYOUTS) {
      const [images, labels] = layout(name);
      if (!existsSync(join(root, images)) || !existsSync(join(root, labels))) continue;
      return paired(root, images, labels);
    }
  }
  return undefined;
}

/** The images of one folder and the label images of the same names in another; both may have folders within. */
async function paired(root: string, images: string, labels: string): Promise<Pair[]> {
  const [pictures, marked] = await Promise.all([images, labels].map((path) => namesIn(root, path)));
  const stem = (path: string) => path.replace(/\.\w+$/, '');
  const labelOf = new Map((marked ?? []).filter((path) => /\.png$/i.test(path)).map((path) => [stem(path), path]));
  const stems = (pictures ?? []).map(stem);
  const lacking = stems.filter((name) => !labelOf.has(name));
  const known = new Set(stems);
  const alone = [...labelOf.keys()].filter((name) => !known.has(name));
  if (lacking.length > 0 || alone.length > 0) {
    const [what, where, there] = lacking.length > 0 ? [lacking, labels, images] : [alone, images, labels];
    throw new Error(
      `${join(root, where)} has nothing for ${some(what)} of ${join(root, there)}; add it, or take that away.`,
    );
  }
  return (pictures ?? []).map((path) => [`${images}/${path}`, `${labels}/${labelOf.get(stem(path))}`]);
}

async function namesIn(root: string, folder: string): Promise<string[]> {
  const path = join(root, folder);
  const { place, count } = await imageFiles([path], root);
  const names = (place as Extract<typeof place, { kind: 'files' }>).names;
  return Array.from({ length: count }, (_, i) => textAt(names, i).slice(folder.length + 1));
}

const some = (names: readonly string[]) =>
  `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
