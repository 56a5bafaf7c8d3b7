/** Images in files: a network is trained on them, stopped, trained on, and evaluated, as a user does it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { writeImageFolder } from '../../datasets/dist/loader/testing.js';
import { fail, refconv, succeed, temporaryFolder } from './testing/commands.js';

const BIN = fileURLToPath(new URL('../bin/refconv.js', import.meta.url));
const SHARED = process.env.REFCONV_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const SAMPLE = `${SHARED}/data/imagenet-sample`;
const WEIGHTS = `${SHARED}/data/weights/mobilenetv1_0.25_relu_imagenet.safetensors`;

/** Runs a training, and interrupts it when it says this. */
function interrupted(args: readonly string[], when: RegExp): Promise<number | null> {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
    // Once: a second one ends it at once.
    if (when.test(output) && !child.killed) child.kill('SIGINT');
  });
  return new Promise((resolve) => child.on('close', resolve));
}

describe('images in a folder', () => {
  const at = temporaryFolder();
  const data = () => ['--data', `folder:${at('images')}`];
  const network = ['--backbone', 'mobilenetv1', '--width', '0.125', '--variant', 'cifar', '--input-size', '32'];
  const train = (output: string) => [
    ...['train', ...network, ...data(), '--epochs', '3', '--batch-size', '8', '--learning-rate', '0.02'],
    ...['--workers', '2', '--output', at(output)],
  ];
  const metrics = (output: string) =>
    readFileSync(at(output, 'metrics.csv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(',').slice(0, -1));

  before(async () => {
    await writeImageFolder(at('images/train'), ['ant', 'bee', 'cat'], 12);
    await writeImageFolder(at('images/val'), ['ant', 'bee', 'cat'], 3);
  });

  it('are changed in training as a recipe says, at the size of the evaluation', () => {
    const recipe = JSON.parse(succeed('recipe', 'cifar'));
    const transform = 'randomResizedCrop(SIZE,scale=0.5..1)|flip|NORMALIZE';
    writeFileSync(at('recipe.json'), JSON.stringify({ ...recipe, transform }));
    const args = train('by-recipe').map((arg, i, all) => (all[i - 1] === '--epochs' ? '1' : arg));
    expect(succeed(...args, '--recipe', at('recipe.json'))).to.match(/test images of (\d+)×\1\n/);
    rmSync(at('by-recipe'), { recursive: true });
  });

  it('train a network with its own preprocessing; an interrupted training ends the same', async () => {
    succeed(...train('whole'));
    expect(await interrupted(train('stopped'), /epoch 1\/3/)).to.equal(130);
    expect(existsSync(at('stopped/model'))).to.equal(false);
    succeed(...train('stopped'));
    expect(metrics('stopped')).to.deep.equal(metrics('whole'));
    expect(readFileSync(at('stopped/model/weights.bin'))).to.deep.equal(readFileSync(at('whole/model/weights.bin')));

    // That of MobileNetV1's published weights, at 32 pixels. The model's folder knows.
    const { refconv: notes } = JSON.parse(readFileSync(at('whole/model/model.json'), 'utf8')).userDefinedMetadata;
    expect(notes.transform).to.equal(
      'resize(37,interpolation=bicubic)|centerCrop(32)|normalize(0.5/0.5/0.5,0.5/0.5/0.5)',
    );
    const evaluate = (...more: string[]) =>
      JSON.parse(succeed('evaluate', '--model', at('whole/model'), ...data(), '--json', ...more));
    const result = evaluate();
    expect(result.count).to.equal(9);
    const [header, last] = [metrics('whole')[0], metrics('whole').at(-1)] as [string[], string[]];
    const [testLoss, testTop1] = ['test_loss', 'test_top1'].map((name) => Number(last[header.indexOf(name)]));
    expect([result.top1, result.top5]).to.deep.equal([testTop1, 1]);
    expect(result.loss).to.be.closeTo(testLoss as number, 1e-5);
    expect(evaluate('--test-transform', 'centerCrop(32)|range255').loss).not.to.equal(result.loss);
  });

  it('refocus that network, with mixed images', () => {
    const from = ['--model', at('whole/model'), '--method', 'refconv', ...data(), '--epochs', '1', '--batch-size', '8'];
    const transform = 'randomResizedCrop(32)|flip|normalize(half)|mixup(0.2)';
    succeed('train', ...from, '--transform', transform, '--label-smoothing', '0.1', '--output', at('refocused'));
    succeed('merge', '--model', at('refocused/model'), '--output', at('merged'));
    const accuracy = (model: string) =>
      JSON.parse(succeed('evaluate', '--model', at(model), ...data(), '--json')) as { loss: number };
    expect(accuracy('merged').loss).to.be.closeTo(accuracy('refocused/model').loss, 1e-4);
  });

  it('that cannot be read end it, or are left out and counted', () => {
    const broken = at('images/val/ant/broken.jpg');
    writeFileSync(broken, 'not an image');
    const args = ['evaluate', '--model', at('whole/model'), ...data()];
    expect(fail(...args)).to.contain(`${broken} cannot be read`);
    const { stdout, stderr } = refconv(...args, '--json', '--skip-broken');
    expect(JSON.parse(stdout)).to.include({ count: 9, broken: 1 });
    expect(stderr).to.contain(`Left out: 1 image that cannot be read: ${broken} (`);

    // TensorFlow, which decodes JPEG files, writes of a cut one to the terminal by itself.
    const whole = readdirSync(at('images/val/ant')).find((name) => /[0-9]\.jpe?g$/i.test(name)) as string;
    const bytes = readFileSync(at('images/val/ant', whole));
    writeFileSync(at('images/val/ant/cut.jpg'), bytes.subarray(0, bytes.length / 2));
    expect(refconv(...args, '--skip-broken').stderr).not.to.match(/^[EWI]\d{4}/m);
    rmSync(at('images/val/ant/cut.jpg'));

    // In training once, however many epochs there are; in a file; and on the page.
    const other = at('images/train/bee/broken.png');
    writeFileSync(other, 'not an image');
    const notes = at('images/train/bee/notes.txt');
    writeFileSync(notes, '');
    const said = succeed(...train('skipping'), '--skip-broken');
    expect(said.match(/Left out/g)).to.have.lengthOf(1);
    expect(said).to.contain(`Left out: 2 images that cannot be read: ${other}, ${broken} (`);
    const kept = JSON.parse(readFileSync(at('skipping/left-out.json'), 'utf8'));
    expect(kept.images.map(({ split, path }: Record<string, string>) => [split, path])).to.deep.equal([
      ['train', other],
      ['test', broken],
    ]);
    expect(said.match(/Passed over/g)).to.have.lengthOf(1);
    expect(kept.files).to.deep.equal([notes]);
    succeed('report', 'compare', at('skipping'), '--output', at('skipping/page'));
    expect(readFileSync(at('skipping/page/index.html'), 'utf8')).to.contain('Left out: 2 images that cannot be read');
    rmSync(other);
    rmSync(notes);
    rmSync(broken);

    for (const name of ['ant', 'bee', 'cat']) {
      mkdirSync(at('nothing/val', name), { recursive: true });
      writeFileSync(at('nothing/val', name, '1.png'), 'not an image');
    }
    const nothing = fail(
      'evaluate',
      '--model',
      at('whole/model'),
      '--data',
      `folder:${at('nothing')}`,
      '--skip-broken',
    );
    expect(nothing).to.match(/None of the 3 images could be read: .*1\.png/);
    symlinkSync(at('images/train'), at('nothing/train'));
    const training = train('unread').map((arg) => (arg === `folder:${at('images')}` ? `folder:${at('nothing')}` : arg));
    expect(fail(...training, '--skip-broken')).to.contain('None of the 3 images could be read');
    expect(readFileSync(at('unread/metrics.csv'), 'utf8')).not.to.contain('NaN');
  });

  it('are verified, and shown as the network would see them', () => {
    const found = JSON.parse(succeed('data', 'verify', ...data(), '--json'));
    expect(found).to.deep.include({ count: 36, broken: [] });
    expect(found.classes).to.deep.equal(['ant', 'bee', 'cat'].map((name) => ({ name, count: 12 })));
    expect(found.mean).to.have.lengthOf(3);
    expect(succeed('data', 'verify', ...data(), '--split', 'test')).to.contain('9 images,');
    writeFileSync(at('images/val/ant/broken.jpg'), 'not an image');
    const { status, stdout } = refconv('data', 'verify', ...data(), '--split', 'test');
    rmSync(at('images/val/ant/broken.jpg'));
    expect(status).to.equal(1);
    expect(stdout).to.contain('1 broken').and.contain('broken.jpg');

    const transform = 'randomResizedCrop(32)|flip|randAugment';
    succeed('data', 'show', ...data(), '--transform', transform, '--images', '6', '--output', at('sheet.png'));
    expect(readFileSync(at('sheet.png')).subarray(1, 4).toString()).to.equal('PNG');
  });

  it('are refused where they do not fit', () => {
    const wrong = (...more: string[]) => fail(...train('wrong'), ...more);
    expect(wrong('--transform', 'randomCrop(24)|flop')).to.contain('"flop" is not known. There are randomResizedCrop');
    expect(wrong('--transform', 'randomResizedCrop(24)')).to.match(
      /takes images of \[32,32,3\].*train split are \[24,24,3\]/,
    );
    expect(wrong('--transform', 'flip')).to.contain('the images of files have many sizes');
    expect(wrong('--test-transform', 'centerCrop(32)|mixup(1)')).to.contain('mixed images have no label');
    expect(wrong('--workers', '0')).to.match(/--workers.*'0'/);
    expect(fail('train', ...network, '--data', `folder:${at('images/val')}`, '--output', at('wrong'))).to.contain(
      'lacks train or val',
    );
    expect(fail('evaluate', ...network, '--classes', '7', ...data())).to.contain('The model has 7 classes, val has 3');
    expect(existsSync(at('wrong/metrics.csv'))).to.equal(false);
  });
});

describe(`a hundred images of ImageNet (skipped without ${SAMPLE}; REFCONV_SHARED names another folder)`, () => {
  const at = temporaryFolder();
  before(function () {
    if (![SAMPLE, WEIGHTS].every((path) => existsSync(path))) this.skip();
    for (const split of ['train', 'val']) symlinkSync(SAMPLE, at(split));
  });
  const network = ['--backbone', 'mobilenetv1', '--activation', 'relu', '--width', '0.25'];

  it('are classified by published weights as by the reference, 53 of them rightly', () => {
    const args = ['evaluate', ...network, '--weights', WEIGHTS, '--data', `imagenet:${SAMPLE}`, '--json'];
    const transform = 'resize(256)|centerCrop(224)|normalize(imagenet)';
    const result = JSON.parse(succeed(...args, '--test-transform', transform));
    expect(result).to.include({ correct: 53, count: 100, broken: 0 });
    expect(result.top5).to.be.above(0.7);
  });

  it('are trained on, a refocused network too', () => {
    const quick = ['--data', `imagenet:${at()}`, '--epochs', '1', '--batch-size', '20'];
    const small = ['--backbone', 'mobilenetv1', '--width', '0.125', '--input-size', '32', '--variant', 'imagenet'];
    const said = succeed('train', ...small, ...quick, '--method', 'refconv', '--output', at('run'));
    expect(said).to.contain('imagenet: 100 training and 100 test images of 32×32');
    const { classes } = JSON.parse(readFileSync(at('run/model/model.json'), 'utf8')).userDefinedMetadata.refconv;
    expect([classes.length, classes[0]]).to.deep.equal([1000, 'n01440764']);
  });
});
