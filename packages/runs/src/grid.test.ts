import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Grid, GridBuilder, planGrid, readGrid, settingsText } from './grid.js';
import { runQueue } from './queue.js';
import { firstRuns, longer, NOTES, temporaryFolder, tinyGrid, tinySpec } from './testing/tiny.js';

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
  });

  it('comes back as it was planned, and names a run once however often it is in the table', async () => {
    const grid = tinyGrid('kept', [1, 2]);
    await planGrid(at('kept'), grid);
    expect(await readGrid(at('kept'), 'kept')).to.deep.equal(grid);
    expect(await messageOf(readGrid(at('kept'), 'lost'))).to.match(/no grid 'lost'.*there are kept/);
    expect(await messageOf(readGrid(at('nowhere'), 'lost'))).to.match(/there is none yet/);
    const builder = new GridBuilder({ ...NOTES, name: 'shared' });
    const hash = builder.add('mobilenetv1', 'baseline', tinySpec());
    expect(builder.add('mobilenetv1', 'other', tinySpec())).to.equal(hash);
    const { rows, runs } = builder.build();
    expect([rows.length, Object.keys(runs)]).to.deep.equal([2, [hash]]);
    expect(() => builder.add('mobilenetv1', 'refconv', tinySpec(1, { from: '0'.repeat(64) }))).to.throw(
      /not in the grid/,
    );
    expect(await messageOf(planGrid(at('kept'), { ...grid, name: '../out' }))).to.match(/cannot name a folder/);
  });

  it('does not take the place of one with other settings, and says what differs', async () => {
    const root = at('replaced');
    const large = tinyGrid('mine', [1, 2]);
    await planGrid(root, large);
    const refused = async (grid: Grid) => {
      const message = await messageOf(planGrid(root, grid));
      expect(await readGrid(root, 'mine'), message).to.deep.equal(large);
      return message;
    };
    const { recipe } = tinySpec();
    expect(await refused(tinyGrid('mine', [1, 2], { recipe: { ...recipe, epochs: 1 } }))).to.match(
      /mine is there already with other settings.*: recipe.epochs was 2 and is 1 now\. .*--name, or move .*grids\/mine away/,
    );
    expect(await refused(tinyGrid('mine', [1]))).to.match(/the run mobilenetv1, baseline, seed 2 is not in it now/);
    expect(await refused({ ...large, preset: 'cifar', experiment: 'other' })).to.match(
      /experiment was "tiny" and is "other" now; preset was "smoke" and is "cifar" now/,
    );
    expect(await refused({ ...large, changed: { 'recipe.epochs': 2 } })).to.match(
      /changed was null and is {"recipe.epochs":2} now/,
    );
    // The same runs go on, and a grid may grow.
    await planGrid(root, large);
    const larger = tinyGrid('mine', [1, 2, 3]);
    await planGrid(root, larger);
    expect(await readGrid(root, 'mine')).to.deep.equal(larger);
  });

  it('of a search stays as far as it had come where the search is begun again', async () => {
    const search: Grid = { ...tinyGrid('search', [1]), kind: 'search' };
    await planGrid(at('search'), search);
    await planGrid(at('search'), { ...firstRuns(search, 1), name: 'search' });
    expect(await readGrid(at('search'), 'search')).to.deep.equal(search);
    const other = tinyGrid('search', [1], longer(3, 0.2));
    expect(await messageOf(planGrid(at('search'), { ...other, kind: 'search' }))).to.match(
      /learningRate was 0.1 and is 0.2/,
    );
  });

  it('of a file from before grids said what they are is read by its name, and marked', async () => {
    const root = at('old');
    const kinds = {
      'imagenet-table-paper': ['imagenet-table', 'paper', 'table'],
      'imagenet-table-paper-tuned': ['imagenet-table', 'paper', 'tuned'],
      'comparison-cifar-tuning': ['comparison', 'cifar', 'search'],
      'my-comparison': ['my-comparison', '', 'table'],
    };
    for (const [name, [experiment, preset, kind]] of Object.entries(kinds)) {
      const { experiment: _, preset: __, kind: ___, changed, ...old } = tinyGrid(name, [1]);
      await mkdir(at('old', 'grids', name), { recursive: true });
      await writeFile(at('old', 'grids', name, 'grid.json'), JSON.stringify(old));
      const grid = await readGrid(root, name);
      expect(grid).to.deep.equal({ ...old, experiment, preset, kind, changed, guessed: true });
      expect(settingsText(grid)).to.match(/guessed of the name/);
      // The script says more than the name, and the runs are the same.
      await planGrid(root, tinyGrid(name, [1]));
      expect(await readGrid(root, name)).not.to.have.property('guessed');
    }
    await writeFile(at('old', 'grids', 'my-comparison', 'grid.json'), '{"rows":');
    const damaged = messageOf(planGrid(root, tinyGrid('my-comparison', [1])));
    expect(await damaged).to.match(/my-comparison\/grid.json is damaged \(.*JSON.*\); move it away/);
  });

  it('of a file from before grids had claims is read as it is; a claim that is none is damage', async () => {
    const { question, ...others } = tinyGrid('older', [1]);
    const write = async (file: object) => {
      await mkdir(at('asked', 'grids', 'older'), { recursive: true });
      await writeFile(at('asked', 'grids', 'older', 'grid.json'), JSON.stringify(file));
      return readGrid(at('asked'), 'older');
    };
    expect(await write({ ...others, claim: 'It gains.' })).to.deep.equal({ ...others, question: 'It gains.' });
    const claims = [{ id: 'gain', claim: 'It gains.', source: 'the paper', expected: { beyond: 0 } }];
    expect(await messageOf(write({ ...others, question, claims }))).to.match(
      /older\/grid.json is damaged \(claims\.0\.expected: .*\); move it away/,
    );
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
  });
});
