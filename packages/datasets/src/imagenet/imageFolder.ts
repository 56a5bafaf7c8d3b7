/** Images in one folder for each class, as torchvision's ImageFolder reads them. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join, relative, resolve, sep } from 'node:path';
import { type ImageSource, shared, textList } from '../loader/source.js';

/** What is taken for an image, in small letters. */
const EXTENSIONS = new Set([
  '.jpg',
  '.jpeg',
  '.png',
  '.webp',
  '.gif',
  '.bmp',
  '.tif',
  '.tiff',
  '.ppm',
  '.pgm',
  '.avif',
]);

export interface ImageFolderOptions {
  /** Default: the folder's own name. */
  name?: string;
  /**
   * The classes in the order of their labels, where not all have a folder or the order is another one. Default: the
   * folders' names, sorted by their code units, as Python sorts them.
   */
  classes?: readonly string[];
}

/**
 * Finds the images under `folder/<class>/`, also in folders within that. Classes and paths are sorted, so that an
 * image's index is the same on every machine.
 *
 * @throws {Error} if there is no such folder, no class or no image, or a folder is none of the classes given.
 */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<ImageSource> {
  const root = resolve(folder);
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.message})`;
    throw new Error(`${root} ${why}; expected a folder with one folder of images for each class.`, { cause: error });
  });
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const isFolder =
      entry.isDirectory() || (entry.isSymbolicLink() && (await stat(join(root, entry.name))).isDirectory());
    if (isFolder) names.push(entry.name);
  }
  const folders = names.sort(byCodeUnits);
  if (folders.length === 0) {
    throw new Error(
      `${root} has no folders; expected one for each class, with its images, such as n01440764/n01440764_18.JPEG.`,
    );
  }
  const classes = [...(options.classes ?? folders)];
  const labelOf = new Map(classes.map((name, i) => [name, i]));
  const unknown = folders.filter((name) => !labelOf.has(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).join(', ');
    throw new Error(`${root}: ${unknown.length} folders are none of the ${classes.length} classes given: ${some}.`);
  }
  const paths: string[] = [];
  const labels: number[] = [];
  for (const name of folders) {
    const files = await readdir(join(root, name), { recursive: true, withFileTypes: true });
    const images = files
      .filter((file) => !file.isDirectory() && EXTENSIONS.has(extname(file.name).toLowerCase()))
      .map((file) => relative(root, join(file.parentPath, file.name)).split(sep).join('/'))
      .sort(byCodeUnits);
    for (const path of images) {
      paths.push(path);
      labels.push(labelOf.get(name) as number);
    }
  }
  if (paths.length === 0) {
    throw new Error(`${root}: its ${folders.length} folders have no images (${[...EXTENSIONS].join(' ')}).`);
  }
  const shares = shared(Int32Array, labels.length);
  shares.set(labels);
  const place = { kind: 'files' as const, root, names: textList(paths) };
  const name = options.name ?? (root.split(sep).pop() as string);
  return { name, classes, count: paths.length, labels: shares, place, source: root };
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
