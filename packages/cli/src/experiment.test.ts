/** `refconv experiment`: what is printed, Ctrl-C, and the exit status; what it does with runs is tested where that is. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Grid,
  GridBuilder,
  gridStatus,
  paperRecipe,
  planGrid,
  runFolder,
  type SpecInput,
  statusText,
} from '@refconv/runs';
import { expect } from 'chai';
import { bin, ownProcess, temporaryFolder } from './testing/commands.js';

const { fail, refconv, succeed } = ownProcess;

/** A baseline and RefConv that starts from it, on drawn pictures. */
function gridOf(name: string, recipe: Parameters<typeof paperRecipe>[0]): Grid {
  const about = {
    experiment: 'tiny',
    preset: 'smoke',
    kind: 'table',
    changed: null,
    question: 'None.',
    baseline: 'baseline',
  } as const;
  const grid = new GridBuilder({ ...about, name });
  const spec: SpecInput = {
    network: { id: 'mobilenetv1', variant: 'cifar', width: 1 / 16 },
    data: { name: 'synthetic', train: 32, test: 20, size: 16 },
    recipe: paperRecipe({ epochs: 1, batchSize: 16, warmUpEpochs: 0, ...recipe }),
    seed: 1,
    threads: 1,
  };
  const from = grid.add('mobilenetv1', 'baseline', spec);
  grid.add('mobilenetv1', 'refconv', { ...spec, from, method: { id: 'refconv' } });
  return grid.build();
}

describe('refconv experiment', () => {
  const at = temporaryFolder();
  const results = () => ['--results', at('results')];
  const plan = async (name: string, recipe: Parameters<typeof paperRecipe>[0] = {}) => {
    const grid = gridOf(name, recipe);
    await planGrid(at('results'), grid);
    return { grid, hashes: Object.keys(grid.runs) as [string, string] };
  };

  it('prints the status once where the output is no terminal', async () => {
    const { grid } = await plan('waits', { learningRate: 0.03 });
    const printed = () => succeed('experiment', 'status', 'waits', ...results()).trimEnd();
    expect(printed()).to.equal(statusText(grid, await gridStatus(at('results'), grid)));
    const states = () =>
      (JSON.parse(succeed('experiment', 'status', 'waits', '--json', ...results())) as { state: { state: string } }[])
        .map(({ state }) => state.state)
        .join(' ');
    expect(states()).to.equal('waiting waiting');
    expect(succeed('experiment', 'cancel', 'waits', ...results())).to.contain('2 runs cancelled');
    expect(states()).to.equal('cancelled cancelled');
    expect(succeed('experiment', 'retry', 'waits', ...results())).to.contain('2 runs will be tried again');
    const arm = grid.rows.at(-1)?.arm as string;
    expect(succeed('experiment', 'cancel', 'waits', '--arm', arm, ...results())).to.contain('1 run cancelled');
    expect(states()).to.equal('waiting cancelled');
    expect(succeed('experiment', 'retry', 'waits', '--arm', arm, ...results())).to.contain('1 run will be tried again');
    expect(states()).to.equal('waiting waiting');
    expect(fail('experiment', 'cancel', 'waits', '--arm', 'none', ...results())).to.contain(
      `The grid waits has no arm 'none'; it has`,
    );
    expect(succeed('experiment', 'clean', 'waits', ...results())).to.contain('Removed 0');
    expect(fail('experiment', 'status', 'waitz', ...results()))
      .to.contain("no grid 'waitz'")
      .and.contain('waits');
  });

  it('run tells how runs end, and a failure by the exit status', async () => {
    const { hashes } = await plan('ends');
    expect(succeed('experiment', 'run', 'ends', '--workers', '1', ...results())).to.contain('2 done, 0 failed, 0 left');
    const again = ['--published', at('results'), '--results', at('again')];
    const rerun = succeed('experiment', 'rerun', hashes[0], ...again);
    expect(rerun).to.contain('done (1 of 1)').and.contain('equal to the last bit');
    await plan('fails', { learningRate: 1e30 });
    const { status, stdout } = refconv('experiment', 'run', 'fails', '--workers', '1', ...results());
    expect(stdout).to.contain('0 done, 1 failed, 1 left');
    expect(status).to.equal(1);
  });

  it('run stops at Ctrl-C with a checkpoint, and says so', async () => {
    const { hashes } = await plan('stops', { epochs: 200, learningRate: 0.01 });
    const child = spawn(process.execPath, [bin, 'experiment', 'run', 'stops', '--workers', '1', ...results()]);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => {
        output += text;
      });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const metrics = `${runFolder(at('results'), hashes[0])}/metrics.csv`;
    while (!existsSync(metrics) || readFileSync(metrics, 'utf8').split('\n').length < 3) await sleep(50);
    child.kill('SIGINT');
    expect(await ended).to.equal(130);
    expect(output).to.contain('the same command goes on').and.contain('0 done, 0 failed, 2 left');
  });
});
