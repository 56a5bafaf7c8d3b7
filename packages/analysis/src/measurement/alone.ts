/** One measurement at a time on a machine. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, type LockOptions, withLock } from '@refconv/files';

/** Measures when no other process of this user measures on this machine; waits for that. The cache may be one that several machines share. */
export const alone = <T>(measure: () => Promise<T>, options: LockOptions = {}): Promise<T> =>
  withLock(join(cacheFolder(), `measurement-${hostname()}.lock`), measure, {
    poll: 1000,
    patience: Number.POSITIVE_INFINITY,
    ...options,
  });
