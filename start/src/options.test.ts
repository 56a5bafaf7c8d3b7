import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { DEFAULTS, defaultFolder, HELP, readOptions, settle } from './options.js';

describe('the options of npm start', () => {
  it('have defaults, which the help names', () => {
    const options = readOptions([]);
    expect(options).to.include({ seed: 1, download: false, help: false, output: undefined });
    const { kept, train } = DEFAULTS;
    const named = [...HELP.matchAll(/\(default ([\d.]+)(?:; with train ([\d.]+))?\)/g)];
    expect(named.map(([, ...values]) => values.filter((value) => value !== undefined).map(Number))).to.deep.equal([
      [kept.epochs, train.epochs],
      [kept.images, train.images],
      [kept.batchSize, train.batchSize],
      [kept.learningRate, train.learningRate],
      [options.width],
      [options.seed],
    ]);
  });

  it('begin with the baseline that is kept, where it fits', () => {
    const settled = (data: string, ...args: string[]) => settle(readOptions(args), data);
    expect(settled('cifar10')).to.include({ baseline: 'kept', ...DEFAULTS.kept });
    expect(settled('cifar10', '--epochs=3')).to.include({ ...DEFAULTS.kept, epochs: 3 });
    for (const other of [
      settled('synthetic'),
      settled('cifar10', '--width=0.5'),
      settled('cifar10', '--baseline=train'),
    ])
      expect(other).to.include({ baseline: 'train', ...DEFAULTS.train });
    expect(() => settled('synthetic', '--baseline=kept')).to.throw(
      '--baseline kept is of CIFAR-10 and width 0.25; there are synthetic and width 0.25.',
    );
  });

  it('give every run a folder of its own', () => {
    const folders = [[], ['--seed=2'], ['--epochs=3'], ['--images=9'], ['--batch=8'], ['--rate=1'], ['--width=1']].map(
      (args) => defaultFolder('cifar10', settle(readOptions(args), 'cifar10')),
    );
    expect(new Set([...folders, defaultFolder('synthetic', settle(readOptions([]), 'synthetic'))]).size).to.equal(8);
  });

  for (const [args, message] of [
    [['--epochs', '0'], "--epochs must be an integer from 1; given '0'."],
    [['--images', '1.5'], "--images must be an integer from 1; given '1.5'."],
    [['--baseline', 'other'], "--baseline must be kept or train; given 'other'."],
    [['--batch', ''], "--batch must be an integer from 1; given ''."],
    [['--rate=-1'], "--rate must be a number above 0; given '-1'."],
    [['--width', 'wide'], "--width must be a number above 0; given 'wide'."],
    [['--seed', '0.5x'], "--seed must be an integer from 0; given '0.5x'."],
    [['--output', ''], "--output must be a folder's path; given ''."],
    [['--epoch', '3'], "Unknown option '--epoch'"],
  ] as const) {
    it(`refuse ${args.join(' ')}`, () => {
      expect(() => readOptions([...args])).to.throw(message);
    });
  }

  it('reach the program', () => {
    const program = fileURLToPath(new URL('main.js', import.meta.url));
    const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
    expect(run('--help')).to.include({ status: 0, stdout: `${HELP}\n` });
    const wrong = run('--seed', 'x');
    expect(wrong).to.include({ status: 1, stdout: '' });
    expect(wrong.stderr).to.equal("--seed must be an integer from 0; given 'x'.\n");
  });
});
