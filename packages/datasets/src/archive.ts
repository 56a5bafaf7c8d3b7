import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { openFileSync } from '@refconv/files';
import { extract } from 'tar-stream';

/**
 * Reads files of a tar.gz without unpacking anything to disk.
 *
 * @param choose is asked about every file, by its name without folders and its size in bytes, and returns what takes
 *   its bytes, or undefined to leave it out. What it or the taker throws is thrown on.
 * @throws {Error} if the archive cannot be read to its end as gzip and tar; `cause` says why.
 */
export async function readTarGz(
  path: string,
  choose: (name: string, size: number) => ((bytes: Uint8Array) => void) | undefined,
): Promise<void> {
  const entries = extract();
  let thrown: { error: unknown } | undefined;
  entries.on('entry', (header, stream, next) => {
    // What breaks the archive off breaks this too, and the pipeline below tells of it.
    stream.on('error', () => {});
    const attempt = (action: () => void): boolean => {
      try {
        action();
        return true;
      } catch (error) {
        thrown = { error };
        next(error instanceof Error ? error : new Error(String(error)));
        return false;
      }
    };
    let take: ((bytes: Uint8Array) => void) | undefined;
    const chosen = attempt(() => {
      if (header.type === 'file') take = choose(basename(header.name), header.size);
    });
    if (!chosen) return;
    const chunks: Uint8Array[] = [];
    stream.on('data', (chunk) => {
      if (take !== undefined) chunks.push(chunk as Uint8Array);
    });
    stream.on('end', () => {
      if (attempt(() => take?.(Buffer.concat(chunks)))) next();
    });
  });
  try {
    await pipeline(
      createReadStream(path, { fd: openFileSync(path) }),
      createGunzip(),
      entries as unknown as NodeJS.WritableStream,
    );
  } catch (error) {
    if (thrown !== undefined) throw thrown.error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${path} cannot be read as a tar.gz: ${why}. It is damaged or not complete; delete it and download it again.`,
      { cause: error },
    );
  }
}
