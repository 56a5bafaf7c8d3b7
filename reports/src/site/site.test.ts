import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Grid, hashOfSpec, RESULTS_VERSION, readLedger } from '@refconv/runs';
import { expect } from 'chai';
import { writeAnalyses } from '../testing/analyses.js';
import { browserForTests, expectAccessible, expectFits, PHONE, tableCells, withPage } from '../testing/pages.js';
import { ARMS, type MadeUp, writeInVersion, writeRuns } from '../testing/runs.js';
import type { Site } from './read.js';
import { writeSite } from './write.js';

const EVIL = '</script><script>globalThis.hacked = 1</script>';
const EVIL_ARM = `<img src="x" onerror="globalThis.hacked = 1">`;

const TABLE: MadeUp = {
  ...{ name: 'imagenet-table-cifar', experiment: 'imagenet-table', preset: 'cifar' },
  networks: ['mobilenetv3_small', 'resnet18'],
  arms: { baseline: ARMS.baseline, refconv: ARMS.refconv },
  seeds: [1, 2, 3],
  epochs: 4,
  paper: { arm: 'refconv', gains: { mobilenetv3_small: 1.47 } },
};
const NAMED: MadeUp = {
  ...{ name: 'comparison-pocket', experiment: 'comparison', preset: 'pocket' },
  networks: [EVIL],
  arms: { baseline: ARMS.baseline, [EVIL_ARM]: ARMS.wn, refconv: ARMS.refconv },
  seeds: [1, 2],
  epochs: 32,
  unfinished: (_, arm, seed) => arm === 'refconv' && seed === 2,
};

describe('the site', () => {
  let folder: string;
  let root: string;
  let output: string;
  let site: Site;
  const pageOf = (name: string) => join(output, 'experiments', name, 'index.html');
  const browser = browserForTests();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-site-'));
    [root, output] = [join(folder, 'runs'), join(folder, 'site')];
    await writeRuns(root, [TABLE, NAMED]);
    await writeAnalyses(root, 'analyses-cifar', 'mobilenetv1');
    site = await writeSite(root, output);
  });
  after(() => rm(folder, { recursive: true }));

  it("has tables whose numbers are the ledger's", async () => {
    const ledger = new Map((await readLedger(root)).map((row) => [row.hash, row]));
    const grid = JSON.parse(await readFile(join(root, 'grids', TABLE.name, 'grid.json'), 'utf8'));
    const top1 = (network: string, arm: string) =>
      TABLE.seeds.map((seed) => {
        const found = grid.rows.find(
          (row: Record<string, unknown>) => row.network === network && row.arm === arm && row.seed === seed,
        );
        return 100 * Number(ledger.get(found.hash)?.top1);
      });
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const minus = (a: number[], b: number[]) => a.map((value, i) => value - (b[i] as number));
    await withPage(browser(), pageOf(TABLE.name), {}, async (page) => {
      const cells = await tableCells(page.locator('table').first());
      expect(cells.length).to.equal(4);
      for (const [network = '', arm = '', n, accuracy = '', , gain] of cells) {
        const values = top1(network, arm);
        expect(n).to.equal('3');
        expect(accuracy.split(' ± ')[0]).to.equal(mean(values).toFixed(2));
        const gained = mean(minus(values, top1(network, 'baseline')));
        expect(gain).to.equal(arm === 'baseline' ? '' : `+${gained.toFixed(2)}`);
      }
      await page.locator('summary', { hasText: '12 runs' }).click();
      const runs = await tableCells(page.locator('table').last());
      for (const cells of runs) {
        const row = [...ledger.values()].find(({ hash }) => hash.startsWith(cells.at(-1) as string));
        expect(cells.slice(4, 8)).to.deep.equal([
          'test',
          ...[row?.top1, row?.merged_top1, row?.best_top1_on_test].map(
            (share) => `${(100 * Number(share)).toFixed(2)} %`,
          ),
        ]);
      }
    });
    await withPage(browser(), join(output, 'index.html'), {}, async (page) => {
      const claim = page.locator('.claim', { hasText: 'RefConv raises the accuracy' });
      const cells = await tableCells(claim);
      for (const [network = '', , , , seeds, shown] of cells) {
        expect(seeds).to.equal('3');
        expect(shown).to.equal(`+${mean(minus(top1(network, 'refconv'), top1(network, 'baseline'))).toFixed(2)}`);
      }
      expect(cells.length).to.equal(2);
      expect(await claim.locator('.verdict').first().textContent()).to.equal('agrees');
    });
  });

  for (const [scheme, width] of [
    ['light', 1200],
    ['dark', PHONE],
  ] as const) {
    it(`opens without a word on the console, accessible and no wider than the window: ${scheme}, ${width} pixels`, async () => {
      const pages = ['index.html', ...site.experiments.map(({ name }) => join('experiments', name, 'index.html'))];
      for (const path of pages) {
        await withPage(browser(), join(output, path), { scheme, width }, async (page) => {
          for (const summary of await page.locator('summary').all()) await summary.click();
          await expectFits(page);
          await expectAccessible(page);
        });
      }
    });
  }

  it('shows names from run folders, and runs nothing in them', async () => {
    await withPage(browser(), pageOf(NAMED.name), {}, async (page) => {
      expect(await page.evaluate('globalThis.hacked')).to.equal(undefined);
      expect(await page.locator('main').textContent())
        .to.contain(EVIL)
        .and.contain(EVIL_ARM);
      // Tooltips are made of texts too.
      const box = page.getByRole('checkbox', { name: EVIL_ARM });
      await box.uncheck();
      await page.locator('.live .mark-rect.role-mark path').first().hover({ force: true });
      await page.locator('#vg-tooltip-element', { hasText: EVIL }).waitFor();
      expect(await page.evaluate('globalThis.hacked')).to.equal(undefined);
    });
  });

  it('lets the reader choose runs, by the keyboard too', async () => {
    await withPage(browser(), pageOf(TABLE.name), {}, async (page) => {
      const figure = page.locator('figure[data-chart="training-resnet18"]');
      const lines = figure.locator('.live .mark-line.role-mark path');
      const become = async (count: number) => {
        for (let n = 0; n < 100 && (await lines.count()) !== count; n++) await page.waitForTimeout(50);
        expect(await lines.count()).to.equal(count);
      };
      await become(2);
      await figure.getByRole('checkbox', { name: 'single runs' }).focus();
      await page.keyboard.press('Space');
      await become(8);
      await figure.getByRole('checkbox', { name: 'baseline' }).uncheck();
      await become(4);
    });
  });

  it('has every chart as Vega-Lite, CSV, SVG, PNG and PDF, and no link that leads nowhere', async () => {
    const files = new Set(await readdir(join(output, 'experiments', TABLE.name)));
    for (const chart of ['gains', 'training-mobilenetv3_small', 'training-resnet18'])
      for (const extension of ['vl.json', 'csv', 'svg', 'png', 'pdf'])
        expect(files).to.include(`${chart}.${extension}`);
    for (const { name } of site.experiments) {
      await withPage(browser(), pageOf(name), {}, async (page) => {
        const links = await page
          .locator('a[href]')
          .evaluateAll((all) => all.map((link) => (link as unknown as { href: string }).href));
        for (const link of new Set(links)) await readFile(new URL(link.split('#')[0] as string));
      });
    }
  });

  it('is readable on paper: pictures in the place of interactive charts, dark on white', async () => {
    await withPage(browser(), pageOf(TABLE.name), { scheme: 'dark' }, async (page) => {
      await page.emulateMedia({ media: 'print' });
      expect(await page.locator('.still').first().isVisible()).to.equal(true);
      expect(await page.locator('.live').first().isVisible()).to.equal(false);
      const colours = await page.evaluate(
        '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
      );
      expect(colours).to.deep.equal(['rgb(255, 255, 255)', 'rgb(0, 0, 0)']);
    });
  });

  it('shows runs that are not finished, and analyses', async () => {
    const named = site.experiments.find(({ name }) => name === NAMED.name);
    const unfinished = named?.runs.find(({ state }) => state.state === 'waiting');
    expect(unfinished?.epochs.length).to.equal(31);
    const page = await readFile(pageOf('analyses-cifar'), 'utf8');
    for (const title of ['Connectivity', 'Redundancy', 'Skeletons', 'Loss landscape', 'Robustness'])
      expect(page).to.contain(`<h2>${title}`);
    const overview = await readFile(join(output, 'index.html'), 'utf8');
    expect(overview).to.contain('share within 1 nat');
  });
});

describe('a folder of runs', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-site-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const failure = (root: string) =>
    writeSite(root, join(folder, 'site')).then(
      () => '',
      (error: Error) => error.message,
    );

  it('that is missing or holds no runs is an error', async () => {
    expect(await failure(join(folder, 'nowhere'))).to.match(/There is no folder .*nowhere.*Give --root/);
    expect(await failure(folder)).to.match(/holds no runs: it has neither grids nor a ledger\.csv/);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('of an earlier results version is shown with it, and a grid of two versions is not compared', async () => {
    const root = join(folder, 'runs');
    const made = await writeRuns(root, [TABLE, { ...TABLE, name: 'comparison-cifar', networks: ['other'] }]);
    const [old, mixed] = made as [Grid, Grid];
    await writeInVersion(root, old, 1);
    await writeInVersion(root, mixed, 1, (place) => place === 0);
    const site = await writeSite(root, join(folder, 'site'));
    expect(site.experiments.map(({ name, version }) => [name, version])).to.deep.equal([[TABLE.name, 1]]);
    expect(site.problems.join()).to.contain('The grid comparison-cifar mixes results of the versions 1 and');
    const overview = await readFile(join(folder, 'site', 'index.html'), 'utf8');
    expect(overview).to.contain('(results version 1)').and.contain('mixes results of the versions');
    const page = await readFile(join(folder, 'site', 'experiments', TABLE.name, 'index.html'), 'utf8');
    expect(page).to.contain(`Results version 1, where this code makes version ${RESULTS_VERSION}`);
  });

  const read = (...path: string[]) => readFile(join(folder, 'site', ...path), 'utf8');

  it('of smoke runs says on its first page that they are done and decide nothing, and counts in the singular', async () => {
    const smoke: MadeUp = {
      ...{ ...TABLE, name: 'imagenet-table-smoke', preset: 'smoke', networks: ['resnet18'], seeds: [1], epochs: 1 },
      ...{ data: { name: 'synthetic' }, paper: undefined },
    };
    await writeRuns(folder, [smoke]);
    const [hash = ''] = await readdir(join(folder, 'runs'));
    const file = join(folder, 'runs', hash, 'result.json');
    const leftOut = { images: [], layers: [{ name: 'conv1 <b>', reason: 'its windows do not overlap' }] };
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), leftOut }));
    await writeSite(folder, join(folder, 'site'));
    const overview = await read('index.html');
    expect(overview)
      .to.contain('2 finished runs of 1 experiment,')
      .and.contain(
        'runs are done and decide nothing: imagenet-table-smoke (synthetic images): node experiments/dist/imagenet-table.js makes others',
      )
      .and.not.match(/no runs yet: node experiments\/dist\/imagenet-table/);
    const page = await read('experiments', smoke.name, 'index.html');
    expect(page).to.contain(
      'Left as they are: 1 convolution above 1×1: conv1 &#60;b&#62; (its windows do not overlap)',
    );
    // Of one seed there is no interval, and nothing of the paper's is known.
    expect(page).to.contain('gain, points</th>').and.not.contain('95 % CI</th>').and.not.contain('>paper</th>');
    const chart = JSON.parse(await read('experiments', smoke.name, 'training-resnet18.vl.json'));
    expect(chart.encoding.x.axis.values).to.deep.equal([1]);
  });

  it('has no numbers of a landscape before all of its parts are done, and says which layers it shows', async () => {
    await writeAnalyses(folder, 'analyses', 'mobilenetv1');
    const file = join(folder, 'grids', 'analyses', 'grid.json');
    const grid = JSON.parse(await readFile(file, 'utf8'));
    const [landscape] = grid.rows.filter(({ hash }: { hash: string }) => grid.runs[hash].analysis.id === 'landscape');
    const spec = { ...grid.runs[landscape.hash], threads: 2 };
    const open = hashOfSpec(spec);
    grid.rows.push({ ...landscape, hash: open });
    grid.runs[open] = spec;
    await writeFile(file, JSON.stringify(grid));
    await writeSite(folder, join(folder, 'site'));
    const page = await read('experiments', 'analyses', 'index.html');
    expect(page).to.contain(
      `Left out until all parts are done: mobilenetv1, ${landscape.arm}, seed ${landscape.seed}: 1 of 2 parts done.`,
    );
    expect(page).not.to.contain('Shown:');
  });

  it('with a ledger of another version is read from the folders of its runs, and the page says so', async () => {
    await writeRuns(folder, [{ ...TABLE, networks: ['a'], epochs: 2 }]);
    const rows = await readLedger(folder);
    await writeFile(join(folder, 'ledger.csv'), 'a,b\n1,2\n');
    const { ledger, problems } = await writeSite(folder, join(folder, 'site'));
    expect(ledger.map(({ hash, top1 }) => [hash, top1])).to.have.deep.members(
      rows.map(({ hash, top1 }) => [hash, top1]),
    );
    expect(problems.join()).to.match(
      /other columns than this version writes.*Its rows are taken from the runs' folders/,
    );
  });

  it('that is damaged in parts gives a page that says so', async () => {
    await writeRuns(folder, [{ ...TABLE, networks: ['a'], epochs: 2 }]);
    await mkdir(join(folder, 'grids', 'half'), { recursive: true });
    await writeFile(join(folder, 'grids', 'half', 'grid.json'), '{"name":');
    await mkdir(join(folder, 'grids', 'none'), { recursive: true });
    await writeFile(join(folder, 'grids', 'none', 'grid.json'), '{}');
    const [hash = ''] = await readdir(join(folder, 'runs'));
    await rm(join(folder, 'runs', hash, 'result.json'));
    await writeFile(join(folder, 'runs', hash, 'failure.json'), '{"reas');
    await writeFile(join(folder, 'runs', hash, 'metrics.csv'), 'epoch,st');
    const ledger = await readFile(join(folder, 'ledger.csv'), 'utf8');
    const rows = ledger.trim().split('\n');
    await writeFile(join(folder, 'ledger.csv'), `${rows.slice(0, -1).join('\n')}\n${rows.at(-1)?.slice(0, 30)}`);
    const { problems, experiments } = await writeSite(folder, join(folder, 'site'));
    expect(problems.join('\n'))
      .to.match(/The grid half cannot be read: .*JSON/)
      .and.match(/The grid none cannot be read: .*is not a grid/)
      .and.match(/Not in the ledger: 1 finished run:/);
    const damaged = experiments[0]?.runs.find((run) => run.hash === hash);
    expect(damaged?.state)
      .to.have.property('reason')
      .that.matches(/failure\.json is damaged/);
    expect(await readFile(join(folder, 'site', 'index.html'), 'utf8')).to.contain('The grid half cannot be read');
  });
});
