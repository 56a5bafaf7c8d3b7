import { existsSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readTarGz } from './archive.js';
import { checkRecordFileSize, decodeRecords } from './cifar10-records.js';
import type { ImageDataset, ImageSplit } from './dataset.js';
import { type DownloadOptions, download } from './download.js';
import { cacheFolder, dataPlaces, type Environment } from './places.js';

/** Official address and checksum: https://www.cs.toronto.edu/~kriz/cifar.html, "binary version", 170,052,171 bytes. */
const ADDRESS = {
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  md5: 'c32a1d4ab5d03f1284b67883e8d87530',
};
const ARCHIVE = 'cifar-10-binary.tar.gz';
const FOLDER = 'cifar-10-batches-bin';
const TRAIN_FILES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);
const FILES = [...TRAIN_FILES, 'test_batch.bin'];
const CLASS_NAME_FILE = 'batches.meta.txt';

/** The class names in the order of the labels. */
export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

export interface Cifar10Options {
  /** The place to look first: it, or its `cifar-10-batches-bin`, has the .bin files, or it has the tar.gz. */
  folder?: string;
  /** Where CIFAR-10 is found nowhere, download it into the cache: 162 MiB. Default false. */
  download?: boolean;
  /** Takes messages about what is read and the progress of a download. */
  log?: (message: string) => void;
}

/** Where CIFAR-10 lies: a folder with the .bin files, or the tar.gz. */
export interface Cifar10Location {
  kind: 'folder' | 'archive';
  path: string;
}

/** What tests put in place of the real thing. */
export interface Cifar10Internals {
  environment?: Environment;
  address?: Pick<DownloadOptions, 'url' | 'md5' | 'attempts' | 'pause'>;
  recordsPerFile?: number;
}

/**
 * The first place with CIFAR-10's files, without reading them: the folder given, `REFCONV_DATA`, then the cache. A
 * folder with only some of the six files counts: to pass over it would hide that it is damaged.
 */
export function findCifar10(
  options: Pick<Cifar10Options, 'folder'> = {},
  environment: Environment = process.env,
): Cifar10Location | undefined {
  for (const { path } of dataPlaces(options.folder, environment)) {
    if (isFile(path)) return { kind: 'archive', path };
    for (const folder of [path, join(path, FOLDER)]) {
      if (FILES.some((file) => existsSync(join(folder, file)))) return { kind: 'folder', path: folder };
    }
    const archive = join(path, ARCHIVE);
    if (isFile(archive)) return { kind: 'archive', path: archive };
  }
  return undefined;
}

/**
 * Loads CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): 50,000 training and
 * 10,000 test images `[n, 32, 32, 3]`, 184 MB of memory, in the order of the files.
 *
 * Looks where {@link findCifar10} looks. The order of the records within the files may be any, so the official
 * checksums of the single .bin files are not asked for.
 *
 * @throws {Error} if it is found nowhere, a file is missing, cut off or damaged, or the download fails.
 */
export async function loadCifar10(options: Cifar10Options = {}): Promise<ImageDataset> {
  return loadCifar10With(options, {});
}

/** {@link loadCifar10}, with what tests put in place of the real thing. */
export async function loadCifar10With(options: Cifar10Options, internals: Cifar10Internals): Promise<ImageDataset> {
  const { environment = process.env, recordsPerFile = 10_000, address = ADDRESS } = internals;
  let location = findCifar10(options, environment);
  if (location === undefined) {
    if (!options.download) throw new Error(notFound(options, environment));
    const path = join(cacheFolder(environment), 'data', ARCHIVE);
    options.log?.(`CIFAR-10 was found nowhere; downloading it from ${address.url}`);
    await download({ ...address, target: path, log: options.log });
    location = { kind: 'archive', path };
  }
  options.log?.(`Reading CIFAR-10 from ${location.path}`);

  const train = emptySplit(TRAIN_FILES.length * recordsPerFile);
  const test = emptySplit(recordsPerFile);
  const decode = (file: string, bytes: Uint8Array): void => {
    const name = `${location.path}: ${file}`;
    checkRecordFileSize(name, bytes.length, recordsPerFile);
    const batch = TRAIN_FILES.indexOf(file);
    const split = batch < 0 ? test : train;
    decodeRecords(name, bytes, split.images, split.labels, Math.max(0, batch) * recordsPerFile);
  };
  const read = location.kind === 'folder' ? readFolder : readArchive;
  const classes = await read(location.path, recordsPerFile, decode);
  return { name: 'cifar10', classes, train, test, source: location.path };
}

/** Hands every file's bytes to `decode` and returns the class names. */
type Reader = (
  path: string,
  recordsPerFile: number,
  decode: (file: string, bytes: Uint8Array) => void,
) => Promise<string[]>;

const readFolder: Reader = async (path, recordsPerFile, decode) => {
  const present = new Set(FILES.filter((file) => existsSync(join(path, file))));
  checkComplete(path, present);
  for (const file of FILES) {
    // Before it is read: a file of another kind may be too large for memory.
    checkRecordFileSize(`${path}: ${file}`, (await stat(join(path, file))).size, recordsPerFile);
    decode(file, await readFile(join(path, file)));
  }
  const names = join(path, CLASS_NAME_FILE);
  return existsSync(names) ? classNames(path, await readFile(names, 'utf8')) : [...CIFAR10_CLASSES];
};

const readArchive: Reader = async (path, recordsPerFile, decode) => {
  const present = new Set<string>();
  let classes = [...CIFAR10_CLASSES];
  await readTarGz(path, (file, size) => {
    if (file === CLASS_NAME_FILE) {
      return (bytes) => {
        classes = classNames(path, new TextDecoder().decode(bytes));
      };
    }
    if (!FILES.includes(file)) return undefined;
    checkRecordFileSize(`${path}: ${file}`, size, recordsPerFile);
    present.add(file);
    return (bytes) => decode(file, bytes);
  });
  checkComplete(path, present);
  return classes;
};

function emptySplit(count: number): ImageSplit & { labels: Uint8Array } {
  const [height, width, channels] = [32, 32, 3];
  const images = new Uint8Array(count * height * width * channels);
  return { images, labels: new Uint8Array(count), count, height, width, channels };
}

function classNames(path: string, text: string): string[] {
  const names = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (names.length !== CIFAR10_CLASSES.length) {
    throw new Error(
      `${path}: ${CLASS_NAME_FILE} has ${names.length} class names, expected ${CIFAR10_CLASSES.length}. ` +
        'Delete it to use the standard names, or unpack it again.',
    );
  }
  return names.map((name) => name.trim());
}

function checkComplete(path: string, present: ReadonlySet<string>): void {
  const missing = FILES.filter((file) => !present.has(file));
  if (missing.length > 0) {
    throw new Error(
      `${path} has ${present.size} of CIFAR-10's ${FILES.length} files; missing: ${missing.join(', ')}. ` +
        `Unpack ${ARCHIVE} again (${ADDRESS.url}), or delete what is there to have another place looked at.`,
    );
  }
}

function notFound({ folder }: Cifar10Options, environment: Environment): string {
  const places = dataPlaces(folder, environment).map(
    ({ path, reason }) => `  ${path} (${reason}${existsSync(path) ? '' : ', does not exist'})`,
  );
  if (!environment.REFCONV_DATA) places.push('  REFCONV_DATA is not set');
  return [
    'CIFAR-10 was not found. Looked in:',
    ...places,
    `each for ${FILES[0]} and so on, for ${FOLDER} with them, and for ${ARCHIVE}.`,
    `Ask for a download (download: true, 162 MiB into the cache), or get ${ADDRESS.url} yourself ` +
      'and set REFCONV_DATA to the folder that it lies in.',
  ].join('\n');
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
