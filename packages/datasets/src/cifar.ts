import { existsSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, type Environment, readBytes, readText } from '@refconv/files';
import { readTarGz } from './archive.js';
import { checkRecordFileSize, decodeRecords, type RecordLayout } from './cifar-records.js';
import type { ImageDataset, ImageSplit } from './dataset.js';
import { type DownloadOptions, download } from './download.js';
import { dataPlaces } from './places.js';

/** CIFAR-10 or CIFAR-100, as its makers pack it. */
export interface Variant extends RecordLayout {
  /** `cifar10` */
  name: string;
  /** Of the official binary version: https://www.cs.toronto.edu/~kriz/cifar.html. */
  address: Pick<DownloadOptions, 'url' | 'md5'>;
  archive: string;
  archiveSize: string;
  folder: string;
  trainFiles: readonly string[];
  testFile: string;
  /** Records in each training file, and in the test file. */
  records: readonly [number, number];
  /** A line for each class; may be missing. */
  classNameFile: string;
  classes: readonly string[];
}

export interface CifarOptions {
  /** The place to look, and no other: it, or the official folder in it, has the .bin files, or it has the tar.gz. */
  folder?: string;
  /** Where it is found nowhere, download it into the cache: 162 MiB. Default false. */
  download?: boolean;
  /** Takes messages about what is read and the progress of a download. */
  log?: (message: string) => void;
}

/** Where it lies: a folder with the .bin files, or the tar.gz. */
export interface CifarLocation {
  kind: 'folder' | 'archive';
  path: string;
}

/** What tests put in place of the real thing. */
export interface CifarInternals {
  environment?: Environment;
  address?: Pick<DownloadOptions, 'url' | 'md5' | 'attempts' | 'pause'>;
  recordsPerFile?: number;
}

/**
 * The first place with a variant's files, without reading them: the folder given; without one `REFCONV_DATA`, then the cache. A
 * folder with only some of the files counts: to pass over it would hide that it is damaged.
 */
export function findCifar(
  variant: Variant,
  options: Pick<CifarOptions, 'folder'> = {},
  environment: Environment = process.env,
): CifarLocation | undefined {
  for (const { path } of dataPlaces(options.folder, environment)) {
    if (isFile(path)) return { kind: 'archive', path };
    for (const folder of [path, join(path, variant.folder)]) {
      if (filesOf(variant).some((file) => existsSync(join(folder, file)))) return { kind: 'folder', path: folder };
    }
    const archive = join(path, variant.archive);
    if (isFile(archive)) return { kind: 'archive', path: archive };
  }
  return undefined;
}

/**
 * Loads a variant, in the order of its files. That of the records within them may be any, so the official checksums of
 * the single .bin files are not asked for.
 *
 * @throws {Error} if it is found nowhere, a file is missing, cut off or damaged, or the download fails.
 */
export async function loadCifar(
  variant: Variant,
  options: CifarOptions,
  internals: CifarInternals,
): Promise<ImageDataset> {
  const { environment = process.env, recordsPerFile, address = variant.address } = internals;
  const { name, title, trainFiles, testFile } = variant;
  const [trainRecords, testRecords] = recordsPerFile ? [recordsPerFile, recordsPerFile] : variant.records;
  const recordsOf = (file: string) => (file === testFile ? testRecords : trainRecords);
  let location = findCifar(variant, options, environment);
  if (location === undefined) {
    // Fetched into the cache, so only where that would be looked at.
    const inCache = dataPlaces(options.folder, environment).some(({ reason }) => reason === 'the cache');
    if (!options.download || !inCache) throw new Error(notFound(variant, options, environment));
    const path = join(cacheFolder(environment), 'data', variant.archive);
    options.log?.(`${title} was found nowhere; downloading it from ${address.url}`);
    await download({ ...address, target: path, log: options.log });
    location = { kind: 'archive', path };
  }
  options.log?.(`Reading ${title} from ${location.path}`);

  const train = emptySplit(trainFiles.length * trainRecords);
  const test = emptySplit(testRecords);
  const take: Taker = {
    check: (file, size) => checkRecordFileSize(variant, `${location.path}: ${file}`, size, recordsOf(file)),
    decode: (file, bytes) => {
      take.check(file, bytes.length);
      const batch = trainFiles.indexOf(file);
      const split = batch < 0 ? test : train;
      const first = Math.max(0, batch) * trainRecords;
      decodeRecords(variant, `${location.path}: ${file}`, bytes, split.images, split.labels, first);
    },
  };
  const read = location.kind === 'folder' ? readFolder : readArchive;
  const classes = await read(variant, location.path, take);
  return { name, classes, train, test, source: location.path };
}

/** Takes a file's size before it is read (one of another kind may be too large for memory), then its bytes. */
interface Taker {
  check: (file: string, size: number) => void;
  decode: (file: string, bytes: Uint8Array) => void;
}

async function readFolder(variant: Variant, path: string, take: Taker): Promise<string[]> {
  const files = filesOf(variant);
  checkComplete(variant, path, new Set(files.filter((file) => existsSync(join(path, file)))));
  for (const file of files) {
    take.check(file, (await stat(join(path, file))).size);
    take.decode(file, await readBytes(join(path, file)));
  }
  const names = join(path, variant.classNameFile);
  return existsSync(names) ? classNames(variant, path, await readText(names)) : [...variant.classes];
}

async function readArchive(variant: Variant, path: string, take: Taker): Promise<string[]> {
  const files = filesOf(variant);
  const present = new Set<string>();
  let classes = [...variant.classes];
  await readTarGz(path, (file, size) => {
    if (file === variant.classNameFile) {
      return (bytes) => {
        classes = classNames(variant, path, new TextDecoder().decode(bytes));
      };
    }
    if (!files.includes(file)) return undefined;
    take.check(file, size);
    present.add(file);
    return (bytes) => take.decode(file, bytes);
  });
  checkComplete(variant, path, present);
  return classes;
}

function filesOf({ trainFiles, testFile }: Variant): string[] {
  return [...trainFiles, testFile];
}

function emptySplit(count: number): ImageSplit & { labels: Uint8Array } {
  const [height, width, channels] = [32, 32, 3];
  const images = new Uint8Array(count * height * width * channels);
  return { images, labels: new Uint8Array(count), count, height, width, channels };
}

function classNames({ classNameFile, classes }: Variant, path: string, text: string): string[] {
  const names = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (names.length !== classes.length) {
    throw new Error(
      `${path}: ${classNameFile} has ${names.length} class names, expected ${classes.length}. ` +
        'Delete it to use the standard names, or unpack it again.',
    );
  }
  return names.map((name) => name.trim());
}

function checkComplete(variant: Variant, path: string, present: ReadonlySet<string>): void {
  const files = filesOf(variant);
  const missing = files.filter((file) => !present.has(file));
  if (missing.length > 0) {
    throw new Error(
      `${path} has ${present.size} of ${variant.title}'s ${files.length} files; missing: ${missing.join(', ')}. ` +
        `Unpack ${variant.archive} again (${variant.address.url}), or delete what is there to have another place looked at.`,
    );
  }
}

function notFound(variant: Variant, { folder }: CifarOptions, environment: Environment): string {
  const places = dataPlaces(folder, environment).map(
    ({ path, reason }) => `  ${path} (${reason}${existsSync(path) ? '' : ', does not exist'})`,
  );
  if (folder === undefined && !environment.REFCONV_DATA) places.push('  REFCONV_DATA is not set');
  const { title, archive, archiveSize, address } = variant;
  return [
    `${title} was not found. Looked in:`,
    ...places,
    `each for ${filesOf(variant)[0]} and so on, for ${variant.folder} with them, and for ${archive}.`,
    folder === undefined
      ? `Ask for a download (download: true, ${archiveSize} into the cache), or get ${address.url} yourself ` +
        'and set REFCONV_DATA to the folder that it lies in.'
      : `Get ${address.url} yourself and give the folder that it lies in, or leave :DIR out to look in REFCONV_DATA and the cache.`,
  ].join('\n');
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
