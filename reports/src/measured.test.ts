/** The published measurement: its tables follow from the results of its runs, and these from their specs. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namesIn } from '@refconv/files';
import { hashOfSpec, parseSpec, readGrid, readLedger, rebuildLedger, writeTables } from '@refconv/runs';
import { expect } from 'chai';

const MEASURED = fileURLToPath(new URL('../measured', import.meta.url));

describe('the published measurement', () => {
  let copy: string;
  before(async function () {
    if ((await namesIn(join(MEASURED, 'grids'))).length === 0) this.skip();
    copy = await mkdtemp(join(tmpdir(), 'refconv-measured-'));
    await cp(MEASURED, copy, { recursive: true });
  });
  after(() => copy && rm(copy, { recursive: true }));

  it('has the ledger and the tables that its results give', async () => {
    await rebuildLedger(copy, (problem) => expect.fail(problem));
    expect(await readLedger(copy)).to.deep.equal(await readLedger(MEASURED));
    for (const name of await readdir(join(copy, 'grids'))) {
      await writeTables(copy, await readGrid(copy, name));
      for (const file of await readdir(join(copy, 'grids', name))) {
        const read = (root: string) => readFile(join(root, 'grids', name, file), 'utf8');
        expect(await read(copy), `${name}/${file}`).to.equal(await read(MEASURED));
      }
    }
  });

  it('names each run by its spec, with commit, seed and the processor it was done on', async () => {
    for (const hash of await readdir(join(MEASURED, 'runs'))) {
      const result = JSON.parse(await readFile(join(MEASURED, 'runs', hash, 'result.json'), 'utf8'));
      expect(hashOfSpec(parseSpec(result.spec))).to.equal(hash);
      expect(result.environment.commit).to.match(/^[0-9a-f]{40}$/);
      expect(result.environment).to.include({ changed: false });
    }
  });
});
