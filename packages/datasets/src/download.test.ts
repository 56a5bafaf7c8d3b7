import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DownloadOptions, download } from './download.js';
import { errorOf, temporaryFolder } from './test-data.js';

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
const md5 = createHash('md5').update(content).digest('hex');

/**
 * Answers like a server that knows ranges, and loses the connection after `cut` bytes of the body where given: when
 * `part` holds them, as what a connection brought and nobody had read is lost with it.
 */
function serveRange(request: IncomingMessage, response: ServerResponse, cut?: { after: number; part: string }): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  const rest = content.subarray(start);
  const headers = { 'content-length': rest.length, 'content-range': `bytes ${start}-${content.length - 1}/300000` };
  response.writeHead(start > 0 ? 206 : 200, headers);
  if (cut === undefined || rest.length <= cut.after) {
    response.end(rest);
    return;
  }
  response.write(rest.subarray(0, cut.after));
  const loseWhenWritten = setInterval(() => {
    const written = statSync(cut.part, { throwIfNoEntry: false })?.size ?? 0;
    if (written === start + cut.after) response.destroy();
  }, 5);
  response.on('close', () => clearInterval(loseWhenWritten));
}

describe('download', () => {
  let folder: string;
  let server: Server;
  let handle: (request: IncomingMessage, response: ServerResponse) => void;
  let ranges: (string | undefined)[];
  let log: string[];
  let options: DownloadOptions;

  beforeEach((done) => {
    folder = temporaryFolder();
    ranges = [];
    log = [];
    server = createServer((request, response) => {
      ranges.push(request.headers.range);
      handle(request, response);
    });
    server.listen(0, '127.0.0.1', () => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.tar.gz`;
      options = { url, target: join(folder, 'data', 'file.tar.gz'), md5, pause: 1, log: (line) => log.push(line) };
      done();
    });
  });
  afterEach((done) => {
    rmSync(folder, { recursive: true });
    server.close(done);
    server.closeAllConnections();
  });

  const part = () => `${options.target}.part`;
  const expectDone = () => {
    expect(readFileSync(options.target).equals(content)).to.equal(true);
    expect(readdirSync(join(folder, 'data'))).to.deep.equal(['file.tar.gz']);
  };

  it('fetches, verifies and moves a file into place, and reports its progress', async () => {
    handle = serveRange;
    await download(options);
    expectDone();
    expect(log.at(-2)).to.equal('file.tar.gz: 100 % of 0.3 MiB');
    expect(log.at(-1)).to.equal(`file.tar.gz: md5 verified, saved to ${options.target}`);
    await download(options);
    expect(ranges, 'a file that is there is not asked for again').to.deep.equal([undefined]);
  });

  it('goes on where a connection was lost', async () => {
    handle = (request, response) => serveRange(request, response, { after: 100_000, part: part() });
    await download(options);
    expectDone();
    expect(ranges).to.deep.equal([undefined, 'bytes=100000-', 'bytes=200000-']);
    expect(log.join('\n')).to.contain('the connection was lost').and.contain('trying again from byte 100000');
  });

  it('goes on where an earlier call stopped', async () => {
    handle = (request, response) =>
      serveRange(request, response, { after: ranges.length === 1 ? 123_456 : 0, part: part() });
    const message = await errorOf(download({ ...options, attempts: 2 }));
    expect(message).to.contain('2 attempts in a row brought nothing').and.contain('123456 bytes are kept');
    expect(message).to.contain(`curl -L -o '${options.target}' '${options.url}'`);
    handle = serveRange;
    await download(options);
    expectDone();
    expect(ranges.at(-1)).to.equal('bytes=123456-');
  });

  it('starts again where the server knows no ranges, or the rest is of another file', async () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(part(), content.subarray(0, 1000));
    handle = (_, response) => response.end(content);
    await download(options);
    expectDone();
    rmSync(options.target);
    writeFileSync(part(), Buffer.alloc(400_000));
    handle = serveRange;
    await download(options);
    expectDone();
  });

  it('takes a part that is already complete', async () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(part(), content);
    handle = serveRange;
    await download(options);
    expectDone();
  });

  it('deletes data with a wrong checksum and says so', async () => {
    handle = (_, response) => response.end('something else');
    const message = await errorOf(download(options));
    const given = createHash('md5').update('something else').digest('hex');
    expect(message).to.contain(`the 14 bytes received have md5 ${given}, expected ${md5}`);
    expect(readdirSync(join(folder, 'data'))).to.deep.equal([]);
  });

  it('does not unpack what the server labels as gzip', async () => {
    handle = (_, response) => response.writeHead(200, { 'content-encoding': 'x-gzip' }).end(content);
    await download(options);
    expectDone();
  });

  it('gives up at once on 404, and tries again on 503', async () => {
    handle = (_, response) => response.writeHead(404).end('no');
    expect(await errorOf(download(options))).to.contain('the server answered 404 Not Found, expected 200');
    expect(ranges.length).to.equal(1);
    handle = (request, response) => {
      if (ranges.length < 4) response.writeHead(503).end();
      else serveRange(request, response);
    };
    await download(options);
    expectDone();
  });

  it('refuses a range that it did not ask for', async () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(part(), content.subarray(0, 1000));
    handle = (_, response) => response.writeHead(206, { 'content-range': 'bytes 5-9/300000' }).end('12345');
    expect(await errorOf(download(options))).to.contain('expected 200, or 206 from byte 1000');
  });

  it('follows redirects, but not for ever', async () => {
    handle = (request, response) => {
      if (request.url === '/moved') serveRange(request, response);
      else response.writeHead(302, { location: '/moved' }).end();
    };
    await download(options);
    expectDone();
    rmSync(options.target);
    handle = (_, response) => response.writeHead(302, { location: '/moved' }).end();
    expect(await errorOf(download(options))).to.contain('more than 5 redirects');
  });

  it('does not wait for ever on a silent server, nor on one that is not there', async () => {
    handle = () => {};
    const silent = await errorOf(download({ ...options, patience: 50, attempts: 2 }));
    expect(silent).to.contain('no answer (no data for 0.05 s)');
    const nobody = await errorOf(download({ ...options, url: 'http://127.0.0.1:1/', attempts: 2 }));
    expect(nobody).to.contain('no answer').and.contain('ECONNREFUSED');
  });

  it('lets two calls at once fetch the file once', async () => {
    handle = serveRange;
    await Promise.all([download(options), download(options)]);
    expectDone();
    expect(ranges.length).to.equal(1);
    expect(log.join('\n')).to.contain(
      `Waiting for process ${process.pid} on ${hostname()}, which holds ${options.target}.lock.`,
    );
  });
});
