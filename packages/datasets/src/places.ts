/** Where data sets are looked for. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheFolder, type Environment } from '@refconv/files';

/** A folder that data may lie in, and why it is looked at. */
export interface Place {
  path: string;
  /** For messages: `REFCONV_DATA`, for example. */
  reason: string;
}

/** @throws Error where there is no such folder. */
export function requireFolder(folder: string): void {
  if (!existsSync(folder)) throw new Error(`There is no folder ${resolve(folder)}.`);
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
