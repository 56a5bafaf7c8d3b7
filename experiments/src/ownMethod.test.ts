/** A method of a user's own, from a file outside of the tree: planned, trained and reported beside an experiment's arms. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Grid, readGrid } from '@refconv/runs';
import { expect } from 'chai';
import { checkSettings, gridOf } from './experiment.js';
import { experimentOf, run } from './testing/scripts.js';

const OWN = new URL('../../docs/own.md', import.meta.url);
const REPORT = fileURLToPath(new URL('../../reports/dist/site/main.js', import.meta.url));

describe('a method of one’s own', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-own-'));
  });
  after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  it('is an arm of an experiment, by the command, and stands in its table and its page', async () => {
    const [, code] = /^```js\n(\/\/ twoBranches\.mjs\n[\s\S]*?)^```$/m.exec(await readFile(OWN, 'utf8')) as unknown as [
      string,
      string,
    ];
    const [file, root] = [join(folder, 'twoBranches.mjs'), join(folder, 'results')];
    await writeFile(file, code);
    const methods = [
      { id: 'two-branches', options: { factor: 0.1 } },
      { id: 'two-branches', start: 'scratch', name: 'two-branches from scratch' },
    ];
    const args = ['--preset', 'smoke', '--import', file, '--set', `methods=${JSON.stringify(methods)}`];
    const arms = ['--set', 'arms=["baseline","refconv"]', '--results', root, '--name', 'mine'];
    const planned: Grid = JSON.parse((await run('comparison', ...args, '--plan')).stdout);
    expect(planned.rows.map(({ arm }) => arm)).to.deep.equal([
      ...['baseline', 'wn', 'repvgg', 'refconv', 'two-branches', 'two-branches from scratch'],
    ]);
    const [baseline, , , , own, scratch] = planned.rows.map(({ hash }) => ({ hash, ...planned.runs[hash] }));
    expect(own).to.deep.include({ from: baseline?.hash });
    expect(scratch?.recipe?.epochs).to.equal(4);
    expect(own?.imports?.map(({ file }) => file)).to.deep.equal([file]);

    const { status, stdout, stderr } = await run('comparison', ...args, ...arms);
    expect(status, stderr).to.equal(0);
    expect(stdout)
      .to.match(/^\| mobilenetv1 \| two-branches \| 1 \|/m)
      .and.match(/\| two-branches from scratch \| 1 \|/);
    expect((await readGrid(root, 'mine')).changed).to.have.property('methods');

    const site = join(folder, 'site');
    await promisify(execFile)(process.execPath, [REPORT, '--root', root, '--output', site]);
    const pages = (await readdir(site, { recursive: true })).filter((name) => /mine.*\.html$/.test(name));
    const page = await readFile(join(site, pages[0] as string), 'utf8');
    expect(page).to.contain('two-branches').and.contain('two-branches from scratch').and.contain('refconv');
  });

  it('needs a name that no other arm has, and to be registered', async () => {
    const comparison = await experimentOf('comparison');
    const settings = (methods: object[]) => () =>
      gridOf(comparison, 'smoke', checkSettings(comparison, { ...comparison.presets.smoke, methods }));
    expect(settings([{ id: 'wn' }])).to.throw(
      "Two arms of comparison would be called 'wn': give the method another name.",
    );
    expect(settings([{ id: 'two-brunches' }])).to.throw(/two-brunches/);
    expect(settings([{ id: 'wn', name: 'wn, from the baseline' }])().rows.map(({ arm }) => arm)).to.include(
      'wn, from the baseline',
    );
  });
});
