import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors } from '@refconv/weights';
import { expect } from 'chai';
import { CheckpointFolder } from './checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpointFile.js';
import type { StoredTensor } from './storedTensor.js';
import { messageOf } from './testing/tiny.js';

const TENSORS: StoredTensor[] = [
  { name: 'a', dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, -0, 1e-45, 3.4e38) },
  { name: 'ä/count', dtype: 'int32', shape: [], data: Int32Array.of(-7) },
];

const encoded = (step: number) => Buffer.concat([...encodeCheckpoint({ step }, TENSORS)]);

describe('checkpoints', () => {
  let folder: string;
  let checkpoints: CheckpointFolder<{ step: number }>;
  let warnings: string[];
  const warn = (message: string) => warnings.push(message);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-checkpoints-'));
    checkpoints = new CheckpointFolder(folder);
    warnings = [];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('come back bit for bit', () => {
    const { meta, tensors } = decodeCheckpoint(encoded(3));
    expect(meta).to.deep.equal({ step: 3 });
    expect(tensors).to.deep.equal(TENSORS);
  });

  it('are refused wherever they are cut off or changed', () => {
    const bytes = encoded(3);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeCheckpoint(bytes.subarray(0, length)), `cut at ${length}`).to.throw();
    }
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] as number) ^ 4;
      expect(() => decodeCheckpoint(changed), `byte ${i}`).to.throw();
    }
  });

  it('of before are still read, and no less checked', async () => {
    const old = Buffer.from(
      'UkZDS1BUMDF0AAAAeyJtZXRhIjp7InN0ZXAiOjd9LCJ0ZW5zb3JzIjpbeyJuYW1lIjoiYSIsImR0eXBlIjoiZmxvYXQzMiIsInNoYXBlIjpbMl19LHsibmFtZSI6' +
        'Im4iLCJkdHlwZSI6ImludDMyIiwic2hhcGUiOltdfV19ICAAAMA/AAAAwAMAAACJoXyHxJPLCtTzPV43KTsW+YIlDjnXbtUdLALaDJPmbw==',
      'base64',
    );
    const tensors = [
      { name: 'a', dtype: 'float32', shape: [2], data: Float32Array.of(1.5, -2) },
      { name: 'n', dtype: 'int32', shape: [], data: Int32Array.of(3) },
    ];
    expect(decodeCheckpoint(old)).to.deep.equal({ meta: { step: 7 }, tensors });
    for (const i of [20, old.length - 40]) {
      const changed = Buffer.from(old);
      changed[i] = (changed[i] as number) ^ 4;
      expect(() => decodeCheckpoint(changed), `byte ${i}`).to.throw('its checksum is wrong');
    }
    await writeFile(join(folder, 'step-0000000007.checkpoint'), old);
    await checkpoints.save({ step: 6 }, TENSORS);
    expect(await checkpoints.load(warn)).to.deep.include({ meta: { step: 7 }, tensors });
    for (const step of [8, 9]) await checkpoints.save({ step }, TENSORS);
    expect((await readdir(folder)).sort()).to.deep.equal([
      'step-0000000008.safetensors',
      'step-0000000009.safetensors',
    ]);
  });

  it('are files that any reader of safetensors knows', () => {
    const state = readSafetensors(encoded(3));
    expect([...(state.get('a')?.data ?? [])]).to.deep.equal([...(TENSORS[0] as StoredTensor).data]);
    expect(state.get('ä/count')).to.deep.equal({ shape: [], data: Float32Array.of(-7) });
  });

  it('are kept two at a time; the newest is loaded', async () => {
    await checkpoints.prepare(TENSORS);
    expect(await checkpoints.load(warn)).to.equal(undefined);
    for (const step of [1, 2, 10]) await checkpoints.save({ step }, TENSORS);
    expect((await readdir(folder)).sort()).to.deep.equal([
      'step-0000000002.safetensors',
      'step-0000000010.safetensors',
    ]);
    expect((await checkpoints.load(warn))?.meta.step).to.equal(10);
    expect(warnings).to.deep.equal([]);
  });

  it('that are torn are put aside, and the one before is loaded', async () => {
    for (const step of [1, 2]) await checkpoints.save({ step }, TENSORS);
    await truncate(join(folder, 'step-0000000002.safetensors'), 100);
    expect((await checkpoints.load(warn))?.meta.step).to.equal(1);
    expect(warnings.join()).to.match(/step-0000000002\.safetensors is not usable \(.*ends.*the one before/);
    expect(await readdir(folder)).to.include('step-0000000002.safetensors.corrupt');

    await writeFile(join(folder, 'step-0000000001.safetensors'), 'something else');
    expect(await messageOf(checkpoints.load(warn))).to.match(/No checkpoint in .* is usable .*Start again in another/);
  });

  it('leave nothing half written behind', async () => {
    await writeFile(join(folder, 'step-0000000001.safetensors.unfinished'), 'half');
    await checkpoints.prepare(TENSORS);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('need room on the disk before anything is computed', async () => {
    expect(await messageOf(checkpoints.prepare(TENSORS, async () => 100_000))).to.match(
      /has room for 0\.1 MB; .* need 0\.2 MB\. Free some space/,
    );
  });

  it('say why they cannot be written, and keep the one from before', async () => {
    await checkpoints.save({ step: 1 }, TENSORS);
    const before = await readFile(join(folder, 'step-0000000001.safetensors'));
    await rm(join(folder, 'file'), { force: true });
    await writeFile(join(folder, 'file'), '');
    const blocked = new CheckpointFolder(join(folder, 'file', 'run'));
    expect(await messageOf(blocked.prepare(TENSORS))).to.match(
      /Making the folder .* failed: a part of its path is a file/,
    );
    expect(await messageOf(blocked.save({ step: 2 }, TENSORS))).to.match(
      /Writing .* failed: a part of its path is a file/,
    );
    expect(await readFile(join(folder, 'step-0000000001.safetensors'))).to.deep.equal(before);
  });
});
