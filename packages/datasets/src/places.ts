import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder for what can be fetched or computed again: `REFCONV_CACHE`, else `$XDG_CACHE_HOME/refconv`, else
 * `~/.cache/refconv` (XDG Base Directory Specification 0.8, which ignores a relative `XDG_CACHE_HOME`).
 */
export function cacheFolder(environment: Environment = process.env): string {
  if (environment.REFCONV_CACHE) return resolve(environment.REFCONV_CACHE);
  const xdg = environment.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'refconv');
}

/** A folder that data may lie in, and why it is looked at. */
export interface Place {
  path: string;
  /** For messages: `REFCONV_DATA`, for example. */
  reason: string;
}

/** Where data sets are looked for, in order: the folder given, `REFCONV_DATA`, the cache. */
export function dataPlaces(folder: string | undefined, environment: Environment = process.env): Place[] {
  const places: Place[] = [];
  if (folder !== undefined) places.push({ path: resolve(folder), reason: 'the folder given' });
  if (environment.REFCONV_DATA) places.push({ path: resolve(environment.REFCONV_DATA), reason: 'REFCONV_DATA' });
  places.push({ path: join(cacheFolder(environment), 'data'), reason: 'the cache' });
  return places;
}
