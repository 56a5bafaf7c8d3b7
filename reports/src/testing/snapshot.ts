/** Values kept in the folder `snapshots`; REFCONV_UPDATE_SNAPSHOTS=1 writes them anew. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const folder = fileURLToPath(new URL('../../snapshots', import.meta.url));

/** Compares a value, as JSON, with the snapshot of that name. */
export function expectSnapshot(name: string, value: unknown): void {
  const path = `${folder}/${name}.json`;
  const text = `${JSON.stringify(value, undefined, 2)}\n`;
  if (process.env.REFCONV_UPDATE_SNAPSHOTS === '1') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
    return;
  }
  expect(
    existsSync(path),
    `${path} is missing: REFCONV_UPDATE_SNAPSHOTS=1 npm test -w @refconv/reports writes it`,
  ).to.equal(true);
  expect(JSON.parse(text)).to.deep.equal(JSON.parse(readFileSync(path, 'utf8')));
}
