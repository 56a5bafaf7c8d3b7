import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  loadTorchState,
  readWeights,
  readWeightsFile,
  type TorchState,
  torchState,
  WeightsError,
  writeWeights,
} from '@refconv/weights';
import { expect } from 'chai';
import { memoryBytes } from '../../weights/dist/bytes.js';
import { zipOf } from '../../weights/dist/testing/zip.js';
import { readZip } from '../../weights/dist/zip.js';
import { mobilenetv1 } from './mobilenetv1.js';
import { shared } from './testing/oracle.js';

const weights = join(shared, 'data', 'weights');

/** Awaits an error and returns its message. */
const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error) => {
      expect(error).to.be.instanceOf(WeightsError);
      return (error as Error).message;
    },
  );

describe('weight files', () => {
  const state: TorchState = new Map([['w', { shape: [2], data: Float32Array.of(1, -2) }]]);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-weights-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are written whole, over an older one, and read back', async () => {
    const path = join(folder, 'w.safetensors');
    writeFileSync(path, 'older');
    await writeWeights(path, state);
    expect(await readWeights(path)).to.deep.equal(state);
    expect(readdirSync(folder)).to.deep.equal(['w.safetensors']);
  });

  it('that cannot be written leave what was there', async () => {
    const path = join(folder, 'w.safetensors');
    writeFileSync(path, 'older');
    const wrong: TorchState = new Map([['w', { shape: [3], data: new Float32Array(2) }]]);
    expect(await messageOf(writeWeights(path, wrong))).to.contain(`cannot be written to ${path}. The tensor 'w'`);
    expect(readFileSync(path, 'utf8')).to.equal('older');
    expect(await messageOf(writeWeights(join(folder, 'none', 'w'), state))).to.contain('ENOENT');
    expect(await messageOf(writeWeights(join(path, 'w'), state))).to.contain('ENOTDIR');
    expect(await messageOf(writeWeights(folder, state))).to.contain(`cannot be written to ${folder}`);
    expect(readdirSync(folder)).to.deep.equal(['w.safetensors']);
  });

  it('above 2 and 4 GiB are read, and only where their weights are', async () => {
    const archive = readFileSync(fileURLToPath(new URL('../../weights/src/fixtures/zip.pth', import.meta.url)));
    const members = [...readZip(memoryBytes(archive))].map(([name, file]) => ({ name, data: file.read() }));
    for (const [before, zip64] of [[2 ** 31, false] as const, [2 ** 32 + 5, true] as const]) {
      const path = join(folder, 'large.pth');
      // A file with a hole takes no room on the disk.
      const file = openSync(path, 'w');
      writeSync(file, 'PK\x03\x04', 0);
      writeSync(file, zipOf(members, { before, zip64 }), 0, undefined, before);
      closeSync(file);
      expect([...(await readWeights(path)).keys()]).to.include('transposed');
      rmSync(path);
    }
  });

  it('keep what is written beside the weights', async () => {
    const path = join(folder, 'w.safetensors');
    await writeWeights(path, state, { format: 'pt', refconv: '{"a":1}' });
    expect((await readWeightsFile(path)).metadata).to.deep.equal({ format: 'pt', refconv: '{"a":1}' });
    await writeWeights(path, state);
    expect((await readWeightsFile(path)).metadata).to.deep.equal({});
  });

  it('are told apart by content, and named in errors', async () => {
    const path = join(folder, 'w.pth');
    await writeWeights(path, state);
    expect(await readWeights(path)).to.deep.equal(state);
    const wrong: [string, string][] = [
      ['', 'The file is empty'],
      ['<!DOCTYPE html><html>', 'begins with "<!DOCTYPE html><"'],
      ['version https://git-lfs.github.com/spec/v1\noid', 'run `git lfs pull`'],
    ];
    for (const [content, message] of wrong) {
      writeFileSync(path, content);
      expect(await messageOf(readWeights(path)))
        .to.contain(path)
        .and.to.contain(message);
    }
    expect(await messageOf(readWeights(join(folder, 'none.pth')))).to.contain('There is no such file');
    expect(await messageOf(readWeights(folder))).to.contain('EISDIR');
  });
});

describe('published weight files', () => {
  if (!existsSync(weights)) {
    it.skip('(the weights are missing: set REFCONV_SHARED)');
    return;
  }

  it('of ResNet-20, safetensors and pre-1.6 PyTorch, hold the same', async () => {
    const original = await readWeights(join(weights, 'resnet20_cifar10.th'));
    const state = await readWeights(join(weights, 'resnet20_cifar10.safetensors'));
    expect(original.size).to.equal(97);
    const sorted = (entries: TorchState) => new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(sorted(original)).to.deep.equal(sorted(state));
    const trainable = [...state].filter(([key]) => !key.includes('running_'));
    expect(trainable.reduce((sum, [, { data }]) => sum + data.length, 0)).to.equal(269_722);
  });

  it('of MobileNetV1 fit the network', async () => {
    const state = await readWeights(join(weights, 'mobilenetv1_0.25_relu_imagenet.safetensors'));
    expect(state.size).to.equal(137);
    const model = mobilenetv1({ width: 0.25 });
    loadTorchState(model, state);
    expect(torchState(model)).to.deep.equal(new Map([...torchState(model).keys()].map((key) => [key, state.get(key)])));
    model.dispose();
  });
});
