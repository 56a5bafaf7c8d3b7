/** Where data sets are looked for. */
import { join, resolve } from 'node:path';
import { cacheFolder, type Environment } from '@refconv/files';

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
