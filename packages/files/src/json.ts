/** JSON of files, and values as canonical JSON and hashes. */
import { createHash } from 'node:crypto';
import { readText } from './read.js';

/** Far deeper than anything that the project writes; walking a value that nests for ever would end in a stack overflow. */
const DEPTH = 200;

/**
 * A text of somebody else's for a message: short, in quotes, without control characters.
 * @example
 * ```ts
 * throw new RangeError(`--layer must name a layer; given ${shown(process.argv[2] ?? '')}.`);
 * ```
 */
export function shown(text: string, most = 80): string {
  return JSON.stringify(text.length > most ? `${text.slice(0, most)}…` : text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * @throws Error where the text is no JSON, or nests deeper than anything that is meant well.
 * @example
 * ```ts
 * const value = parseJson('{ "epochs": 3 }') as { epochs: number };
 * ```
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  let depth = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (inText) {
      if (character === 0x5c) i++;
      else if (character === 0x22) inText = false;
    } else if (character === 0x22) inText = true;
    else if (character === 0x5b || character === 0x7b) {
      if (++depth > DEPTH) throw new Error(`it nests deeper than ${DEPTH} levels`);
    } else if (character === 0x5d || character === 0x7d) depth--;
  }
  return value;
}

/**
 * The value of a JSON file; undefined where there is none.
 * @param remedy what to do where it is damaged: `delete it, and the next start writes it anew`.
 * @throws Error that names the file and the remedy.
 * @example
 * ```ts
 * const spec = await readJson<{ seed: number }>('spec.json', 'delete it, and the next start writes it anew');
 * ```
 */
export async function readJson<T>(
  path: string,
  remedy = 'restore it from a copy, or delete it',
): Promise<T | undefined> {
  const text = await readText(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return parseJson(text) as T;
  } catch (error) {
    throw new Error(`${path} is damaged (${shown((error as Error).message, 160).slice(1, -1)}); ${remedy}.`, {
      cause: error,
    });
  }
}

/**
 * SHA-256 of a value's JSON with sorted keys: the same for equal values, whatever the order of their entries.
 * @example
 * ```ts
 * hashOf({ a: 1, b: 2 }) === hashOf({ b: 2, a: 1 }); // true
 * ```
 */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/**
 * JSON with sorted keys; entries that are undefined are left out.
 * @example
 * ```ts
 * canonicalJson({ b: 1, a: undefined, c: [2] }); // '{"b":1,"c":[2]}'
 * ```
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, entry) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );
}
