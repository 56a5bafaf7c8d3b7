import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BACKBONES } from '@refconv/backbones';
import { tf } from '@refconv/tensorflow';
import { loadModel, lockTraining, saveModel } from '@refconv/training';
import { readWeights, torchState, writeWeights } from '@refconv/weights';
import { expect } from 'chai';
import { writeColourFolder } from '../../datasets/dist/loader/testing.js';
import { program } from './program.js';
import { bin, fail, succeed, temporaryFolder } from './testing/commands.js';

describe('refconv', () => {
  it('explains each command, with examples that its options allow', () => {
    const root = program();
    expect(root.commands.map((command) => command.name())).to.have.members(
      'train recipe refocus merge evaluate attack predict features convert info export logits losses detections metric data report experiment'.split(
        ' ',
      ),
    );
    const single = root.commands.filter(({ commands }) => commands.length === 0);
    const grouped = root.commands.filter((command) => ['metric', 'data', 'report'].includes(command.name()));
    for (const command of [...single, ...grouped.flatMap(({ commands }) => commands)]) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      const lines = help.split('\n').filter((line) => line.startsWith('  $ refconv '));
      expect(lines.length, command.name()).to.be.at.least(1);
      for (const line of lines) {
        expect(line).to.match(new RegExp(`^  \\$ refconv (metric |data |report )?${command.name()}( |$)`));
        const names = command.options.map(({ long }) => long);
        for (const option of line.match(/--[a-z-]+/g) ?? []) expect(names, line).to.include(option);
      }
    }
  });

  it('lists the commands of groups in its overview, and helps with each', () => {
    const overview = succeed('--help');
    for (const name of [
      'train',
      'data verify',
      'data show',
      'report compare',
      'experiment status',
      'experiment cancel',
    ])
      expect(overview).to.match(new RegExp(`^  ${name} `, 'm'));
    expect(succeed('help', 'data', 'verify'))
      .to.equal(succeed('data', 'verify', '--help'))
      .and.contain('Usage: refconv data verify');
    expect(succeed('help', 'train')).to.equal(succeed('train', '--help'));
  });

  it('refuses to train where another process does, and names its own options', async () => {
    const args = ['train', '--backbone', 'mobilenetv1', '--width', '0.0625', '--data', 'synthetic', '--epochs', '1'];
    const output = mkdtempSync(join(tmpdir(), 'refconv-taken-'));
    const lock = await lockTraining(output);
    try {
      expect(fail(...args, '--output', output)).to.match(
        new RegExp(`Process ${process.pid} on .* trains into ${output}`),
      );
      expect(readdirSync(output).filter((name) => !name.startsWith('training.'))).to.deep.equal([]);
    } finally {
      await lock.release();
    }
    const message = fail(...args, '--batch-size', '9999', '--output', output);
    expect(message).to.contain('--batch-size 9999 is more than the').and.contain('--keep-last-batch');
    // What failed before its first step binds nobody.
    succeed(...args, '--batch-size', '500', '--learning-rate', '0.02', '--output', output);
    rmSync(output, { recursive: true });
  });

  it('names what is wrong with the command line, and the nearest right one', () => {
    expect(fail('evaluat')).to.match(/unknown command 'evaluat'\s+\(Did you mean evaluate\?\)/);
    expect(fail('info', '--backbon', 'x')).to.match(/Did you mean --backbone\?/);
    expect(fail('info', '--backbone', 'mobilenetv3')).to.match(/no backbone 'mobilenetv3'\. Did you mean mobilenetv/);
    expect(fail('info')).to.match(/Which network\? Give --model DIR, or --backbone ID/);
    expect(fail('info', '--backbone', 'resnet18', '--width', '2')).to.match(
      /resnet18 takes no option 'width'; it takes/,
    );
    expect(fail('info', '--backbone', 'mobilenetv1', '--width', '-1')).to.match(
      /Expected a number above 0; given '-1'/,
    );
    expect(fail('evaluate', '--backbone', 'resnet18', '--data', 'cifar11')).to.match(
      /no data set 'cifar11'\. Expected cifar10:DIR/,
    );
    expect(fail('losses', '--backbone', 'resnet18', '--input', 'x', '--labels', '1,a')).to.match(
      /integers from 0 .*given '1,a'/,
    );
  });
});

describe('refconv info', () => {
  it('counts a network, and what RefConv makes of it', () => {
    const args = ['info', '--backbone', 'mobilenetv1', '--variant', 'cifar', '--json'];
    const described = JSON.parse(succeed(...args));
    expect(described).to.include({ parameters: 3_217_226, macs: 46_354_432, convolutions: 14, learned: 25_114_464 });
    expect(described.trainable).to.equal(3_217_226 - described.frozen + 25_114_464);
    expect(described.layers[0]).to.include({ name: 'conv_stem', kernel: '3×3×3×32', stride: '1×1' });
    const narrowed = JSON.parse(succeed(...args, '--select', 'conv_dw$', '--map-kernel', '1'));
    expect(narrowed).to.include({ convolutions: 13, learned: (25_114_464 - 864) / 9 });
    const branched = JSON.parse(succeed('info', '--backbone', 'mobilenetv2', '--method', 'acb', '--json'));
    expect(branched).to.include({ method: 'ACB', trainable: 3_576_936, training_macs: 321_810_560 });
  });

  it('lists all networks with the numbers that they are known by, as JSON or CSV', () => {
    const rows = JSON.parse(succeed('info', '--all', '--json')) as Record<string, unknown>[];
    const csv = succeed('info', '--all', '--csv', '--variant', 'cifar').trim().split('\n');
    for (const [i, [network, { sizes = {} }]] of BACKBONES.entries().entries()) {
      const { imagenet, cifar } = sizes;
      const { parameters, macs, frozen: basis, learned: map } = rows[i] ?? {};
      if (imagenet) expect({ parameters, macs, basis, map }, network).to.deep.equal(imagenet);
      expect(csv[i + 1]).to.match(new RegExp(`^${network},${cifar?.parameters},${cifar?.macs},`));
    }
    expect(csv[0]).to.equal(Object.keys(rows[0] as object).join(','));
    expect(csv.length).to.equal(1 + rows.length);
  });
});

describe('a whole job by the command', () => {
  const at = temporaryFolder();
  const quick = ['--data', 'synthetic', '--epochs', '1', '--batch-size', '32', '--learning-rate', '0.05'];
  const network = ['--backbone', 'resnet20_cifar', '--classes', '3'];
  const images = () => ['--data', `folder:${at('images')}`];
  before(async () => {
    await writeColourFolder(at('images/train'), 80);
    await writeColourFolder(at('images/val'), 20);
  });

  it('trains, refocuses, trains on, merges, converts and evaluates, and the accuracies agree', async function () {
    this.timeout(600_000);
    const learning = [...images(), '--epochs', '3', '--batch-size', '16', '--learning-rate', '0.02'];
    succeed('train', ...network, ...learning, '--output', at('baseline'));
    expect(readFileSync(at('baseline', 'metrics.csv'), 'utf8').trim().split('\n').length).to.equal(4);
    const predictions = readFileSync(at('baseline', 'predictions.csv'), 'utf8').trim().split('\n');
    expect(predictions[0]).to.equal('index,label,prediction,confidence,rank,loss,file');
    succeed('report', 'compare', at('baseline'), '--output', at('comparison'));
    const [header = [], ...rows] = readFileSync(at('baseline', 'metrics.csv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const top1 = Number(rows.at(-1)?.[header.indexOf('test_top1')]);
    expect(readFileSync(at('comparison', 'index.html'), 'utf8')).to.contain(`<td>${(100 * top1).toFixed(2)} %</td>`);
    const right = predictions.slice(1).filter((line) => line.split(',')[1] === line.split(',')[2]);
    expect(right.length / (predictions.length - 1)).to.be.closeTo(top1, 1e-6);
    expect(fail('train', ...network, ...learning, '--output', at('baseline'))).to.match(/is finished/);

    const [baseline, refocused, merged] = [at('baseline', 'model'), at('refconv', 'model'), at('merged')];
    succeed('refocus', '--model', baseline, '--init', 'zero', '--output', at('start'));
    succeed('train', '--model', at('start'), ...learning, '--output', at('refconv'));
    succeed('merge', '--model', refocused, '--output', merged);
    succeed('convert', '--model', merged, '--output', at('merged.safetensors'));
    const evaluate = (...source: string[]) => JSON.parse(succeed('evaluate', ...source, ...images(), '--json'));
    const accuracy = evaluate('--model', refocused);
    expect(accuracy.top1).to.equal(accuracy.correct / accuracy.count);
    // All are right with each of several seeds; by chance a third is.
    expect(top1).to.be.above(0.8);
    expect(accuracy.top1).to.be.above(0.8);
    expect(evaluate('--model', merged).loss).to.be.closeTo(accuracy.loss, 1e-4);
    const { seconds: _, ...same } = evaluate('--model', merged);
    expect(evaluate(...network, '--weights', at('merged.safetensors'))).to.deep.include(same);
    expect(evaluate('--model', at('start')).loss).to.equal(evaluate('--model', baseline).loss);

    // The merged model is the baseline's in everything but the kernels' values.
    const [plain, result] = await Promise.all([loadModel(baseline), loadModel(merged)]);
    expect(result.model.toJSON(undefined, false)).to.deep.equal(plain.model.toJSON(undefined, false));
    expect(result.notes).to.deep.equal(plain.notes);
    plain.model.dispose();
    result.model.dispose();
  });

  it('merges a state_dict of RefConv, and gives the keys of the plain network', async () => {
    const { model } = await loadModel(at('refconv', 'model'));
    const state = torchState(model);
    model.dispose();
    await writeWeights(at('refconv.safetensors'), state);
    succeed('merge', ...network, '--weights', at('refconv.safetensors'), '--output', at('again.safetensors'));
    const [again, merged] = [await readWeights(at('again.safetensors')), await readWeights(at('merged.safetensors'))];
    expect([...again.keys()]).to.deep.equal([...merged.keys()]);
    for (const [key, { data }] of again)
      expect(Buffer.from(data.buffer).equals(Buffer.from(merged.get(key)?.data.buffer as ArrayBuffer)), key).to.equal(
        true,
      );
    expect(fail('merge', ...network, '--weights', at('merged.safetensors'), '--output', at('no'))).to.match(
      /no re-parameterised layer to merge/,
    );
  });

  it('goes on by the same command after it was interrupted, and refuses another one', async () => {
    const args = [
      'train',
      '--backbone',
      'mobilenetv1',
      '--width',
      '0.0625',
      '--data',
      'synthetic',
      '--batch-size',
      '64',
      '--output',
      at('stopped'),
    ];
    succeed(...args, '--epochs', '1');
    rmSync(at('stopped', 'model'), { recursive: true });
    expect(succeed(...args, '--epochs', '1')).to.match(/Going on from step/);
    rmSync(at('stopped', 'model'), { recursive: true });
    expect(fail(...args, '--epochs', '2')).to.match(
      /holds a run that differs from this one: recipe\.epochs is 1 there, 2 here/,
    );
  });

  it('chooses by validation images where it is told to, and measures the test images once', () => {
    const args = ['train', '--backbone', 'mobilenetv1', '--width', '0.0625', ...quick, '--output', at('held')];
    expect(fail(...args, '--validation', '5000')).to.contain('5000 images cannot be held out');
    const said = succeed(...args, '--epochs', '2', '--validation', '4000');
    expect(said).to.contain('1000 training, 4000 validation and 1000 test images');
    const [header = [], first = [], second = []] = readFileSync(at('held', 'metrics.csv'), 'utf8')
      .split('\n')
      .map((line) => line.split(','));
    const column = (row: string[], name: string) => row[header.indexOf(name)] as string;
    expect(column(first, 'test_top1')).to.equal('');
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
    expect(said).to.contain(`Test images after the last epoch: top-1 ${percent(Number(column(second, 'test_top1')))}`);
    const best = Math.max(...[first, second].map((row) => Number(column(row, 'validation_top1'))));
    expect(said).to.match(new RegExp(`Best epoch by validation images: [12], top-1 ${percent(best)}`));
    succeed('report', 'compare', at('held'), '--output', at('held', 'page'));
    expect(readFileSync(at('held', 'page', 'index.html'), 'utf8')).to.contain('validation accuracy');
  });

  it('has no accuracy where outputs are no numbers', async () => {
    const { model, notes } = await loadModel(at('baseline', 'model'));
    tf.tidy(() => model.setWeights(model.getWeights().map((weight) => tf.fill(weight.shape, 1e30))));
    await saveModel(model, at('broken'), notes);
    model.dispose();
    expect(fail('evaluate', '--model', at('broken'), ...images(), '--json')).to.match(
      /No accuracy: .* NaN or infinite for 60 of 60 images/,
    );
  });

  it('stops where the loss is no number, and keeps the checkpoint from before', () => {
    const message = fail(
      'train',
      '--backbone',
      'mobilenetv1',
      '--width',
      '0.0625',
      ...quick,
      '--learning-rate',
      '1e30',
      '--warm-up-epochs',
      '0',
      '--output',
      at('diverged'),
    );
    expect(message).to.match(
      /The loss became (NaN|Infinity) .*The checkpoint of step \d+ is kept.*lower --learning-rate/s,
    );
    expect(existsSync(at('diverged', 'model'))).to.equal(false);
  });
});

describe('files that cannot be used', () => {
  const at = temporaryFolder();
  const network = ['--backbone', 'mobilenetv1', '--width', '0.25', '--classes', '10'];

  it('are named, with what is wrong', async () => {
    const convert = (weights: string) => fail('convert', ...network, '--weights', weights, '--output', at('out'));
    expect(convert(at('missing.pth'))).to.match(/Weights cannot be read from .*missing\.pth/);
    const header = Buffer.from('{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(at('lies.safetensors'), Buffer.concat([length, header, Buffer.alloc(8)]));
    expect(convert(at('lies.safetensors'))).to.match(/lies\.safetensors/);
    // What Python's pickle.loads would run: os.system('false').
    writeFileSync(at('code.pth'), Buffer.from('\x80\x02cos\nsystem\nX\x05\x00\x00\x00false\x85R.', 'latin1'));
    expect(convert(at('code.pth'))).to.match(/code\.pth\..*system/s);
    await writeWeights(
      at('other.safetensors'),
      new Map([['conv_stem.weight', { shape: [1], data: new Float32Array(1) }]]),
    );
    expect(convert(at('other.safetensors'))).to.match(
      /missing: bn1\.weight.*of another shape: conv_stem\.weight: given \[1\], expected \[8,3,3,3\]/s,
    );
    expect(existsSync(at('out'))).to.equal(false);
  });

  it('are refused as outputs before any work', () => {
    const convert = (output: string) => fail('convert', ...network, '--weights', at('missing.pth'), '--output', output);
    mkdirSync(at('there'));
    expect(convert(at('there'))).to.match(/there exists already; choose another name/);
    expect(convert(at('weights.pth'))).to.match(/the output is a model folder, or a file that ends in \.safetensors/);
    writeFileSync(at('file'), '');
    expect(fail('refocus', '--backbone', 'mobilenetv1', '--width', '0.0625', '--output', at('file', 'model'))).to.match(
      /Making the folder .*file failed: a file is in its place/,
    );
  });

  it('do not spoil the exit status when the reader of a pipe leaves', () => {
    // `true` has left before the command writes.
    const { status, stderr } = spawnSync('bash', [
      '-c',
      'set -o pipefail; "$0" "$1" --help | true',
      process.execPath,
      bin,
    ]);
    expect(stderr.toString()).to.equal('');
    expect(status).to.equal(0);
  });

  it('of runs to compare are named', () => {
    expect(fail('report', 'compare', at('nowhere'))).to.match(/There is no run .*nowhere: no such folder/);
    expect(fail('report', 'compare', at())).to.match(/is no run: it has no metrics\.csv/);
    expect(fail('report', 'compare', at(), '--names', 'a,,b')).to.match(/Expected names with commas between/);
    expect(fail('report', 'compare')).to.match(/missing required argument 'runs'/);
  });

  it('of CIFAR-10 that are cut off are named', () => {
    mkdirSync(at('cifar-10-batches-bin'));
    writeFileSync(at('cifar-10-batches-bin', 'test_batch.bin'), Buffer.alloc(3073));
    const message = fail('evaluate', '--backbone', 'resnet20_cifar', '--data', `cifar10:${at()}`);
    expect(message).to.match(/has 1 of CIFAR-10's 6 files; missing: data_batch_1\.bin/);
  });
});
