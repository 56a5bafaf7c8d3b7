/** Errors of the file system that say what to do. */

const REMEDIES: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the disk quota is used up; free some space',
  EFBIG: 'the file would be larger than is allowed here',
  EACCES: 'it is not permitted; choose another folder or change its permissions',
  EPERM: 'it is not permitted; choose another folder or change its permissions',
  EROFS: 'the file system is read-only; choose another folder',
  ENOTDIR: 'a part of its path is a file, not a folder; choose another folder',
  EISDIR: 'a folder is in its place; move that away',
  EEXIST: 'a file is in its place; choose another folder',
  ENAMETOOLONG: 'its path is too long; choose another folder',
  ESTALE: 'the network file system lost it; see that it is mounted, and try again',
  ENOTCONN: 'the network file system is lost; mount it again, and try again',
  ECONNABORTED: 'the network file system is lost; mount it again, and try again',
  EHOSTDOWN: 'the network file system does not answer; see that it is mounted, and try again',
  ETIMEDOUT: 'the network file system does not answer; see that it is mounted, and try again',
  EREMOTEIO: 'the network file system failed; see that it is mounted, and try again',
  EIO: 'the disk or the network file system failed; see that it is mounted and sound, and try again',
  EMFILE: 'this process has too many files open; raise the limit (`ulimit -n`)',
  ENFILE: 'the machine has too many files open',
};

/**
 * An error of the file system, with what was tried and what can be done about it; its `code` stays.
 * @example
 * ```ts
 * import { rename } from 'node:fs/promises';
 * await rename('a', 'b').catch((error) => {
 *   throw fileError('Renaming a', error);
 * });
 * ```
 */
export function fileError(action: string, error: unknown): Error {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reason = REMEDIES[code] ?? message.replace(/\.$/, '');
  return Object.assign(
    new Error(`${action} failed: ${reason}${code && ` (${code})`}.`, { cause: error }),
    code && { code },
  );
}
