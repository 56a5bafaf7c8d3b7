/** What people's files and habits ask of the command. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { buildBackbone } from '@refconv/backbones';
import { refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { saveModel } from '@refconv/training';
import { readWeights, readWeightsFile, torchState, writeWeights } from '@refconv/weights';
import { expect } from 'chai';
import { writeImageFolder } from '../../datasets/dist/loader/testing.js';
import { fail, refconv, succeed, temporaryFolder } from './testing/commands.js';

const small = { variant: 'cifar', width: 0.125, inputSize: 32 } as const;
const NETWORK = ['--backbone', 'mobilenetv1', '--width', '0.125'];
const QUICK = ['--epochs', '1', '--batch-size', '4', '--learning-rate', '1e-6', '--workers', '1'];

describe('weights and what their shapes do not tell', () => {
  const at = temporaryFolder();
  const options = { ...small, classes: 10, activation: 'relu', seed: 1 } as const;
  const loss = (...source: string[]) =>
    JSON.parse(succeed('evaluate', ...source, '--data', 'synthetic', '--json')).loss as number;
  before(async () => {
    const model = buildBackbone('mobilenetv1', options);
    await saveModel(model, at('model'), { backbone: { id: 'mobilenetv1', options }, classes: [...'abcdefghij'] });
    const refocused = await refocus(model, { identity: false, seed: 2 });
    await saveModel(refocused, at('refocused'), { backbone: { id: 'mobilenetv1', options } });
    await writeWeights(at('bare.safetensors'), torchState(model), { format: 'pt' });
    await writeWeights(at('maps.safetensors'), torchState(refocused), { format: 'pt' });
    model.dispose();
    refocused.dispose();
  });

  it('go with them into safetensors and back: variant, activation, classes, and whether W_b is added', async () => {
    succeed('convert', '--model', at('model'), '--output', at('plain.safetensors'));
    succeed('convert', '--weights', at('plain.safetensors'), '--output', at('back'));
    const notes = JSON.parse(readFileSync(at('back/model.json'), 'utf8')).userDefinedMetadata.refconv;
    expect(notes.backbone.options).to.include({ variant: 'cifar', activation: 'relu', inputSize: 32 });
    expect(notes.classes).to.deep.equal([...'abcdefghij']);
    succeed('convert', '--model', at('refocused'), '--output', at('refocused.safetensors'));
    expect((await readWeightsFile(at('refocused.safetensors'))).metadata.refconv).to.contain('"identity":false');
    succeed('merge', '--weights', at('refocused.safetensors'), '--output', at('merged'));
    expect(loss('--model', at('merged'))).to.be.closeTo(loss('--model', at('refocused')), 1e-4);
    expect(fail('info', '--backbone', 'resnet18', '--weights', at('plain.safetensors'))).to.match(
      /says that its weights are of mobilenetv1; --backbone says resnet18/,
    );
  });

  it('are asked for, or said, where a file does not tell them', async () => {
    const bare = [...NETWORK, '--weights', at('bare.safetensors')];
    expect(fail('convert', ...bare, '--output', at('no'))).to.match(/add --variant imagenet or --variant cifar/);
    succeed('convert', ...bare, '--output', at('again.safetensors'));
    const given = refconv('convert', ...bare, '--variant', 'cifar', '--output', at('given'));
    expect(given.stderr).to.match(/does not say its activation: mobilenetv1's usual one is taken; --activation/);
    const maps = [...NETWORK, '--variant', 'cifar', '--activation', 'relu', '--weights', at('maps.safetensors')];
    const [with_, without] = [[], ['--no-identity']].map((flags, i) => {
      const { status, stderr } = refconv('merge', ...maps, ...flags, '--output', at(`maps-${i}`));
      expect(status, stderr).to.equal(0);
      return stderr;
    });
    expect(with_).to.match(/does not say whether W_b is added .* unless --no-identity/);
    expect(without).not.to.contain('W_b');
    expect(loss('--model', at('maps-1'))).to.be.closeTo(loss('--model', at('refocused')), 1e-4);
  });

  it('of another network are refused in a few lines, with the network that they fit', () => {
    const message = fail(
      'convert',
      '--backbone',
      'resnet18',
      '--weights',
      at('bare.safetensors'),
      '--output',
      at('no'),
    );
    expect(message.split('\n').length).to.be.below(6);
    expect(message).to.match(/and \d+ more of \d+.* have the names of mobilenetv1: give it by --backbone/s);
    expect(fail('info', '--model', at('bare.safetensors'))).to.match(/holds weights alone.*--weights/);
  });

  it('are contradicted by no option', () => {
    expect(
      fail('export', '--model', at('model'), '--format', 'onnx', '--output', at('x'), '--input-size', '64'),
    ).to.match(/has input-size 32; --input-size says 64\. Leave --input-size out/);
    expect(fail('info', '--model', at('model'), '--variant', 'imagenet')).to.match(/has variant cifar; --variant says/);
    succeed('export', '--model', at('model'), '--format', 'onnx', '--output', at('same.onnx'), '--input-size', '32');
  });
});

describe('classes by name', () => {
  const at = temporaryFolder();
  const data = (name: string) => ['--data', `folder:${at(name)}`];
  before(async () => {
    for (const [name, classes] of Object.entries({ pets: ['cat', 'dog'], farm: ['cat', 'cow', 'dog'], part: ['dog'] }))
      for (const split of ['train', 'val']) await writeImageFolder(at(name, split), classes, 4);
    const model = buildBackbone('mobilenetv1', { ...small, classes: 10 });
    await writeWeights(at('ten.safetensors'), torchState(model), { format: 'pt' });
    model.dispose();
  });

  it('decide whether a head is new; the body stays', async () => {
    const network = [...NETWORK, '--variant', 'cifar', '--input-size', '32'];
    const said = succeed(
      'train',
      ...network,
      '--weights',
      at('ten.safetensors'),
      ...data('pets'),
      ...QUICK,
      '--output',
      at('a'),
    );
    expect(said).to.match(/ten\.safetensors has 10 classes, folder 2: its body is taken, and a new head/);
    succeed('convert', '--model', at('a/model'), '--output', at('a.safetensors'));
    const [before, after] = [await readWeights(at('ten.safetensors')), await readWeights(at('a.safetensors'))];
    const [first, trained] = [before, after].map((state) => state.get('conv_stem.weight')?.data as Float32Array);
    expect(
      Math.max(...(first as Float32Array).map((value, i) => Math.abs(value - (trained?.[i] as number)))),
    ).to.be.below(1e-3);
    expect(after.get('classifier.weight')?.shape[0]).to.equal(2);

    const more = (folder: string, name: string, ...flags: string[]) =>
      ['train', '--model', at('a/model'), ...data(folder), ...QUICK, ...flags, '--output', at(name)] as const;
    expect(fail(...more('farm', 'b'))).to.match(
      /does not know 1 of the data's 3 classes: cow.*--new-head keeps the body/,
    );
    succeed(...more('farm', 'c', '--new-head'));
    const { refconv: notes } = JSON.parse(readFileSync(at('c/model/model.json'), 'utf8')).userDefinedMetadata;
    expect([notes.classes, notes.backbone.options.classes]).to.deep.equal([['cat', 'cow', 'dog'], 3]);
    // A part of the classes has the labels that the network knows them by.
    succeed(...more('part', 'd'));
    expect(readFileSync(at('d/predictions.csv'), 'utf8')).to.match(/index,label,.*,file\n0,1,.*,dog\/dog_0\.JPEG/);
    expect(fail('evaluate', '--model', at('a/model'), ...data('farm'))).to.match(/classes: cow\. It has 2: cat, dog/);
  });

  it('are what predictions of files and folders say', () => {
    renameSync(at('pets/val/cat/cat_0.JPEG'), at('pets/val/cat/ü, "x".jpg'));
    const run = ['predict', '--model', at('a/model'), at('pets/val'), at('farm/val/cow/cow_0.JPEG')];
    const csv = succeed(...run)
      .trim()
      .split('\n');
    expect(csv[0]).to.equal('file,class,label,confidence');
    expect(csv.length).to.equal(1 + 8 + 1);
    expect(csv.slice(1).every((line) => /,(cat,0|dog,1),[01]\.\d+$/.test(line))).to.equal(true);
    expect(csv.some((line) => line.includes('/ü, ""x"".jpg",'))).to.equal(true);
    succeed(...run, '--output', at('p.csv'));
    expect(readFileSync(at('p.csv'), 'utf8').trim().split('\n')).to.deep.equal(csv);
    writeFileSync(at('pets/val/broken.png'), 'x');
    expect(fail(...run)).to.contain('broken.png');
    expect(refconv(...run, '--skip-broken').stderr).to.contain('Left out');
    expect(fail('predict', '--model', at('a/model'), at('nothing'))).to.match(/There is no file or folder .*nothing/);
  });

  it('called by numbers are warned of where nothing tells their order', async () => {
    for (let i = 0; i < 11; i++) await writeImageFolder(at('numbers/val'), [String(i)], 1);
    const model = tf.sequential({
      layers: [tf.layers.globalAveragePooling2d({ inputShape: [32, 32, 3] }), tf.layers.dense({ units: 11 })],
    });
    await saveModel(model, at('eleven'), {});
    model.dispose();
    const run = refconv('evaluate', '--model', at('eleven'), ...data('numbers'));
    expect(run.stderr).to.match(/Warning: the classes are taken in the order of their names as text: 0, 1, 10, 2/);
  });
});

describe('places and sizes', () => {
  const at = temporaryFolder();
  it('that cannot be used are refused at once', () => {
    const train = ['train', ...NETWORK, '--data', 'synthetic', '--epochs', '1'];
    if (process.platform === 'linux')
      expect(fail(...train, '--output', '/proc/x')).to.match(/Making the folder \/proc\/x failed/);
    expect(fail(...train, '--output', '/dev/null/x')).to.match(/Making the folder .* failed/);
    expect(fail('evaluate', ...NETWORK, '--data', 'cifar10:/nope')).to.match(
      /\/nope \(the folder given, does not exist\)/,
    );
  });

  it('of images follow the transform', async () => {
    for (const split of ['train', 'val']) await writeImageFolder(at('images', split), ['ant', 'bee'], 4);
    const transform = 'randomResizedCrop(64)|flip|normalize(imagenet)';
    const args = ['train', ...NETWORK, '--data', `folder:${at('images')}`, ...QUICK, '--transform', transform];
    expect(succeed(...args, '--output', at('run'))).to.contain('test images of 64×64');
  });

  it('of more pixels than are allowed can be allowed', async () => {
    mkdirSync(at('one'));
    await writeImageFolder(at('one/val'), ['ant'], 1);
    const args = ['data', 'verify', '--data', `folder:${at('one')}`, '--split', 'test'];
    expect(refconv(...args, '--max-pixels', '10').status).to.equal(1);
    succeed(...args);
  });
});
