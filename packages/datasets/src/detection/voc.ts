/** Sets in Pascal VOC's layout: JPEGImages, Annotations, ImageSets/Main. */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readText } from '@refconv/files';
import type { AnnotatedImage } from './boxLists.js';
import { type BoxSplit, boxSource, imageNamed, SPLITS } from './boxSets.js';
import { MAX_XML_BYTES, readVocXml } from './vocXml.js';

export const VOC_FORMS =
  'JPEGImages/NAME.jpg, Annotations/NAME.xml, and ImageSets/Main with train.txt and val.txt or test.txt, a NAME in each line';

const CLASSES_FILE = 'classes.txt';

/** XML files that are read at a time. */
const CHUNK = 64;

/**
 * One split. The classes are those that classes.txt in the folder has, one a line, or else all that the training images show, by their names.
 * Images and annotations that are missing or broken are named when they are to be loaded.
 * @returns undefined where the set has no such split.
 * @throws Error where the list has no names.
 */
export async function vocSplit(folder: string, split: BoxSplit) {
  const root = resolve(folder);
  const images = await annotated(root, split);
  if (!images) return undefined;
  const classes = await classesOf(root, split === 'train' ? images : ((await annotated(root, 'train')) ?? images));
  if (classes.length === 0)
    throw new Error(`${root} shows no class: no annotation of its ${split} images could be read, or none has objects.`);
  return boxSource('voc', root, images, classes);
}

async function classesOf(root: string, images: readonly AnnotatedImage[]): Promise<string[]> {
  const path = join(root, CLASSES_FILE);
  if (existsSync(path)) return linesOf(await readText(path));
  const names = images.flatMap(({ objects }) => objects.map(({ className }) => className));
  return [...new Set(names)].filter((name) => name !== '').sort();
}

const linesOf = (text: string) =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

async function annotated(root: string, split: BoxSplit): Promise<AnnotatedImage[] | undefined> {
  const lists = SPLITS[split].map((name) => join(root, 'ImageSets', 'Main', `${name}.txt`));
  const list = lists.find((path) => existsSync(path));
  if (list === undefined) return undefined;
  // A class's own lists have a second column.
  const names = linesOf(await readText(list)).map((line) => line.split(/\s+/)[0] as string);
  if (names.length === 0) throw new Error(`${list} has no names.`);
  const found: AnnotatedImage[] = [];
  for (let i = 0; i < names.length; i += CHUNK)
    found.push(...(await Promise.all(names.slice(i, i + CHUNK).map((name) => annotatedImage(root, name)))));
  return found;
}

async function annotatedImage(root: string, name: string): Promise<AnnotatedImage> {
  const path = imageNamed(root, 'JPEGImages', name);
  const missing = { path: path ?? `JPEGImages/${name}.jpg`, objects: [] };
  if (name.split(/[\\/]/).includes('..')) return { ...missing, fault: 'its name leads out of the set' };
  const xml = join(root, 'Annotations', `${name}.xml`);
  if (path === undefined) return { ...missing, fault: 'the image is missing' };
  if (!existsSync(xml)) return { ...missing, fault: `its annotation ${xml} is missing` };
  try {
    const { size } = await stat(xml);
    if (size > MAX_XML_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_XML_BYTES}`);
    return { path, ...readVocXml(await readText(xml)) };
  } catch (error) {
    const reason = (error as Error).message.replace(/\s+/g, ' ').replace(/\.$/, '').slice(0, 300);
    return { ...missing, fault: `its annotation ${xml} cannot be read: ${reason}` };
  }
}
