/// <reference lib="dom" />
import { mkdirSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { CANCELLED, LOG, markFailed, prepareRun, runFolder, stateOf } from '../folder.js';
import { type Grid, GridBuilder, writeGrid } from '../grid.js';
import { ask, browserIfAny, expectOwnHost, expectToken, knowing } from '../testing/served.js';
import { NOTES, temporaryFolder, tinyGrid, tinySpec } from '../testing/tiny.js';
import { type ServedGrids, serveGrids } from './server.js';

const MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

describe('the page of running grids', () => {
  const folder = temporaryFolder();
  let root: string;
  let served: ServedGrids;
  let grid: Grid;

  before(async () => {
    root = folder('results');
    grid = tinyGrid('two', [1, 2]);
    await writeGrid(root, grid);
    const [failed = ''] = Object.keys(grid.runs);
    await prepareRun(root, failed, grid.runs[failed] as Grid['runs'][string]);
    await markFailed(root, failed, `out of memory ${MARKUP}`);
    writeFileSync(join(runFolder(root, failed), LOG), `${'x\n'.repeat(9000)}the end ${MARKUP}\n`);
    writeFileSync(join(runFolder(root, failed), 'metrics.csv'), 'epoch,train_loss,test_top1\n1,2.5,0.25\n2,1.5,0.5\n');
    const many = new GridBuilder({ ...NOTES, name: 'many' });
    for (let seed = 1; seed <= 500; seed++) many.add('mobilenetv1', 'baseline', tinySpec(seed));
    await writeGrid(root, many.build());
    mkdirSync(join(root, 'grids', 'broken'));
    served = await serveGrids(root);
  });
  after(() => served?.close());

  it('tells grids, runs, curves and the end of a log', async () => {
    const grids = JSON.parse((await ask(served.url, '/grids')).body);
    expect(grids.map(({ name }: { name: string }) => name)).to.have.members(['two', 'many', 'broken']);
    const two = grids.find(({ name }: { name: string }) => name === 'two');
    expect(two.runs[0]).to.include({ network: 'mobilenetv1', arm: 'baseline', seed: 1, state: 'failed' });
    expect(grids.find(({ name }: { name: string }) => name === 'broken').problem).to.be.a('string');
    const { epochs, log } = JSON.parse((await ask(served.url, `/runs/${two.runs[0].hash}`)).body);
    expect(epochs).to.deep.equal([
      { epoch: '1', train_loss: '2.5', test_top1: '0.25' },
      { epoch: '2', train_loss: '1.5', test_top1: '0.5' },
    ]);
    expect(log)
      .to.match(/^x\n/)
      .and.match(/the end .*\n$/);
    expect(log.length).to.be.below(8193);
    expect((await ask(served.url, '/runs/../../etc/passwd')).status).to.equal(404);
  });

  it('is for this machine alone: no other address, host or origin', async () => {
    await expectOwnHost(served.url);
    const others = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others) {
      const failure = await fetch(`http://${address}:${served.port}/grids`).then(
        () => 'answered',
        (error: Error) => error.message,
      );
      expect(failure, address).not.to.equal('answered');
    }
  });

  it('stops and retries for who knows the token', async () => {
    const [hash = ''] = Object.keys(grid.runs);
    const spec = grid.runs[hash] as Grid['runs'][string];
    const path = `/retry?grid=two&run=${hash}`;
    const known = knowing(served.url);
    await expectToken(served.url, path);
    expect((await ask(served.url, path, known, 'GET')).status).to.equal(404);
    expect((await ask(served.url, '/retry?grid=../two', known, 'POST')).status).to.equal(404);
    expect((await stateOf(root, hash, spec)).state).to.equal('failed');
    expect(await ask(served.url, path, known, 'POST')).to.deep.equal({ status: 200, body: '{"runs":1}' });
    expect((await stateOf(root, hash, spec)).state).to.equal('waiting');
    await ask(served.url, `/stop?grid=two&run=${hash}`, known, 'POST');
    expect((await stateOf(root, hash, spec)).state).to.equal('cancelled');
    expect(CANCELLED).to.be.a('string');
    await markFailed(root, hash, `out of memory ${MARKUP}`);
  });

  it('says that a port is taken', async () => {
    const failure = await serveGrids(root, { port: served.port }).catch((error: Error) => error.message);
    expect(failure).to.equal(`The port ${served.port} is taken; give another by --port.`);
  });

  describe('in a browser', () => {
    let browser: Browser;
    let stop = async () => {};
    before(async function () {
      const started = await browserIfAny();
      if (!started) return this.skip();
      ({ browser, stop } = started);
    });
    after(() => stop());

    it('shows 506 runs at once, every text as text, and retries by its buttons', async () => {
      const page = await browser.newPage();
      const said: string[] = [];
      page.on('console', (message) => said.push(message.text()));
      page.on('pageerror', (error) => said.push(error.message));
      const begin = performance.now();
      await page.goto(served.url);
      await page.waitForFunction(() => document.querySelectorAll('tr[data-hash]').length === 506);
      expect(performance.now() - begin).to.be.below(10_000);
      // No task of the page keeps its reader waiting, while it looks again and again.
      const longest = await page.evaluate(async () => {
        let longest = 0;
        for (let last = performance.now(), end = last + 3000; last < end; ) {
          await new Promise(requestAnimationFrame);
          const now = performance.now();
          [longest, last] = [Math.max(longest, now - last), now];
        }
        return longest;
      });
      expect(longest).to.be.below(1000);
      const [hash = ''] = Object.keys(grid.runs);
      // Of two grids that share it.
      const row = page.locator(`tr[data-hash="${hash}"]`).first();
      expect(await row.textContent()).to.include(MARKUP);
      await row.locator('button.run').click();
      await page.waitForSelector('#detail polyline');
      expect(await page.locator('#detail pre').textContent()).to.include(`the end ${MARKUP}`);
      expect(await page.locator('#detail polyline').count()).to.equal(2);
      expect(await page.title()).to.equal('RefConv: running grids');
      await row.getByRole('button', { name: 'retry' }).click();
      await page.waitForFunction(
        (of) => document.querySelector(`tr[data-hash="${of}"]`)?.textContent?.includes('waiting'),
        hash,
      );
      expect(said).to.deep.equal([]);
      await page.goto('about:blank');
      await page.goto(`http://127.0.0.1:${served.port}/`);
      await page.waitForSelector('tr[data-hash]');
      expect(await page.getByRole('button', { name: 'stop' }).count()).to.equal(0);
      await page.close();
    });
  });
});
