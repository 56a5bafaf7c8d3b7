/** Names for the pictures that are made of images. */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileName, type ImageSource } from '@refconv/datasets';
import { listed } from '@refconv/datasets/text';

/** A name for the files of each image: its own, with that of its folder where others have the same. */
export function namesOf(images: ImageSource): string[] {
  const paths = Array.from({ length: images.count }, (_, i) => fileName(images, i) as string);
  const stem = (path: string) => basename(path, extname(path));
  return paths.map((path) => {
    const alone = paths.filter((other) => stem(other) === stem(path)).length === 1;
    return alone ? stem(path) : `${basename(dirname(path))}-${basename(path).replaceAll('.', '-')}`;
  });
}

/**
 * Refuses files of a folder that would take the place of one that is there, as of the images themselves, or of each other.
 * @throws Error
 */
export function requireNewFiles(folder: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(`Several images would be written as ${twice}; do them one folder at a time.`);
  const there = names.filter((name) => existsSync(join(folder, name)));
  if (there.length > 0)
    throw new Error(`${folder} has ${listed(there, 3)} already; choose another --output, or remove what is there.`);
}
