import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paperRecipe, parseSpec, type Result } from '@refconv/runs';
import { expect } from 'chai';
import { browserForTests, expectAccessible, expectFits, PHONE, tableCells, withPage } from '../testing/pages.js';
import { predictionsOf, writePredictions, writeRun } from '../testing/runs.js';
import { compareRuns } from './compare.js';
import { readRuns } from './read.js';

const CLASSES = ['cat', 'dog', '<script>globalThis.hacked = 1</script>'];
const EVIL = '<script>globalThis.hacked = 1<script>';
const IMAGES = 60;

describe('refconv report compare', () => {
  let folder: string;
  /** A finished run of an experiment, the same as `refconv train` leaves one, and one from before there were predictions. */
  let runs: { experiment: string; trained: string; older: string };
  const browser = browserForTests();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-compare-'));
    const spec = parseSpec({
      network: { id: 'mobilenetv1', variant: 'cifar' },
      data: { name: 'cifar10' },
      recipe: paperRecipe({ epochs: 4, warmUpEpochs: 0 }),
      ...{ seed: 1, threads: 1 },
    });
    const experiment = await writeRun(folder, spec, 0.75);
    await mkdir(join(experiment, 'model'));
    const notes = { userDefinedMetadata: { refconv: { classes: CLASSES } } };
    await writeFile(join(experiment, 'model', 'model.json'), JSON.stringify(notes));
    await writePredictions(experiment, predictionsOf(IMAGES, CLASSES.length, 0.75));
    const trained = join(folder, EVIL);
    await cp(experiment, trained, { recursive: true });
    for (const name of ['spec.json', 'result.json']) await rm(join(trained, name));
    const older = join(folder, 'older');
    await cp(trained, older, { recursive: true });
    await rm(join(older, 'predictions.csv'));
    runs = { experiment, trained, older };
  });
  after(() => rm(folder, { recursive: true }));

  it('reads run folders of experiments and of refconv train, and names what is missing', async () => {
    const [experiment, trained, older] = await readRuns([runs.experiment, runs.trained, runs.older]);
    expect(experiment?.name).to.match(/^mobilenetv1 plain seed 1 [0-9a-f]{12}$/);
    expect(trained?.name).to.equal(EVIL);
    for (const run of [experiment, trained, older]) expect(run?.epochs.length).to.equal(4);
    expect(experiment?.result).to.include({ parameters: 2e6 } satisfies Partial<Result>);
    for (const run of [experiment, trained]) {
      expect(run?.missing).to.deep.equal([]);
      expect(run?.classes).to.deep.equal(CLASSES);
      const right = predictionsOf(IMAGES, 3, 0.75).filter(({ label, prediction }) => label === prediction);
      expect(run?.predictions?.top1).to.equal(right.length / IMAGES);
    }
    expect(older?.predictions).to.equal(undefined);
    expect(older?.missing.join()).to.match(/accuracy by class, calibration and confusion: it has no predictions\.csv/);
  });

  it('tells runs of one name apart, and takes names', async () => {
    const twice = await readRuns([runs.older, runs.older]);
    expect(twice.map(({ name }) => name)).to.deep.equal(['older', 'older (2)']);
    const named = await readRuns([runs.older, runs.trained], ['a', 'b']);
    expect(named.map(({ name }) => name)).to.deep.equal(['a', 'b']);
  });

  it('refuses what is no run', async () => {
    const message = (folders: string[], names?: string[]) =>
      readRuns(folders, names).then(
        () => '',
        (error: Error) => error.message,
      );
    expect(await message([])).to.match(/Which runs\?/);
    expect(await message([join(folder, 'nowhere')])).to.match(/There is no run .*nowhere: no such folder/);
    expect(await message([folder])).to.match(/is no run: it has no metrics\.csv.*refconv train --output/);
    expect(await message([join(runs.older, 'metrics.csv')])).to.match(/is no run/);
    const foreign = join(folder, 'foreign');
    await mkdir(foreign);
    const metrics = join(foreign, 'metrics.csv');
    await writeFile(metrics, 'foo,bar\n1,2\n');
    expect(await message([foreign])).to.match(
      /foreign\/metrics\.csv lacks the columns epoch, learning_rate, train_loss, seconds, test_loss, test_top1; it has foo, bar\./,
    );
    const header = 'epoch,step,learning_rate,train_loss,test_loss,test_top1,seconds\n';
    await writeFile(metrics, `${header}1,5,0.1,1,1,0.5,1\n2,10,0.1,x,1,0.5,1\n`);
    expect(await message([foreign])).to.match(
      /foreign\/metrics\.csv is damaged \(train_loss is "x" in row 2; expected a number\)/,
    );
    await writeFile(metrics, `${header}1,5,0.1,NaN,,0.5,1\n`);
    expect(await message([foreign])).to.equal('');
    expect(await message([runs.older], ['a', 'b'])).to.match(/There are 1 runs and 2 names/);
  });

  it('says where runs have results of several versions', async () => {
    const old = join(folder, 'old');
    await cp(runs.experiment, old, { recursive: true });
    const spec = JSON.parse(await readFile(join(old, 'spec.json'), 'utf8'));
    await writeFile(join(old, 'spec.json'), JSON.stringify({ ...spec, resultsVersion: 1 }));
    const output = join(folder, 'versions');
    const notice = /results of the versions 1 and \d+, .*old: 1/s;
    const { page } = await compareRuns([runs.experiment, old], { output });
    expect(await readFile(page, 'utf8')).to.match(notice);
    await compareRuns([old, old], { output });
    expect(await readFile(page, 'utf8')).not.to.match(/results of the versions/);
  });

  it('shows what there is of a run that is half written', async () => {
    const half = join(folder, 'half');
    await mkdir(half);
    await writeFile(
      join(half, 'metrics.csv'),
      'epoch,step,learning_rate,train_loss,test_loss,test_top1,seconds\n1,5,0.',
    );
    await writeFile(join(half, 'result.json'), '{"top1":');
    await writeFile(join(half, 'predictions.csv'), 'index,label,prediction,confidence\n0,1,x,0.5\n');
    const [run] = await readRuns([half]);
    expect(run?.missing[0]).to.match(/result\.json is damaged \(.*what it says is left out/);
    expect(run?.missing[1]).to.equal('no epoch is finished yet');
    expect(run?.missing[2]).to.match(/predictions\.csv cannot be used\. Labels must be classes/);
    const { page } = await compareRuns([half], { output: join(folder, 'half-page') });
    await withPage(browser(), page, {}, async (opened) => {
      expect(await opened.locator('.notice').count()).to.equal(3);
    });
  });

  it('draws whatever a name holds, and as many epochs as a training has', async () => {
    const hostile = join(folder, 'hostile');
    await mkdir(hostile);
    const header = 'epoch,step,learning_rate,train_loss,test_loss,test_top1,seconds\n';
    const rows = Array.from({ length: 50_000 }, (_, i) => `${i + 1},${i + 1},0.1,1,1,0.5,1\n`);
    await writeFile(join(hostile, 'metrics.csv'), header + rows.join(''));
    const names = ['a\nb\u2028c', '\u0000\u001b[2J', `\ud800${EVIL}`, "'];globalThis.hacked = 1;['", '\u202e$(alert)'];
    const { page, runs: shown } = await compareRuns(
      names.map(() => hostile),
      { output: join(folder, 'hostile-page'), names },
    );
    expect(shown[0]?.epochs).to.have.lengthOf(50_000);
    await withPage(browser(), page, {}, async (opened) => {
      expect(await opened.evaluate('globalThis.hacked')).to.equal(undefined);
      expect(await opened.locator('figure').count()).to.be.above(1);
    });
  });

  for (const [scheme, width] of [
    ['dark', 1200],
    ['light', PHONE],
  ] as const) {
    it(`makes a page with all of it, accessible and safe: ${scheme}, ${width} pixels`, async () => {
      const { page } = await compareRuns(Object.values(runs), { output: join(folder, 'page') });
      await withPage(browser(), page, { scheme, width }, async (opened) => {
        expect(await opened.evaluate('globalThis.hacked')).to.equal(undefined);
        const headings = await opened.locator('h2').allTextContents();
        expect(headings).to.include.members(['Curves', 'Calibration', 'Accuracy by class', 'Confusion']);
        const cells = await tableCells(opened.locator('table').first());
        expect(cells.map(([name]) => name).slice(1)).to.deep.equal([EVIL, 'older']);
        for (const row of cells) expect(row.slice(1, 4)).to.deep.equal(['4', 'test', '75.00 %']);
        const [predicted] = await readRuns([runs.trained]);
        const error = 100 * (predicted?.predictions?.calibrationError as number);
        expect(cells.map((row) => row[6])).to.deep.equal([`${error.toFixed(2)} %`, `${error.toFixed(2)} %`, '']);
        expect(await opened.locator('.notice').allTextContents()).to.have.lengthOf(1);
        // Counts in the confusion matrix, label by label.
        const shown = await opened.locator('.live').last().locator('.mark-text.role-mark text').allTextContents();
        expect(shown.map(Number)).to.deep.equal([...(predicted?.predictions?.confusion.values ?? [])]);
        await expectFits(opened);
        await expectAccessible(opened);
      });
      expect(await readFile(join(folder, 'page', 'classes.csv'), 'utf8')).to.contain(CLASSES[2] as string);
    });
  }
});
