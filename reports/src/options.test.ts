import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { defaultFolder, HELP, readOptions } from './options.js';

describe('the options of npm start', () => {
  it('have defaults, which the help names', () => {
    const options = readOptions([]);
    expect(options).to.include({ seed: 1, download: false, help: false, output: undefined });
    const { epochs, images, batchSize, learningRate, width, seed } = options;
    const named = [...HELP.matchAll(/\(default ([\d.]+)\)/g)].map(([, value]) => Number(value));
    expect(named).to.deep.equal([epochs, images, batchSize, learningRate, width, seed]);
  });

  it('give every run a folder of its own', () => {
    const folders = [[], ['--seed=2'], ['--epochs=3'], ['--images=9'], ['--batch=8'], ['--rate=1'], ['--width=1']].map(
      (args) => defaultFolder('cifar10', readOptions(args)),
    );
    expect(new Set([...folders, defaultFolder('synthetic', readOptions([]))]).size).to.equal(8);
  });

  for (const [args, message] of [
    [['--epochs', '0'], "--epochs must be an integer from 1; given '0'."],
    [['--images', '1.5'], "--images must be an integer from 1; given '1.5'."],
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
    const program = fileURLToPath(new URL('start.js', import.meta.url));
    const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
    expect(run('--help')).to.include({ status: 0, stdout: `${HELP}\n` });
    const wrong = run('--seed', 'x');
    expect(wrong).to.include({ status: 1, stdout: '' });
    expect(wrong.stderr).to.equal("--seed must be an integer from 0; given 'x'.\n");
  });
});
