/** Segmentation by the command: train, go on, evaluate, predict, refocus, merge and export. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { decodeLabelImage, encodePicture, scenes } from '@refconv/datasets';
import { expect } from 'chai';
import { fail, refconv, succeed, temporaryFolder } from './testing/commands.js';

const NETWORK = ['--task', 'segmentation', '--backbone', 'mobilenetv1', '--width', '0.125', '--seed', '1'];
const SHORT = ['--data', 'scenes', '--epochs', '1', '--batch-size', '50', '--workers', '2'];

describe('refconv for segmentation', () => {
  const at = temporaryFolder();
  const evaluate = (...args: string[]) => JSON.parse(succeed('evaluate', '--data', 'scenes', '--json', ...args));
  const lastRow = (folder: string) => {
    const [header, ...rows] = readFileSync(at(folder, 'metrics.csv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    return Object.fromEntries((header ?? []).map((name, i) => [name, Number(rows.at(-1)?.[i])]));
  };

  it('trains, evaluates and predicts', async () => {
    const printed = succeed('train', ...NETWORK, ...SHORT, '--output', at('baseline'));
    expect(printed).to.contain('scenes: 500 training, 100 validation and 100 test images of 48×48');
    expect(printed).to.match(/Test images after the last epoch: mean IoU \d+\.\d\d %, pixel accuracy/);
    const row = lastRow('baseline');
    const test = evaluate('--model', at('baseline/model'));
    expect(test.meanIou).to.equal(row.test_mean_iou);
    expect(test.loss).to.be.closeTo(row.test_loss as number, 1e-6);
    expect(test.confusion).to.have.lengthOf(6);
    const validation = evaluate('--model', at('baseline/model'), '--split', 'val');
    expect(validation.meanIou).to.equal(row.validation_mean_iou);
    expect(readFileSync(at('baseline/classes.csv'), 'utf8')).to.match(/^class,iou,accuracy,pixels\nbackground,0\.\d+/);

    mkdirSync(at('pictures'));
    const { place } = scenes({ train: 1, validation: 1, test: 2 }).test;
    const pixels = (place as Extract<typeof place, { kind: 'memory' }>).images;
    // Of another size than the network's images.
    writeFileSync(at('pictures/wide.png'), await encodePicture({ data: pixels.slice(), width: 48, height: 96 }));
    succeed('predict', '--model', at('baseline/model'), at('pictures'), '--output', at('predicted'));
    const classes = decodeLabelImage(readFileSync(at('predicted/wide.png')), 1e6);
    expect([classes.width, classes.height]).to.deep.equal([48, 96]);
    expect(Math.max(...classes.data)).to.be.below(6);
    expect(readFileSync(at('predicted/wide-colours.png')).subarray(1, 4).toString()).to.equal('PNG');
  });

  it('refocuses a trained segmenter and merges it, with the same numbers, and exports it', () => {
    succeed('refocus', '--model', at('baseline/model'), '--init', 'xavier', '--output', at('refocused'));
    succeed('merge', '--model', at('refocused'), '--output', at('merged'));
    const [refocused, merged] = ['refocused', 'merged'].map((name) => evaluate('--model', at(name)));
    expect(merged.meanIou).to.be.closeTo(refocused.meanIou, 1e-4);
    succeed('export', '--model', at('merged'), '--format', 'onnx', '--output', at('merged.onnx'));
    succeed('export', '--model', at('merged'), '--format', 'savedmodel', '--output', at('merged_savedmodel'));
    expect(fail('export', '--model', at('refocused'), '--format', 'onnx', '--output', at('x.onnx'))).to.contain(
      'merge',
    );
  });

  it('trains from a segmenter, and over a classifier’s body, with RefConv in it', () => {
    const more = [...SHORT, '--method', 'refconv', '--seed', '1', '--validation', '50', '--output'];
    succeed('train', '--task', 'segmentation', '--model', at('baseline/model'), ...more, at('within'));
    const network = ['--backbone', 'mobilenetv1', '--width', '0.125', '--classes', '7'];
    succeed('export', ...network, '--format', 'tfjs', '--output', at('classifier'));
    const printed = succeed('train', '--task', 'segmentation', '--model', at('classifier'), ...more, at('over'));
    expect(printed).to.contain('scenes: 450 training, 50 validation');
    expect(lastRow('over').test_mean_iou).to.be.above(0);
  });

  it('says what is missing or does not fit', () => {
    const says = (message: string, ...args: string[]) => expect(fail(...args)).to.contain(message);
    says('add --task segmentation', 'train', '--backbone', 'mobilenetv1', ...SHORT, '--output', at('none'));
    says('have no label images', 'train', ...NETWORK, '--data', 'synthetic', '--output', at('none'));
    says('has no --label-smoothing', 'train', ...NETWORK, ...SHORT, '--label-smoothing', '0.1', '--output', at('none'));
    says(
      'height and width, such as 180x240',
      'train',
      ...NETWORK,
      ...SHORT,
      '--image-size',
      '9',
      '--output',
      at('none'),
    );
    says('--output, a folder', 'predict', '--model', at('baseline/model'), at('pictures'));
    expect(refconv('evaluate', '--model', at('baseline/model'), '--data', 'cifar10').status).to.equal(1);
  });
});
