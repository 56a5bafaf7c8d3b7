/** Sets in COCO's format (cocodataset.org/#format-data): a JSON for each split, and its images in a folder. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, normalize, resolve } from 'node:path';
import { readText } from '@refconv/files';
import type { AnnotatedImage, AnnotatedObject } from './boxLists.js';
import { type BoxSplit, boxSource, SPLITS } from './boxSets.js';

export const COCO_FORMS =
  'annotations/instances_train2017.json with images in train2017 (or without the year, or in images/train2017), or train/_annotations.coco.json ' +
  'beside its images, and the same of val or test';

type Entry = Readonly<Record<string, unknown>>;

interface Found {
  file: string;
  /** Where its images may lie, from the set's folder on. */
  folders: readonly string[];
}

function find(root: string, split: BoxSplit): Found | undefined {
  const named = SPLITS[split].flatMap((name) =>
    [`${name}2017`, `${name}2014`, name].flatMap((full): Found[] => [
      {
        file: `annotations/instances_${full}.json`,
        folders: [full, `images/${full}`, name, `images/${name}`, 'images', '.'],
      },
      { file: `annotations/${full}.json`, folders: [full, `images/${full}`, 'images', '.'] },
      { file: `${full}/_annotations.coco.json`, folders: [full] },
    ]),
  );
  return named.find(({ file }) => existsSync(join(root, file)));
}

/**
 * One split. The classes are the categories by their numbers.
 * @returns undefined where the set has no such split.
 * @throws Error where the JSON is none, or not of this format.
 */
export async function cocoSplit(folder: string, split: BoxSplit) {
  const root = resolve(folder);
  const found = find(root, split);
  if (!found) return undefined;
  const path = join(root, found.file);
  try {
    const { images, categories } = read(JSON.parse(await readText(path)), root, found.folders);
    return boxSource(
      'coco',
      root,
      images,
      categories.map(({ name }) => name),
      categories.map(({ id }) => id),
    );
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message.replace(/\.$/, '')}.`, { cause: error });
  }
}

function read(value: unknown, root: string, folders: readonly string[]) {
  const lists = Object.fromEntries(
    ['images', 'categories', 'annotations'].map((name) => [name, listOf(value, name)]),
  ) as Record<'images' | 'categories' | 'annotations', Entry[]>;
  const categories = lists.categories.map((entry, i) => {
    const { id, name } = entry;
    if (typeof id !== 'number' || typeof name !== 'string')
      throw new Error(`categories[${i}] is ${JSON.stringify(entry)}; expected {"id": 1, "name": "…"}`);
    return { id, name };
  });
  categories.sort((a, b) => a.id - b.id);
  const nameOf = new Map(categories.map(({ id, name }) => [id, name]));
  const objects = new Map<unknown, AnnotatedObject[]>();
  lists.images.forEach((entry, i) => {
    if (typeof entry.id !== 'number' || typeof entry.file_name !== 'string')
      throw new Error(`images[${i}] lacks id or file_name; expected {"id": 1, "file_name": "…"}`);
    objects.set(entry.id, []);
  });
  lists.annotations.forEach(({ image_id, category_id, bbox, area, iscrowd }, i) => {
    const own = objects.get(image_id);
    if (!own) throw new Error(`annotations[${i}] is of the image ${JSON.stringify(image_id)}, which is not in images`);
    const [x, y, width, height] = (Array.isArray(bbox) ? bbox : []) as number[];
    own.push({
      className: nameOf.get(category_id as number) ?? `category ${JSON.stringify(category_id)}`,
      box: [x, y, (x as number) + (width as number), (y as number) + (height as number)] as number[],
      ...(typeof area === 'number' && { area }),
      crowd: iscrowd === 1,
    });
  });
  const folder = folders.find((each) =>
    lists.images.slice(0, 20).some(({ file_name }) => existsSync(join(root, each, file_name as string))),
  );
  const images = lists.images.map(({ id, file_name, height, width }): AnnotatedImage => {
    const name = normalize(file_name as string);
    const path = join(folder ?? (folders[0] as string), name);
    const leads = isAbsolute(name) || name.startsWith('..');
    const fault = leads
      ? 'its name leads out of the set'
      : existsSync(join(root, path))
        ? undefined
        : 'the image is missing';
    const size = { height: Number(height), width: Number(width) };
    return {
      ...{ path, id: id as number, objects: objects.get(id) as AnnotatedObject[], fault },
      size: size.height > 0 && size.width > 0 ? size : undefined,
    };
  });
  return { images, categories };
}

function listOf(value: unknown, name: string): Entry[] {
  const list = (value as Entry | null)?.[name];
  if (Array.isArray(list)) return list;
  throw new Error(
    `it has no list "${name}"; expected COCO's format, an object with images, categories and annotations`,
  );
}
