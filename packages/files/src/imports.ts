/** Files of a user's own, which register methods, networks and the like: `--import FILE`, and what specs keep of it. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { register } from 'node:module';
import { basename, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readBytes } from './read.js';
import { type Registration, registered } from './registry.js';

/** A file that was imported, as specs and model folders hold it. */
export interface Import {
  /** As it was given: relative to where the command runs. */
  file: string;
  /** Of the file alone, not of what it imports in turn. */
  sha256: string;
}

interface Imported extends Import {
  path: string;
  registrations: readonly Registration[];
}

/** By their paths, in the order in which they were imported. */
const imported = new Map<string, Imported>();
/** Folders whose modules find the project's packages, wherever the folder lies. */
const folders = new Set<string>();

/** What is done where a file cannot be loaded, by the error's code. */
const REMEDIES: Record<string, string> = {
  ERR_UNKNOWN_FILE_EXTENSION: 'this Node does not load such files; compile it to JavaScript, as .mjs',
};

/**
 * Loads a file once. Its imports of `@refconv/…` and `@tensorflow/tfjs` are the caller's own, so that both know the same registries.
 * @param from the caller's `import.meta.url`.
 * @param expected the SHA-256 that the file had; left out: any.
 * @throws Error where it is missing, is not the file that is expected, fails as it is loaded, or registers nothing.
 * @example
 * ```ts
 * const { sha256 } = await importFile('mine.mjs', import.meta.url);
 * ```
 */
export async function importFile(file: string, from: string, expected?: string): Promise<Import> {
  const bytes = await readBytes(resolve(file)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(
      `--import ${file}: there is no file ${resolve(file)}. Paths are relative to where the command runs.`,
    );
  });
  // As Node knows the module.
  const path = realpathSync(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (expected !== undefined && sha256 !== expected)
    throw new Error(
      `${path} is not the file that was imported when the run was planned: its SHA-256 is ${sha256}, expected ${expected}. Put that file ` +
        'back, or plan the run anew.',
    );
  const there = imported.get(path);
  if (there) return { file: there.file, sha256: there.sha256 };
  const before = registered().length;
  findPackages(dirname(path), from);
  try {
    await import(pathToFileURL(path).href);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = REMEDIES[code] ?? String(message ?? error).replace(/\.$/, '');
    throw new Error(`--import ${file} fails as it is loaded: ${why}.`, { cause: error });
  }
  const registrations = registered().slice(before);
  if (registrations.length === 0)
    throw new Error(
      `--import ${file} registers nothing: expected a call of registerMethod, registerBackbone, registerDataset, registerTransform or ` +
        'registerOptimiser as it is loaded (docs/own.md).',
    );
  imported.set(path, { file, path, sha256, registrations });
  return { file, sha256 };
}

/**
 * Loads the files that specs or model folders name. @throws Error as {@link importFile}, also where one has changed.
 * @example
 * ```ts
 * await importAgain([{ file: 'mine.mjs', sha256: '0'.repeat(64) }], import.meta.url);
 * ```
 */
export async function importAgain(imports: readonly Import[] | undefined, from: string): Promise<void> {
  for (const { file, sha256 } of imports ?? []) await importFile(file, from, sha256);
}

/**
 * The files that registered one of these, each once.
 * @example
 * ```ts
 * importsOf([{ kind: 'method', id: 'mine' }]);
 * ```
 */
export function importsOf(used: readonly Registration[]): Import[] {
  const registers = ({ registrations }: Imported) =>
    registrations.some(({ kind, id }) => used.some((each) => each.kind === kind && each.id === id));
  return [...imported.values()].filter(registers).map(({ file, sha256 }) => ({ file, sha256 }));
}

/**
 * Which of the files that a model folder notes are imported now, by their names, and are not what they were.
 * @example
 * ```ts
 * changedImports([{ file: 'mine.mjs', sha256: '0'.repeat(64) }]); // ['mine.mjs'] where another mine.mjs was imported
 * ```
 */
export function changedImports(noted: readonly Import[] = []): string[] {
  const now = ({ file }: Import) => [...imported.values()].find(({ path }) => basename(path) === basename(file));
  return noted.flatMap((each) => ((now(each)?.sha256 ?? each.sha256) === each.sha256 ? [] : [each.file]));
}

/**
 * Paths of the files that registered something of a kind: what a thread that works with it has to load too.
 * @example
 * ```ts
 * pathsRegistering('method');
 * ```
 */
export function pathsRegistering(kind: string): string[] {
  const found = [...imported.values()].filter(({ registrations }) => registrations.some((each) => each.kind === kind));
  return found.map(({ path }) => path);
}

function findPackages(folder: string, from: string): void {
  if (folders.has(folder)) return;
  folders.add(folder);
  register('./importHooks.js', {
    parentURL: import.meta.url,
    data: { folder: pathToFileURL(`${folder}/`).href, from },
  });
}
