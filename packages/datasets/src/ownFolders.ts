/** Folders of a user's own: one for each split, in it one for each class. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { classFolders, imageFolder } from './imagenet/imageFolder.js';
import type { ImageSource } from './loader/source.js';
import { requireFolder } from './places.js';

/** What the folders of the splits are called, in whatever case. */
const SPLITS = { train: ['train'], test: ['val', 'valid', 'validation', 'test'] };

/** What else people call them, which could be a class too where there are images in it and not folders. */
const SPLIT_LIKE =
  /^(train(ing)?|val(id(ation)?)?|test(ing)?|dev|eval(uation)?|holdout)([-_. ]?(set|split|data|images|\d+))?$/i;

/** The folders in a folder that have folders of their own, as a split's have those of the classes. */
function nestedFolders(folder: string): string[] {
  const foldersIn = (path: string) =>
    readdirSync(path).filter((name) => statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory());
  return existsSync(folder) ? foldersIn(folder).filter((name) => foldersIn(join(folder, name)).length > 0) : [];
}

/** The folder of a split in a folder of the user's own; undefined where there is none of its names. */
function splitFolder(folder: string | undefined, split: 'train' | 'test'): string | undefined {
  if (!folder) throw new Error('Which folder? Give folder:DIR, where DIR has a folder for each class.');
  const nested = nestedFolders(folder);
  const [name] = SPLITS[split].flatMap((known) => nested.filter((name) => name.toLowerCase() === known));
  return name && join(folder, name);
}

function lacking(folder: string, split: 'train' | 'test'): Error {
  requireFolder(folder);
  const there = nestedFolders(folder).slice(0, 8).join(', ') || 'no folders with folders';
  return new Error(
    `${folder} lacks train or val: expected both, each with a folder of images for each class; it has ${there}. The ` +
      `${split === 'train' ? 'training' : 'test'} images are looked for in ${SPLITS[split].join(', ')}: rename the folder that they are in.`,
  );
}

/**
 * One split of a folder, or the folder itself where it has a folder for each class. Test images have the training images' classes,
 * where these are all of theirs.
 */
export async function folderSplit(folder: string, split: 'train' | 'test'): Promise<ImageSource> {
  const path = splitFolder(folder, split);
  if (path === undefined) {
    requireFolder(folder);
    if (nestedFolders(folder).some((name) => SPLIT_LIKE.test(name))) throw lacking(folder, split);
    return imageFolder(folder);
  }
  const train = split === 'test' && splitFolder(folder, 'train');
  if (!train) return imageFolder(path);
  const [classes, own] = await Promise.all([classFolders(train), classFolders(path)]);
  return imageFolder(path, own.every((name) => classes.includes(name)) ? { classes } : {});
}

/** Both splits; test images have the training images' classes. @throws Error where one is missing. */
export async function folderSplits(folder: string | undefined): Promise<{ train: ImageSource; test: ImageSource }> {
  const [train, test] = [splitFolder(folder, 'train'), splitFolder(folder, 'test')];
  if (train === undefined || test === undefined) throw lacking(folder as string, train ? 'test' : 'train');
  const images = await imageFolder(train);
  return { train: images, test: await imageFolder(test, { classes: images.classes }) };
}
