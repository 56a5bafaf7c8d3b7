import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { GridBuilder, planGrid, readGrid } from './grid.js';
import { runQueue } from './queue.js';
import { firstRuns, temporaryFolder, tinyGrid, tinySpec } from './testing/tiny.js';

const PLAN = fileURLToPath(new URL('./testing/plan.js', import.meta.url));
const messageOf = (promise: Promise<unknown>) => promise.then(String, ({ message }: Error) => message);

describe('a grid', () => {
  const at = temporaryFolder();

  it('of 10,000 runs is planned in 5 seconds and 300 MB', () => {
    const { stdout, stderr } = spawnSync(process.execPath, [PLAN, at('many'), '3334'], { encoding: 'utf8' });
    const { runs, milliseconds, memory } = JSON.parse(stdout || stderr);
    expect(runs).to.equal(10_002);
    expect(milliseconds).to.be.below(5000);
    expect(memory).to.be.below(300e6);
  }).timeout(60_000);

  it('comes back as it was planned, and names a run once however often it is in the table', async () => {
    const grid = tinyGrid('kept', [1, 2]);
    await planGrid(at('kept'), grid);
    expect(await readGrid(at('kept'), 'kept')).to.deep.equal(grid);
    expect(await messageOf(readGrid(at('kept'), 'lost'))).to.match(/no grid 'lost'.*there are kept/);
    expect(await messageOf(readGrid(at('nowhere'), 'lost'))).to.match(/there is none yet/);
    const builder = new GridBuilder({ name: 'shared', claim: 'None.', baseline: 'baseline' });
    const hash = builder.add('mobilenetv1', 'baseline', tinySpec());
    expect(builder.add('mobilenetv1', 'other', tinySpec())).to.equal(hash);
    const { rows, runs } = builder.build();
    expect([rows.length, Object.keys(runs)]).to.deep.equal([2, [hash]]);
    expect(() => builder.add('mobilenetv1', 'refconv', tinySpec(1, { from: '0'.repeat(64) }))).to.throw(
      /not in the grid/,
    );
    expect(await messageOf(planGrid(at('kept'), { ...grid, name: '../out' }))).to.match(/cannot name a folder/);
  });

  it('is not planned where its data are missing', async () => {
    const { REFCONV_DATA, REFCONV_CACHE } = process.env;
    try {
      Object.assign(process.env, { REFCONV_DATA: at('none'), REFCONV_CACHE: at('none') });
      const grid = tinyGrid('missing', [1], { data: { name: 'cifar100' } });
      expect(await messageOf(planGrid(at('missing'), grid))).to.match(/cifar100.*not.*REFCONV_DATA/is);
      expect(existsSync(at('missing'))).to.equal(false);
    } finally {
      for (const [name, value] of Object.entries({ REFCONV_DATA, REFCONV_CACHE })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it('is not planned where its folder cannot be written', async () => {
    await mkdir(at('blocked'));
    await writeFile(at('blocked', 'file'), '');
    expect(await messageOf(planGrid(at('blocked', 'file'), tinyGrid('tiny', [1])))).to.match(
      /Making the folder .*blocked\/file.* failed: a part of its path is a file/,
    );
  });

  it('on a disk without room for its checkpoints fails before anything is computed', async function () {
    const disk = at('disk');
    await mkdir(disk);
    const linux = process.platform === 'linux';
    if (!linux || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk]).status !== 0) {
      console.log('      skipped: a small disk can only be mounted by root on Linux');
      return this.skip();
    }
    try {
      const grid = firstRuns(tinyGrid('full', [1]), 1);
      await planGrid(disk, grid);
      const lines: string[] = [];
      const { failed } = await runQueue(disk, grid, { workers: 1, log: (line) => lines.push(line) });
      expect(failed).to.have.lengthOf(1);
      expect(lines.join('\n')).to.match(/failed: The disk of .* has room for .*; the run's checkpoints need .* MB/);
    } finally {
      spawnSync('umount', [disk]);
    }
  }).timeout(120_000);
});
