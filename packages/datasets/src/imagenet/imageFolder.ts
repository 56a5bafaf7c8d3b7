/** Images in one folder for each class, as torchvision's ImageFolder reads them. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, relative, resolve, sep } from 'node:path';
import { fileError } from '@refconv/files';
import { EXTENSIONS } from '../image/formats.js';
import { decodeName, encodeName, readableName } from '../loader/names.js';
import { type ImageSource, shared, textList } from '../loader/source.js';
import { counted } from '../text.js';

export interface ImageFolderOptions {
  /** Default: the folder's own name. */
  name?: string;
  /**
   * The classes in the order of their labels, where not all have a folder or the order is another one. Default: the
   * folders' names, sorted by their code units, as Python sorts them.
   */
  classes?: readonly string[];
}

/** A path for the system. */
const bytesOf = (...path: string[]) => Buffer.from(encodeName(join(...path)));

/** The entries of a folder, whatever bytes their names have. @throws {Error} that says what the folder is for, where it cannot be read. */
async function entriesOf(folder: string, expected: string) {
  const entries = await readdir(bytesOf(folder), { withFileTypes: true, encoding: 'buffer' }).catch(
    (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.message})`;
      throw new Error(`${readableName(folder)} ${why}; expected ${expected}.`, { cause: error });
    },
  );
  return entries.map((entry) => ({ entry, name: decodeName(entry.name) }));
}

/** What an entry of a folder is, links followed; nothing where it cannot be told, as of a link to nowhere. */
async function kindOf(path: string): Promise<'folder' | 'file' | undefined> {
  const status = await stat(bytesOf(path)).catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(error.code ?? '')) return undefined;
    // As of a network file system that is lost: its images must not be missing in silence.
    throw fileError(`Reading ${readableName(path)}`, error);
  });
  return status?.isDirectory() ? 'folder' : status?.isFile() ? 'file' : undefined;
}

/**
 * The names of the classes' folders, sorted; links to folders are among them.
 * @throws {Error} if there is no such folder, or no class.
 */
export async function classFolders(folder: string): Promise<string[]> {
  const root = resolve(folder);
  const names: string[] = [];
  for (const { name } of await entriesOf(root, 'a folder with one folder of images for each class')) {
    if (!name.startsWith('.') && (await kindOf(join(root, name))) === 'folder') names.push(name);
  }
  if (names.length === 0) {
    throw new Error(
      `${root} has no folders; expected one for each class, with its images, such as n01440764/n01440764_18.JPEG.`,
    );
  }
  return names.sort(byCodeUnits);
}

/**
 * Finds the images under `folder/<class>/`, also in folders within that, and behind links. Classes and paths are sorted, so that an
 * image's index is the same on every machine.
 *
 * @throws {Error} if there is no such folder, no class or no image, or a folder is none of the classes given.
 * @example
 * ```ts
 * const photos = await imageFolder('photos/train'); // photos/train/cat/1.jpg is of the class 'cat'
 * ```
 */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<ImageSource> {
  const root = resolve(folder);
  const folders = await classFolders(root);
  const classes = [...(options.classes ?? folders)];
  const labelOf = new Map(classes.map((name, i) => [name, i]));
  const unknown = folders.filter((name) => !labelOf.has(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).join(', ');
    throw new Error(
      `${root} has folders that are none of the classes given (${unknown.length} of ${folders.length}): ${some}.`,
    );
  }
  const paths: string[] = [];
  const labels: number[] = [];
  const passedOver: string[] = [];
  for (const name of folders) {
    const found = await imagesIn(root, name);
    passedOver.push(...found.passedOver.map((path) => join(root, readableName(path))));
    for (const path of found.images.sort(byCodeUnits)) {
      paths.push(path);
      labels.push(labelOf.get(name) as number);
    }
  }
  if (paths.length === 0) {
    throw new Error(
      `${root}: there are no images (${EXTENSIONS.join(' ')}) in its ${counted(folders.length, 'folder')}.`,
    );
  }
  const shares = shared(Int32Array, labels.length);
  shares.set(labels);
  const place = { kind: 'files' as const, root, names: textList(paths) };
  const name = options.name ?? (root.split(sep).pop() as string);
  return {
    name,
    classes,
    count: paths.length,
    labels: shares,
    place,
    source: root,
    passedOver: passedOver.sort(byCodeUnits),
  };
}

/**
 * Images to look at: files, and folders with all that is in them. They have no classes, and label 0.
 * @param root what their names start from.
 * @throws {Error} where there is no such file or folder, or none is an image.
 * @example
 * ```ts
 * const pictures = await imageFiles(['holiday', 'cat.jpg']); // to look at: they have no classes
 * ```
 */
export async function imageFiles(paths: readonly string[], root = process.cwd()): Promise<ImageSource> {
  const names: string[] = [];
  const passedOver: string[] = [];
  for (const path of paths) {
    const kind = await kindOf(resolve(root, path));
    if (kind === undefined)
      throw new Error(`There is no file or folder ${path}; expected images or folders of images.`);
    const name = relative(root, resolve(root, path)).split(sep).join('/');
    if (kind === 'file') names.push(name);
    else {
      const found = await imagesIn(root, name || '.');
      names.push(...found.images.sort(byCodeUnits));
      passedOver.push(...found.passedOver.map(readableName));
    }
  }
  if (names.length === 0) throw new Error(`${paths.join(', ')}: there are no images (${EXTENSIONS.join(' ')}).`);
  const place = { kind: 'files' as const, root, names: textList(names) };
  return {
    name: 'images',
    classes: [],
    count: names.length,
    labels: shared(Int32Array, names.length),
    place,
    source: root,
    passedOver: passedOver.sort(byCodeUnits),
  };
}

interface Found {
  images: string[];
  /** Files that are not taken for images; hidden ones are not among them. */
  passedOver: string[];
}

/** The paths of the files in a folder and those within, from `root` on. @param above where the folders around it really are. */
async function imagesIn(root: string, folder: string, above: readonly string[] = []): Promise<Found> {
  const here = (await realpath(bytesOf(root, folder), 'buffer')).toString('latin1');
  // A link to a folder around it leads round in a circle.
  const found: Found = { images: [], passedOver: [] };
  if (above.includes(here)) return found;
  for (const { entry, name } of await entriesOf(join(root, folder), 'a folder of images')) {
    const path = `${folder}/${name}`;
    const isImage = EXTENSIONS.includes(extname(name).toLowerCase());
    const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : await kindOf(join(root, path));
    if (kind === 'folder') {
      const within = await imagesIn(root, path, [...above, here]);
      found.images.push(...within.images);
      found.passedOver.push(...within.passedOver);
    } else if (kind === 'file' && isImage) found.images.push(path);
    else if (kind === 'file' && !name.startsWith('.')) found.passedOver.push(path);
  }
  return found;
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
