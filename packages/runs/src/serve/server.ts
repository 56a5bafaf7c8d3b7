/**
 * A page of running grids, for this machine alone: it listens on 127.0.0.1, answers requests for no other host and from no other origin, and
 * stops or retries runs only for who knows the token, which the terminal shows.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { readText } from '@refconv/files';
import { cancelRuns, retryRuns } from '../control.js';
import { readGrid } from '../grid.js';
import type { Hash } from '../spec.js';
import { PAGE } from './page.js';
import { type ShownEpochs, type ShownGrid, shownGrids, shownRun } from './state.js';

const CLIENT = fileURLToPath(new URL('client.js', import.meta.url));

/** What a page shows, and what can be done there. */
export interface Shown {
  grids(): Promise<ShownGrid[]>;
  run(hash: Hash): Promise<ShownEpochs>;
  /** One run of a grid, or all. @returns how many. */
  stop(grid: string, hashes?: readonly Hash[]): Promise<number>;
  retry?(grid: string, hashes?: readonly Hash[]): Promise<number>;
}

export interface ServedGrids {
  /** With the token behind a `#`, which browsers send to nobody. */
  url: string;
  token: string;
  port: number;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  type?: string;
  body: string;
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

const json = (value: unknown): Answer => ({ status: 200, type: 'application/json', body: JSON.stringify(value) });
const refused = (status: number, body: string): Answer => ({ status, body });

/**
 * The page of the grids in a folder.
 * @param root the folder of runs.
 * @param options.port default: one that is free.
 * @throws Error where the port is taken.
 * @example
 * ```ts
 * const { url, close } = await serveGrids('results');
 * console.log(url); // open it in a browser of this machine
 * ```
 */
export function serveGrids(root: string, options: { port?: number } = {}): Promise<ServedGrids> {
  const shown: Shown = {
    grids: () => shownGrids(root),
    run: (hash) => shownRun(root, hash),
    stop: async (grid, hashes) => cancelRuns(root, await readGrid(root, grid), hashes),
    retry: async (grid, hashes) => retryRuns(root, await readGrid(root, grid), hashes),
  };
  return serve(shown, options);
}

/** The page of anything that is shown as grids are. @throws Error where the port is taken. */
export async function serve(shown: Shown, { port = 0 }: { port?: number } = {}): Promise<ServedGrids> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => {
    void answer(shown, token, request)
      .catch((error: Error) => refused(500, error.message))
      .then((made) => write(response, made));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`The port ${port} is taken; give another by --port.`) : error),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    ...{ token, port: taken, url: `http://127.0.0.1:${taken}/#token=${token}` },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function write(response: ServerResponse, { status, type = 'text/plain', body }: Answer): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': `${type}; charset=utf-8` });
  response.end(body);
}

/** Whether a request is for this server by a name of this machine, and, where a page made it, by a page of this server. */
function isOwn({ headers, socket }: IncomingMessage): boolean {
  const hosts = ['127.0.0.1', 'localhost'].map((name) => `${name}:${socket.localPort}`);
  const { host = '', origin } = headers;
  return hosts.includes(host) && (origin === undefined || hosts.includes(origin.replace(/^http:\/\//, '')));
}

function knows(token: string, { headers }: IncomingMessage): boolean {
  const [given, wanted] = [Buffer.from(headers.authorization ?? ''), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function answer(shown: Shown, token: string, request: IncomingMessage): Promise<Answer> {
  if (!isOwn(request)) return refused(403, 'This page answers requests of this machine alone.');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (request.method === 'GET') {
    if (pathname === '/') return { status: 200, type: 'text/html', body: PAGE };
    if (pathname === '/client.js') return { status: 200, type: 'text/javascript', body: await readText(CLIENT) };
    if (pathname === '/grids') return json(await shown.grids());
    const [, hash] = /^\/runs\/([0-9a-f]{64})$/.exec(pathname) ?? [];
    return hash ? json(await shown.run(hash)) : refused(404, 'There is no such page.');
  }
  const act = { '/stop': shown.stop, '/retry': shown.retry }[pathname];
  if (request.method !== 'POST' || !act) return refused(405, 'Only what the page does can be done.');
  if (!knows(token, request))
    return refused(401, 'The token is missing or wrong: open the address that the terminal shows.');
  const [grid = '', hash] = [searchParams.get('grid') ?? '', searchParams.get('run')];
  if (!(await shown.grids()).some(({ name }) => name === grid)) return refused(404, 'There is no such grid.');
  return json({ runs: await act(grid, hash === null ? undefined : [hash]) });
}
