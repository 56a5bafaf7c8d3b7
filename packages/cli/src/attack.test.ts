/** `attack`, and `train --adversarial`, as a user calls them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCifar10 } from '@refconv/datasets';
import { expect } from 'chai';
import { shared } from '../../backbones/dist/testing/oracle.js';
import { writeImageFolder } from '../../datasets/dist/loader/testing.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

interface Result {
  images: number;
  results: { eps: number; right: number; accuracy: number; correct: string }[];
}

describe('refconv attack', () => {
  const at = temporaryFolder();
  const network = ['--backbone', 'mobilenetv1', '--width', '0.0625'];
  const few = ['--data', 'synthetic', '--images', '12', '--eps', '0,4', '--steps', '2'];

  it('says of each eps how many images are right, and which; a model folder gives the same; shows what it did', () => {
    const { images, results }: Result = JSON.parse(succeed('attack', ...network, ...few, '--json'));
    expect(images).to.equal(12);
    expect(results.map(({ eps }) => eps)).to.deep.equal([0, 4]);
    for (const { right, accuracy, correct } of results) {
      expect(correct).to.match(/^[01]{12}$/);
      expect(right).to.equal([...correct].filter((bit) => bit === '1').length);
      expect(accuracy).to.equal(right / 12);
    }
    // W_r zero: the same network, refocused.
    succeed('refocus', ...network, '--variant', 'cifar', '--init', 'zero', '--seed', '1', '--output', at('model'));
    const model = ['--model', at('model')];
    const text = succeed('attack', ...model, ...few, '--show', at('sheet.png'));
    for (const { eps, right } of results)
      expect(text).to.contain(`eps ${eps}/255: `).and.contain(`(${right} of 12 test images)`);
    // The width and the height of a PNG stand in its header: 12 rows of three pictures of 128 pixels.
    const png = readFileSync(at('sheet.png'));
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).to.deep.equal([3 * 132 + 4, 12 * 148 + 4]);
    expect(fail('attack', ...model, ...few, '--show', at('sheet.png'))).to.contain('exists already');
  });

  it('says what it cannot do', () => {
    const refused = (...args: string[]) => fail('attack', ...network, ...args);
    expect(refused('--data', 'folder:x')).to.match(/needs images in memory, and those of folder:x stay in files/);
    expect(refused('--data', 'synthetic', '--skip', '1000')).to.match(
      /0 images after the first 1000 were asked for; there are 1000/,
    );
    expect(refused('--data', 'synthetic', '--eps', '0,-1')).to.match(/Expected numbers from 0 with commas between/);
    expect(refused('--data', 'synthetic', '--attack', 'apgd', '--start', 'random')).to.match(
      /APGD starts at the image/,
    );
    expect(refused('--data', 'synthetic', '--classes', '7')).to.match(/The model has 7 classes, synthetic has 10/);
  });

  it('decides as the reference does on real images', function () {
    const [weights, oracle] = ['data/weights/resnet20_cifar10.safetensors', 'oracles/dense/attacks.json'].map((path) =>
      join(shared, path),
    ) as [string, string];
    if (!existsSync(oracle) || !findCifar10()) this.skip();
    const real = ['--backbone', 'resnet20_cifar', '--weights', weights, '--data', 'cifar10'];
    const statistics = ['--mean', '0.485,0.456,0.406', '--std', '0.229,0.224,0.225'];
    const args = ['--attack', 'fgsm', '--eps', '0.5,2', '--skip', '10', '--images', '20', '--json'];
    const { results }: Result = JSON.parse(succeed('attack', ...real, ...statistics, ...args));
    const { fgsm } = JSON.parse(readFileSync(oracle, 'utf8')).attacks as { fgsm: { eps: number; correct: string }[] };
    for (const { eps, correct } of results)
      expect(correct).to.equal(fgsm.find((each) => each.eps === eps)?.correct.slice(10, 30));
  });

  it('trains adversarially where it is told to', async () => {
    await writeImageFolder(at('images/train'), ['ant', 'bee'], 4);
    await writeImageFolder(at('images/val'), ['ant', 'bee'], 2);
    const trained = (output: string, ...options: string[]) => {
      const small = [
        '--variant',
        'cifar',
        '--input-size',
        '32',
        '--epochs',
        '1',
        '--batch-size',
        '8',
        '--workers',
        '1',
      ];
      succeed('train', ...network, ...small, '--data', `folder:${at('images')}`, ...options, '--output', at(output));
      return readFileSync(at(output, 'metrics.csv'), 'utf8').split('\n')[1]?.split(',')[3];
    };
    expect(trained('adversarial', '--adversarial', '8')).to.not.equal(trained('plain'));
    expect(fail('train', ...network, '--data', 'synthetic', '--adversarial', '0', '--output', at('none'))).to.match(
      /Expected a number above 0/,
    );
  });
});
