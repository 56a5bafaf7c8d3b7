/** Names for the pictures that are made of images. */
import { basename, dirname, extname } from 'node:path';
import { fileName, type ImageSource } from '@refconv/datasets';

/** A name for the files of each image: its own, with that of its folder where others have the same. */
export function namesOf(images: ImageSource): string[] {
  const paths = Array.from({ length: images.count }, (_, i) => fileName(images, i) as string);
  const stem = (path: string) => basename(path, extname(path));
  const names = paths.map((path) => {
    const alone = paths.filter((other) => stem(other) === stem(path)).length === 1;
    return alone ? stem(path) : `${basename(dirname(path))}-${basename(path).replaceAll('.', '-')}`;
  });
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new Error(`Several images would be written as ${twice}.png; do them one folder at a time.`);
  return names;
}
