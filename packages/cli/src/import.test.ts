/** Files of a user's own, which lie outside of the project: those of docs/own.md. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type LedgerRow, readLedger, scoreOfRow } from '@refconv/runs';
import { expect } from 'chai';
import { program } from './program.js';
import { ownProcess, temporaryFolder } from './testing/commands.js';

const { fail, refconv, succeed } = ownProcess;

const DOCS = readFileSync(fileURLToPath(new URL('../../../docs/own.md', import.meta.url)), 'utf8');
const TRAINING = ['--data', 'stripes', '--epochs', '2', '--batch-size', '32', '--learning-rate', '0.05', '--seed', '3'];

describe('--import', () => {
  const at = temporaryFolder();
  const imports = (...names: string[]) => names.flatMap((name) => ['--import', at(`${name}.mjs`)]);
  const own = () => imports('twoBranches', 'tinynet', 'stripes');

  before(() => {
    const blocks = [...DOCS.matchAll(/^```js\n\/\/ (\w+\.mjs)\n([\s\S]*?)^```$/gm)];
    expect(blocks.map(([, name]) => name)).to.deep.equal([
      'twoBranches.mjs',
      'tinynet.mjs',
      'stripes.mjs',
      'grey.mjs',
      'topTwo.mjs',
    ]);
    for (const [, name = '', code = ''] of blocks) writeFileSync(at(name), code);
  });

  it('trains, merges, converts and reports an eighth method on a thirteenth network and data of one’s own', () => {
    const network = ['--backbone', 'tinynet'];
    succeed('train', ...imports('tinynet', 'stripes'), ...network, ...TRAINING, '--output', at('plain'));
    const method = ['--method', 'two-branches', '--option', 'factor=0.1'];
    const printed = succeed('train', ...own(), ...network, ...method, ...TRAINING, '--output', at('own'));
    expect(printed).to.contain('stripes: 128 training and 64 test images of 16×16');
    const { modelTopology, userDefinedMetadata } = JSON.parse(readFileSync(at('own/model/model.json'), 'utf8'));
    expect(JSON.stringify(modelTopology)).to.contain('"TwoBranchesConv2D"').and.contain('"factor":0.1');
    expect(userDefinedMetadata.refconv.imports.map(({ file }: { file: string }) => file)).to.have.members([
      at('twoBranches.mjs'),
      at('tinynet.mjs'),
    ]);

    // What is not imported is said, with the file.
    expect(fail('merge', '--model', at('own/model'), '--output', at('merged'))).to.contain(
      `the layer TwoBranchesConv2D is not known: it is of a file of its own, which is given by --import ${at('twoBranches.mjs')}`,
    );
    succeed('merge', ...imports('twoBranches'), '--model', at('own/model'), '--output', at('merged'));
    const evaluated = (...args: string[]) =>
      JSON.parse(succeed('evaluate', ...args, '--data', 'stripes', '--json')) as { loss: number };
    const merged = evaluated(...imports('stripes'), '--model', at('merged'));
    expect(merged.loss).to.be.closeTo(evaluated(...own(), '--model', at('own/model')).loss, 1e-5);

    // The same by another file of that name, which is told.
    mkdirSync(at('changed'));
    writeFileSync(at('changed/twoBranches.mjs'), `${readFileSync(at('twoBranches.mjs'), 'utf8')}// changed\n`);
    const changed = ['--import', at('changed/twoBranches.mjs'), '--model', at('own/model'), '--output', at('other')];
    expect(refconv('merge', ...changed).stderr).to.contain(`${at('twoBranches.mjs')} has changed since the model in`);

    succeed('convert', '--model', at('merged'), '--output', at('merged.safetensors'));
    const weights = ['--weights', at('merged.safetensors')];
    succeed('convert', ...imports('tinynet'), ...network, ...weights, '--output', at('again'));
    expect(evaluated(...imports('stripes'), '--model', at('again')).loss).to.be.closeTo(merged.loss, 1e-6);

    succeed('report', 'compare', at('plain'), at('own'), '--output', at('page'));
    expect(readFileSync(at('page/index.html'), 'utf8')).to.contain('own');
  });

  it('trains for a task of one’s own, whose runs are compared by its score', async () => {
    const all = imports('tinynet', 'stripes', 'topTwo');
    const method = ['--method', 'refconv', '--task', 'top-two', '--output', at('runs/task')];
    const said = succeed('train', ...all, '--backbone', 'tinynet', ...TRAINING, ...method);
    // There are two classes.
    expect(said).to.contain('Test images after the last epoch: top-2 1, top-1 ');
    expect(said).to.contain('Best epoch by test images: 1, top-2 100.00 %');
    const result = JSON.parse(readFileSync(at('runs/task/result.json'), 'utf8'));
    expect(result).to.include({ score: 1, mergedScore: 1 }).and.to.include.keys('top1');
    expect(result.spec.imports.map(({ file }: { file: string }) => file)).to.include(at('topTwo.mjs'));
    const [row] = await readLedger(at('runs'));
    expect(row).to.include({ task: 'top-two', score: '1', merged_score: '1' });
    expect(scoreOfRow(row as LedgerRow)).to.equal(1);
    succeed('report', 'compare', at('runs/task'), '--output', at('runs/page'));
    expect(readFileSync(at('runs/page/index.html'), 'utf8')).to.contain('100.00 %');
    const again = succeed('evaluate', ...all, '--model', at('runs/task/merged'), '--data', 'stripes');
    expect(again).to.match(/^top-2 1, top-1 .*images/);
    const wrong = fail('train', ...all, '--backbone', 'tinynet', ...TRAINING, '--task', 'top-to', '--output', at('no'));
    expect(wrong).to.contain("There is no task 'top-to'. Did you mean top-two?");
  });

  it('makes a transform known to the threads that load', () => {
    const transform = ['--transform', 'centerCrop(16)|grey(1)|normalize(half)', '--output', at('sheet.png')];
    succeed('data', 'show', ...imports('stripes', 'grey'), '--data', 'stripes', '--images', '4', ...transform);
    expect(
      fail('data', 'show', ...imports('stripes'), '--data', 'stripes', ...transform.with(-1, at('b.png'))),
    ).to.match(/"grey\(1\)" is not known\. There are/);
  });

  it('names the nearest id for one that no file registers', () => {
    const info = (...args: string[]) => fail('info', ...own(), ...args);
    expect(info('--backbone', 'tinynett')).to.contain("There is no backbone 'tinynett'. Did you mean tinynet?");
    const train = ['--backbone', 'tinynet', ...TRAINING, '--method', 'two-branch', '--output', at('none')];
    expect(fail('train', ...own(), ...train)).to.contain("no method 'two-branch'. Did you mean two-branches?");
  });

  it('refuses a file that is missing, fails, registers nothing, or registers what there is', () => {
    const importing = (name: string, code?: string) => {
      if (code !== undefined) writeFileSync(at(name), code);
      return fail('info', '--import', at(name), '--backbone', 'resnet18');
    };
    expect(importing('missing.mjs')).to.contain(`there is no file ${at('missing.mjs')}`);
    expect(importing('throws.mjs', "throw new Error('no luck');")).to.match(
      /throws\.mjs fails as it is loaded: no luck\.$/m,
    );
    expect(importing('wrong.mjs', 'const = 1;')).to.match(/wrong\.mjs fails as it is loaded/);
    expect(importing('empty.mjs', 'export {};')).to.match(
      /empty\.mjs registers nothing: expected a call of registerMethod/,
    );
    const again = "import { acb, registerMethod } from '@refconv/refconv';\nregisterMethod('acb', acb);";
    expect(importing('again.mjs', again)).to.contain("The method 'acb' is registered already; choose another id");
    mkdirSync(at('folder.mjs'));
    expect(importing('folder.mjs')).to.contain('is a folder; expected a file');
  });

  it('is an option of all commands that open a network or data', () => {
    const commands = program().commands.flatMap((each) => (each.commands.length > 0 ? each.commands : [each]));
    const importing = commands.filter(({ options }) => options.some(({ long }) => long === '--import'));
    const opening = commands.filter(({ options }) =>
      options.some(({ long }) => /^--(model|backbone|data)$/.test(long ?? '')),
    );
    expect(importing).to.have.members(opening);
    expect(importing.length).to.be.above(10);
    // Twice the same file is one import.
    const twice = refconv('info', ...imports('tinynet', 'tinynet'), '--backbone', 'tinynet', '--json');
    expect([twice.status, JSON.parse(twice.stdout).convolutions]).to.deep.equal([0, 2]);
  });
});

describe('a script of experiments/', () => {
  const at = temporaryFolder();
  it('plans runs that hold the files which they need, and no others', () => {
    const script = fileURLToPath(new URL('../../../experiments/dist/ablations.js', import.meta.url));
    for (const [, name = '', code = ''] of DOCS.matchAll(/^```js\n\/\/ (tinynet\.mjs|stripes\.mjs)\n([\s\S]*?)^```$/gm))
      writeFileSync(at(name), code);
    const plan = (...more: string[]) => {
      const args = [
        script,
        '--preset',
        'smoke',
        '--plan',
        '--import',
        at('tinynet.mjs'),
        '--import',
        at('stripes.mjs'),
      ];
      const { stdout, stderr } = spawnSync(process.execPath, [...args, ...more], { encoding: 'utf8' });
      expect(stderr).to.equal('');
      return Object.values((JSON.parse(stdout) as { runs: Record<string, { imports?: { file: string }[] }> }).runs);
    };
    for (const { imports } of plan()) expect(imports).to.equal(undefined);
    for (const { imports } of plan('--set', 'networks=[{"id":"tinynet"}]'))
      expect(imports?.map(({ file }) => file)).to.deep.equal([at('tinynet.mjs')]);
  });
});
