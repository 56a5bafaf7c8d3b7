/** What the tests ask of a page that is served. */
import { request } from 'node:http';
import { startChromium } from '@refconv/export/testing/chromium';
import { expect } from 'chai';

/** A request with headers that browsers would not let a page set. */
export function ask(url: URL | string, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { hostname, port } = new URL(url);
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const asked = request({ host: hostname, port, path, method, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode as number, body }));
    });
    asked.on('error', reject).end();
  });
}

/** The header of who knows the token that a page's address ends with. */
export const knowing = (url: URL | string) => ({
  Authorization: `Bearer ${new URLSearchParams(new URL(url).hash.slice(1)).get('token')}`,
});

/** That it is for this machine alone: no other host or origin. */
export async function expectOwnHost(url: URL | string): Promise<void> {
  const port = Number(new URL(url).port);
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1'])
    expect((await ask(url, '/grids', { Host: host })).status, host).to.equal(403);
  for (const origin of ['http://evil.example', 'null', `https://127.0.0.1:${port + 1}`])
    expect((await ask(url, '/grids', { Origin: origin })).status, origin).to.equal(403);
}

/** That what this path does needs the token. */
export async function expectToken(url: URL | string, path: string): Promise<void> {
  for (const headers of [{}, { Authorization: 'Bearer ' }, { Authorization: `Bearer ${'x'.repeat(32)}` }])
    expect((await ask(url, path, headers as Record<string, string>, 'POST')).status).to.equal(401);
}

/** A browser; undefined where none can be started, which is said. */
export async function browserIfAny() {
  return startChromium().catch((error: Error) => {
    if (process.env.REFCONV_CHROMIUM) throw error;
    console.log(`      (no Chromium can be started. ${error.message.split('\n')[0]})`);
    return undefined;
  });
}
