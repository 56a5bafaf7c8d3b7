/** What a training leaves out, told once: in its output, and for reports. */

import { type Images, wrongBoxes } from '@refconv/datasets';
import { counted, listed } from '@refconv/datasets/text';
import type { SplitName, TrainingData } from './feed.js';

/** A file that could not be read. */
export interface LeftImage {
  split: 'train' | SplitName;
  path: string;
  reason: string;
}

export interface LeftOut {
  images: LeftImage[];
  /** Images that are used without some of their boxes, which are wrong. */
  boxes?: LeftImage[];
  /** Files among the images whose names' endings are not those of images. */
  files?: string[];
  /** Convolutions with a kernel above 1×1 that the method leaves as they are. */
  layers: { name: string; reason: string }[];
}

/** Of a training that left something out. */
export const LEFT_OUT_FILE = 'left-out.json';

/**
 * A line for the images, one for boxes, one for the files, one for the layers; none where nothing was left out.
 * @example
 * ```ts
 * const images = [{ split: 'train', path: 'cat/1.jpg', reason: 'it is cut off' } as const];
 * console.log(leftOutText({ images }).join('\n'));
 * ```
 */
export function leftOutText({ images = [], boxes = [], files = [], layers = [] }: Partial<LeftOut>): string[] {
  // An image may be of several splits.
  const named = (left: readonly LeftImage[]) => [
    ...new Map(left.map(({ path, reason }) => [path, { name: path, reason }])).values(),
  ];
  const [unread, wrong] = [named(images), named(boxes)];
  return [
    ...(unread.length > 0
      ? [`Left out: ${counted(unread.length, 'image')} that cannot be read: ${byReason(unread)}`]
      : []),
    ...(wrong.length > 0 ? [`Left out: wrong boxes of ${counted(wrong.length, 'image')}: ${byReason(wrong)}`] : []),
    ...(files.length > 0
      ? [
          `Passed over: ${counted(files.length, 'file')} whose ${files.length === 1 ? 'ending is' : 'endings are'} not an image's: ${listed(files)}`,
        ]
      : []),
    ...(layers.length > 0
      ? [`Left as they are: ${counted(layers.length, 'convolution')} above 1×1: ${byReason(layers)}`]
      : []),
  ];
}

function byReason(rows: readonly { name: string; reason: string }[]): string {
  const names = new Map<string, string[]>();
  for (const { name, reason } of rows) names.set(reason, [...(names.get(reason) ?? []), name]);
  return [...names].map(([reason, same]) => `${listed(same)} (${reason})`).join('; ');
}

/**
 * What of one split's images could not read so far, and what its folders have beside images.
 * @example
 * ```ts
 * import { openImages } from '@refconv/datasets';
 * const { source } = await openImages('folder:photos', 'val');
 * const loader = testLoader(source, { transform: 'resize(64)|centerCrop(56)|normalize(imagenet)', onBroken: 'skip' });
 * await evaluate(model, loader);
 * console.log(leftOutText(leftOutBy(loader)).join('\n'));
 * ```
 */
export const leftOutBy = (
  { broken, source }: Images,
  split: LeftImage['split'] = 'test',
): Required<Omit<LeftOut, 'layers'>> => ({
  images: broken.map(({ path, reason }) => ({ split, path, reason })),
  boxes: (source ? wrongBoxes(source) : []).map((each) => ({ split, ...each })),
  files: [...(source?.passedOver ?? [])],
});

const SPLITS = ['train', 'validation', 'test'] as const;

/** Of each of a training's splits. */
const leftOutOf = (data: TrainingData) =>
  SPLITS.flatMap((split) => {
    const images = data[split];
    return images ? [leftOutBy(images, split)] : [];
  });

/** What loaders could not read, each file once. */
export function unreadOf(data: TrainingData, earlier: readonly LeftImage[] = []): LeftImage[] {
  const found = leftOutOf(data).flatMap(({ images }) => images);
  return [...new Map([...earlier, ...found].map((image) => [`${image.split} ${image.path}`, image])).values()];
}

/** Images of the loaders that are used without their wrong boxes. */
export const wrongBoxesIn = (data: TrainingData): LeftImage[] => leftOutOf(data).flatMap(({ boxes }) => boxes);

/** What the loaders' folders have beside images, each file once. */
export const passedOverIn = (data: TrainingData): string[] => [
  ...new Set(leftOutOf(data).flatMap(({ files }) => files)),
];

/**
 * Whether there is anything to tell.
 * @example
 * ```ts
 * const { leftOut } = await fit({ model, data: set, recipe: PAPER_RECIPE });
 * if (leavesOut({ ...leftOut, layers: [] })) console.log(leftOutText(leftOut).join('\n'));
 * ```
 */
export const leavesOut = ({ images, boxes = [], files = [], layers }: LeftOut): boolean =>
  images.length + boxes.length + files.length + layers.length > 0;
