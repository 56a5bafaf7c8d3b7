/** The published measurement: its tables follow from the results of its runs, and these from their specs. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namesIn, withMarked } from '@refconv/files';
import { hashOfSpec, parseSpec, readGrid, readLedger, rebuildLedger, writeTables } from '@refconv/runs';
import { expect } from 'chai';
import { fullMeasurement, MEASURED } from './fullMeasurement.js';
import { shortVerdicts } from './site/verdicts.js';
import { publishSite, writeSite } from './site/write.js';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));

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

  it('has the verdicts that follow from it, here and in the README, and the data of its charts', async () => {
    const site = await writeSite(copy, join(copy, 'site'));
    await publishSite(site, join(copy, 'site'));
    const files = ['verdicts.md'];
    for (const grid of await readdir(join(copy, 'charts')))
      for (const file of await readdir(join(copy, 'charts', grid)))
        if (file.endsWith('.csv')) files.push(join('charts', grid, file));
    expect(files).to.have.length.above(5);
    const hint = 'npm run report -- --root reports/measured --publish README.md';
    for (const file of files)
      expect(await readFile(join(MEASURED, file), 'utf8'), `${file}: ${hint}`).to.equal(
        await readFile(join(copy, file), 'utf8'),
      );
    const readme = await readFile(README, 'utf8');
    expect(readme, hint).to.equal(withMarked(readme, 'verdicts', shortVerdicts(site.judgements)));
  });

  it('is quoted by npm start', async () => {
    const full = await fullMeasurement();
    expect(full).to.include({ compared: 'refconv − retraining', measure: 'top-1' });
    expect(await fullMeasurement(join(copy, 'none'))).to.equal(undefined);
  });
});
