import { existsSync } from 'node:fs';
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

/**
 * Where data sets are looked for, in order: in the folder given and nowhere else, or without one in `REFCONV_DATA` and the cache. A
 * `REFCONV_DATA` that does not exist is a mistake, which other data are not to hide.
 */
export function dataPlaces(folder: string | undefined, environment: Environment = process.env): Place[] {
  if (folder !== undefined) return [{ path: resolve(folder), reason: 'the folder given' }];
  const cache = { path: join(cacheFolder(environment), 'data'), reason: 'the cache' };
  if (!environment.REFCONV_DATA) return [cache];
  const path = resolve(environment.REFCONV_DATA);
  return [{ path, reason: 'REFCONV_DATA' }, ...(existsSync(path) ? [cache] : [])];
}
