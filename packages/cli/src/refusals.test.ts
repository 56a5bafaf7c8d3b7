/** What the command refuses before it computes anything. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { buildBackbone } from '@refconv/backbones';
import { refocus } from '@refconv/refconv';
import { saveModel } from '@refconv/training';
import { torchState, writeWeights } from '@refconv/weights';
import { expect } from 'chai';
import type { Command } from 'commander';
import { MAX_PIXELS } from '../../datasets/dist/image/decode.js';
import { program } from './program.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

const small = { variant: 'cifar', width: 0.125, inputSize: 32, classes: 10, seed: 1 } as const;

describe('refconv refuses', () => {
  const at = temporaryFolder();
  before(async () => {
    const model = buildBackbone('mobilenetv1', small);
    const notes = { backbone: { id: 'mobilenetv1', options: small } };
    await saveModel(model, at('model'), notes);
    const refocused = await refocus(model);
    await saveModel(refocused, at('refocused'), notes);
    await writeWeights(at('refocused.safetensors'), torchState(refocused));
    model.dispose();
    refocused.dispose();
  });
  const training = () => ['train', '--model', at('model'), '--data', 'synthetic', '--epochs', '1'];

  it("a method's options without the method, or of another one", () => {
    const train = (...more: string[]) => fail(...training(), '--output', at('none'), ...more);
    for (const option of [['--init', 'zero'], ['--map-kernel', '3'], ['--trainable-basis'], ['--no-identity']])
      expect(train(...option)).to.contain(`${option[0]} is of RefConv: give --method refconv, or leave it out.`);
    expect(train('--select', 'conv')).to.contain('--select is of a method: give --method ID, or leave it out.');
    expect(train('--start', 'scratch')).to.contain('--start is of a method');
    expect(train('--method', 'acb', '--basis', 'random')).to.contain('--basis is of RefConv');
    expect(train('--method', 'wn', '--without-batch-norm', 'bias')).to.match(
      /--without-batch-norm is of structural methods, and WN is none: leave it out/,
    );
    expect(existsSync(at('none'))).to.equal(false);
    const info = ['info', '--model', at('model')];
    expect(fail(...info, '--method', 'acb', '--map-kernel', '5')).to.contain('--map-kernel is of RefConv');
    succeed(...info, '--method', 'acb', '--start', 'scratch');
    succeed(...info, '--map-kernel', '1');
  });

  it('outputs that exist', () => {
    writeFileSync(at('there'), 'mine');
    const model = ['--model', at('model')];
    const output = ['--output', at('there')];
    for (const args of [
      ['data', 'show', '--data', 'synthetic', ...output],
      ['attack', ...model, '--data', 'synthetic', '--show', at('there')],
      ['export', ...model, '--format', 'onnx', ...output],
    ])
      expect(fail(...args), args.join(' ')).to.contain(
        `${at('there')} exists already; choose another name, or remove it.`,
      );
    for (const [task, name] of [
      ['segmentation', 'a-colours.png'],
      ['detection', 'detections.json'],
    ] as const) {
      const photos = at(task);
      mkdirSync(photos);
      writeFileSync(at(task, 'a.jpg'), 'an image');
      writeFileSync(at(task, name), 'mine');
      const args = ['predict', '--task', task, '--backbone', 'mobilenetv1', at(task, 'a.jpg'), '--output', photos];
      expect(fail(...args)).to.contain(`${photos} has ${name} already; choose another --output`);
      expect(readFileSync(at(task, name), 'utf8')).to.equal('mine');
    }
  });

  it('a training, and leaves no folder behind', () => {
    expect(fail(...training(), '--batch-size', '0.5', '--output', at('runs/failed'))).to.contain('--batch-size');
    expect(fail(...training(), '--transform', 'flop', '--output', at('runs/failed'))).to.contain('flop');
    expect(existsSync(at('runs'))).to.equal(false);
    mkdirSync(at('mine'));
    fail(...training(), '--transform', 'flop', '--output', at('mine'));
    expect(readdirSync(at('mine'))).to.deep.equal([]);
  });

  it('to refocus what is refocused, and a selection of nothing, with what there is', () => {
    const train = ['train', '--model', at('refocused'), '--method', 'refconv', '--data', 'synthetic'];
    const already = 'It is re-parameterised already: train it without --method, or merge it first, by `refconv merge`.';
    expect(fail(...train, '--output', at('none'))).to.contain(already);
    expect(fail('refocus', '--model', at('refocused'), '--output', at('none'))).to.contain(already);
    for (const args of [
      ['refocus', '--model', at('model'), '--output', at('none')],
      [...training(), '--method', 'refconv', '--output', at('none')],
    ])
      expect(fail(...args, '--select', 'nothing')).to.match(
        /layers that `--select nothing` accepts\. There are conv_stem, .* and \d+ more\./,
      );
  });

  it('files that are not there, with where they were looked for', () => {
    const looked = (name: string) => `(looked for ${process.cwd()}/${name})`;
    const network = ['--backbone', 'mobilenetv1'];
    expect(fail('convert', ...network, '--weights', 'no.pth', '--output', at('none'))).to.contain(
      `Weights cannot be read from no.pth. There is no such file ${looked('no.pth')}.`,
    );
    expect(fail(...training(), '--recipe', 'no.json', '--output', at('none'))).to.contain(looked('no.json'));
    expect(fail('logits', ...network, '--input', 'no.npy', '--output', at('none'))).to.contain(
      `There is no file no.npy ${looked('no.npy')}.`,
    );
    expect(fail('metric', 'coco', '--truth', 'no.json', '--detections', 'no.json')).to.contain(looked('no.json'));
    expect(fail('data', 'verify', '--data', `folder:${at('nowhere')}`)).to.contain(
      `There is no folder ${at('nowhere')}.`,
    );
  });

  it('files that are no images, with the formats there are', () => {
    const message = fail('predict', '--model', at('model'), at('refocused.safetensors'));
    expect(message).to.contain('unsupported image format; expected one of .jpg .jpeg .png');
  });

  it('images of more pixels than its help says', () => {
    const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
    const options = all(program()).flatMap(({ options }) => options.filter(({ long }) => long === '--max-pixels'));
    expect(options.length).to.be.above(3);
    for (const { description } of options)
      expect(description).to.contain(`default: ${Math.round(MAX_PIXELS / 1e6)} million`);
  });
});
