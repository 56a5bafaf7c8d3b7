import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { bin, ownProcess, temporaryFolder } from './testing/commands.js';

const { fail, refconv, succeed } = ownProcess;

const SMALL = [
  '--backbone',
  'mobilenetv1',
  '--width',
  '0.0625',
  '--data',
  'synthetic',
  '--epochs',
  '1',
  '--batch-size',
  '50',
];

describe('train --processes', () => {
  const at = temporaryFolder();

  it('trains as one does, with one output and one folder', () => {
    const sync = [...SMALL, '--sync-batch-norm', '--learning-rate', '1e-5'];
    const printed = succeed('train', ...sync, '--processes', '2', '--output', at('two'));
    expect(printed.match(/^Model folder: /gm)).to.have.length(1);
    succeed('train', ...sync, '--output', at('one'));
    const files = (name: string) => readdirSync(at(name)).sort();
    expect(files('two')).to.deep.equal(files('one'));
    const [two, one] = ['two', 'one'].map((name) => {
      const [header = '', row = ''] = readFileSync(at(name, 'metrics.csv'), 'utf8').trim().split('\n');
      return Object.fromEntries(header.split(',').map((column, i) => [column, Number(row.split(',')[i])]));
    });
    // So narrow a network carries the last bits of its first layers into the third digit of its loss.
    expect(two?.train_loss).to.be.closeTo(one?.train_loss as number, 0.02);
    const images = (name: string) => readFileSync(at(name, 'predictions.csv'), 'utf8').split('\n').length;
    expect(images('two')).to.equal(images('one'));
  });

  it('says once what is wrong', () => {
    const odd = refconv('train', ...SMALL, '--batch-size', '49', '--processes', '2', '--output', at('odd'));
    expect(odd.status).to.equal(1);
    expect(odd.stderr.match(/2 workers cannot share a --batch-size of 49 evenly/g)).to.have.length(1);
    expect(odd.stderr).to.not.contain('Worker');
    expect(existsSync(at('odd', 'model'))).to.equal(false);
    expect(fail('train', ...SMALL, '--skip-broken', '--processes', '2', '--output', at('skip'))).to.contain(
      'do not go together',
    );
  });

  it('stops as a whole at Ctrl-C, with a checkpoint, and says so once', async () => {
    const more = ['--epochs', '500', '--sync-batch-norm', '--processes', '2', '--output', at('stopped')];
    const child = spawn(process.execPath, [bin, 'train', ...SMALL, ...more]);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
        // Once: a second one ends it at once.
        if (/epoch 1\/500: /.test(said) && !child.killed) child.kill('SIGINT');
      });
    const [status] = await once(child, 'close');
    expect(status, said).to.equal(130);
    expect(said.match(/Stopping after this step, with a checkpoint/g)).to.have.length(1);
    expect(readdirSync(at('stopped')).some((name) => name.startsWith('step-'))).to.equal(true);
  });
});
