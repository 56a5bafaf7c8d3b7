import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const shared = process.env.REFCONV_SHARED ?? path('../../../shared');
const images = join(shared, 'data/imagenet-sample');
const weights = join(shared, 'data/weights/mobilenetv1_0.25_relu_imagenet.safetensors');

describe('five classes of one’s own', () => {
  if (!existsSync(images) || !existsSync(weights)) {
    it.skip('(the ImageNet images are missing: set REFCONV_SHARED)');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'refconv-five-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
    return stdout;
  };

  it('a new head on a frozen body learns them by the command of the README, as initial weights in as many epochs do not', () => {
    const photos = join(folder, 'photos');
    expect(run(path('fiveClasses.js'), images, photos)).to.match(/birds 7, .*things 39/);
    expect(readdirSync(join(photos, 'train'))).to.have.lengthOf(5);
    const train = (name: string, ...options: string[]) => {
      const network = ['train', '--backbone', 'mobilenetv1', '--width', '0.25', '--activation', 'relu'];
      const recipe = ['--data', `folder:${photos}`, '--recipe', path('../recipes/fineTune.json'), '--epochs', '8'];
      const output = ['--test-transform', 'resize(110)|centerCrop(96)|normalize(half)', '--output', join(folder, name)];
      const said = run(path('../../packages/cli/bin/refconv.js'), ...network, ...recipe, ...output, ...options);
      return Number(/Test images after the last epoch: top-1 ([\d.]+) %/.exec(said)?.[1]);
    };
    const frozen = train(
      'frozen',
      '--weights',
      weights,
      '--new-head',
      '--freeze',
      '^(?!classifier)',
      '--input-size',
      '96',
    );
    const scratch = train('scratch', '--variant', 'imagenet', '--input-size', '96');
    expect(frozen).to.be.above(scratch + 10);
  });
});
