/// <reference lib="dom" />
/** The page of `train --serve`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { ask, browserIfAny, expectOwnHost, expectToken, knowing } from '../../runs/dist/testing/served.js';
import { bin, temporaryFolder } from './testing/commands.js';

describe('train --serve', () => {
  const at = temporaryFolder();
  let training: ChildProcess | undefined;
  afterEach(() => training?.kill('SIGKILL'));

  /** A training of many epochs, and what it prints. */
  function start(...more: string[]) {
    const network = ['--backbone', 'mobilenetv1', '--width', '0.0625', '--data', 'synthetic', '--epochs', '500'];
    const args = [bin, 'train', ...network, '--batch-size', '64', '--output', at('run'), ...more];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    training = child;
    let said = '';
    const read = (pattern: RegExp) =>
      new Promise<string>((done, reject) => {
        const look = () => {
          const found = pattern.exec(said);
          if (found) done(found[1] as string);
        };
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding('utf8').on('data', (text) => {
            said += text;
            look();
          });
        child.once('close', () => reject(new Error(said)));
        look();
      });
    return { child, read };
  }

  it('is a page of the run, for this machine alone, that stops it with a checkpoint for who knows the token', async () => {
    const { child, read } = start('--serve');
    const url = new URL(await read(/token to stop the training: (\S+)/));
    expect(url.hostname).to.equal('127.0.0.1');
    await read(/(epoch 1\/500: )/);
    const [grid] = JSON.parse((await ask(url, '/grids')).body);
    const [run] = grid.runs;
    expect(grid).to.include({ name: at('run'), experiment: 'refconv train', preset: 'synthetic' });
    expect(run).to.include({ network: 'mobilenetv1', arm: 'plain', seed: 1, state: 'running', epochs: 500 });
    expect(run.epoch).to.be.above(0);
    expect(run.memory).to.be.above(1e7);
    const { epochs, log } = JSON.parse((await ask(url, `/runs/${run.hash}`)).body);
    expect(epochs[0]).to.include({ epoch: '1' });
    expect(log).to.include('epoch 1/500: ');

    await expectOwnHost(url);
    const path = `/stop?grid=${encodeURIComponent(grid.name)}`;
    await expectToken(url, path);
    const known = knowing(url);
    expect((await ask(url, path.replace('stop', 'retry'), known, 'POST')).status).to.equal(405);
    expect(child.exitCode).to.equal(null);

    const closed = once(child, 'close');
    const browser = await browserIfAny();
    if (browser) {
      const shown = await browser.browser.newPage();
      await shown.goto(url.href);
      await shown.locator('button.run').click();
      await shown.waitForSelector('#detail pre');
      expect(await shown.locator('#detail pre').textContent()).to.include('epoch 1/500: ');
      await shown.getByRole('button', { name: 'stop', exact: true }).click();
      await closed;
      await browser.stop();
    } else {
      await ask(url, path, known, 'POST');
      await closed;
    }
    expect(child.exitCode).to.equal(130);
    expect(existsSync(at('run', 'metrics.csv'))).to.equal(true);
    expect(existsSync(at('run', 'model'))).to.equal(false);
    expect(await ask(url, '/grids').catch((error) => error.code)).to.equal('ECONNREFUSED');
  });
});
