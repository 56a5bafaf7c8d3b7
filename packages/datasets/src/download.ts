import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder, openFileSync, withLock } from '@refconv/files';

export interface DownloadOptions {
  url: string;
  /** Where the file goes; written under `target.part` until it is complete and verified. */
  target: string;
  /** Of the whole file, in hexadecimal. */
  md5: string;
  log?: (message: string) => void;
  /** How often in a row a connection may bring nothing. Default 5. */
  attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further one. Default 1000. */
  pause?: number;
  /** Milliseconds without data after which a connection counts as lost. Default 60,000. */
  patience?: number;
}

/**
 * Downloads a file, verifies it and moves it into place in one step. A lost connection is taken up again where it
 * stopped (HTTP Range), also by a later call; a file already there is left as it is. Of several processes that
 * download the same file, one does and the others wait. Follows redirects; knows no proxies.
 *
 * @throws {Error} if the server refuses, the connection fails `attempts` times in a row, or the checksum is wrong (the
 *   data is then deleted).
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { target, url, md5, log } = options;
  const part = `${target}.part`;
  await makeFolder(dirname(target));
  const fetchVerifyMove = async () => {
    if (existsSync(target)) return;
    await fetchAll(part, options);
    const given = await md5Of(part);
    if (given !== md5) {
      const size = sizeOf(part);
      await rm(part, { force: true });
      throw new Error(
        `${url}: the ${size} bytes received have md5 ${given}, expected ${md5}. They were deleted; try again. ` +
          `If it stays so, the server or a proxy changes the file: ${byHand(options)}`,
      );
    }
    await rename(part, target);
    log?.(`${basename(target)}: md5 verified, saved to ${target}`);
  };
  await withLock(`${target}.lock`, fetchVerifyMove, { log, poll: 1000, patience: Number.POSITIVE_INFINITY });
}

/** What another attempt may mend. */
class ConnectionError extends Error {}

async function fetchAll(part: string, options: DownloadOptions): Promise<void> {
  const { url, log, attempts = 5, pause = 1000 } = options;
  for (let failures = 0; ; ) {
    const before = sizeOf(part);
    try {
      return await fetchRest(part, options);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      failures = sizeOf(part) > before ? 1 : failures + 1;
      if (failures >= attempts) {
        throw new Error(
          `${url}: ${attempts} attempts in a row brought nothing, the last: ${error.message}. ` +
            `${sizeOf(part)} bytes are kept in ${part}, and the next call continues there. Or, ${byHand(options)}`,
          { cause: error },
        );
      }
      log?.(`${url}: ${error.message}; trying again from byte ${sizeOf(part)}`);
      await sleep(pause * 2 ** (failures - 1));
    }
  }
}

/** One connection: appends to `part` what it lacks. */
async function fetchRest(part: string, options: DownloadOptions): Promise<void> {
  const start = sizeOf(part);
  const response = await request(options.url, start, options.patience ?? 60_000);
  const status = response.statusCode ?? 0;
  const range = response.headers['content-range'] ?? '';
  try {
    if (status === 416 && start > 0) {
      if (Number(/^bytes \*\/(\d+)$/.exec(range)?.[1]) === start) return;
      await rm(part, { force: true });
      throw new ConnectionError(`the ${start} bytes of an earlier attempt do not belong to this file`);
    }
    if (status === 408 || status === 429 || status >= 500) throw new ConnectionError(answer(response));
    const resumed = status === 206 && Number(/^bytes (\d+)-/.exec(range)?.[1]) === start;
    if (status !== 200 && !resumed) {
      const expected = start > 0 ? `200, or 206 from byte ${start}` : '200';
      throw new Error(
        `${options.url}: ${answer(response)}, expected ${expected}. Check the address, or, ${byHand(options)}`,
      );
    }
    const report = progress(options, Number(response.headers['content-length']) + (resumed ? start : 0));
    const file = await open(part, resumed ? 'a' : 'w');
    try {
      let size = resumed ? start : 0;
      for await (const chunk of received(response)) {
        await file.writeFile(chunk);
        size += chunk.length;
        report(size);
      }
    } finally {
      await file.close();
    }
  } finally {
    response.destroy();
  }
}

/** The body; an error of the connection, unlike one of the disk, becomes a {@link ConnectionError}. */
async function* received(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (error) {
    throw new ConnectionError(`the connection was lost (${(error as Error).message})`, { cause: error });
  }
}

/**
 * Not `fetch`: that unpacks a .gz which the server labels `Content-Encoding: x-gzip`, as some do, and the checksum
 * would be of something else.
 */
async function request(address: string, start: number, patience: number): Promise<IncomingMessage> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= 5; redirects++) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = start > 0 ? { range: `bytes=${start}-` } : {};
      const sent = (url.protocol === 'http:' ? httpGet : httpsGet)(url, { headers }, resolve);
      sent.on('error', (error) => reject(new ConnectionError(`no answer (${error.message})`, { cause: error })));
      sent.setTimeout(patience, () => sent.destroy(new Error(`no data for ${patience / 1000} s`)));
    });
    const { location } = response.headers;
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined) return response;
    response.destroy();
    url = new URL(location, url);
  }
  throw new Error(`${address}: more than 5 redirects, the last to ${url}. Check the address.`);
}

function progress({ target, log }: DownloadOptions, total: number): (size: number) => void {
  let next = 0;
  return (size) => {
    const tenth = Math.floor((size / total) * 10);
    if (!(tenth >= next)) return;
    next = tenth + 1;
    log?.(`${basename(target)}: ${tenth * 10} % of ${(total / 2 ** 20).toFixed(1)} MiB`);
  };
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path, { fd: openFileSync(path), highWaterMark: 1 << 20 }))
    hash.update(chunk);
  return hash.digest('hex');
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function answer(response: IncomingMessage): string {
  return `the server answered ${response.statusCode} ${response.statusMessage}`;
}

function byHand({ url, target }: DownloadOptions): string {
  return `by hand: curl -L -o '${target}' '${url}'`;
}
