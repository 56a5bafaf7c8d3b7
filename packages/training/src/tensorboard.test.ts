import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { TensorBoardWriter } from './tensorboard.js';
import { tensorBoardReader } from './testing/tensorBoardReader.js';

/** A PNG of 3 × 2 pixels, in its header; TensorBoard hands the bytes on as they are. */
const PNG = Buffer.from('89504e470d0a1a0a0000000d4948445200000003000000020802000000', 'hex');

describe('event files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-tensorboard-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write() {
    const writer = new TensorBoardWriter(folder, 1_700_000_000);
    await writer.text(0, 'recipe', '**ä** | 1');
    await writer.image(0, 'images/train', PNG);
    await writer.scalars(390, { 'loss/train': 2.5, 'top1/test': 0.25 });
    await writer.scalars(780, { 'loss/train': -1e-20 });
    const [name] = await readdir(folder);
    return name as string;
  }

  it('are records with the checksums of TFRecord, the first of which tells the version', async () => {
    const name = await write();
    expect(name).to.match(/^events\.out\.tfevents\.1700000000\..+\.v2$/);
    const bytes = await readFile(join(folder, name));
    const lengths: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = Number(bytes.readBigUInt64LE(at));
      lengths.push(length);
      at += length + 16;
    }
    expect(lengths).to.have.length(6);
    // Of the length 24, as TensorFlow writes it before every version record.
    expect(lengths[0]).to.equal(24);
    expect(bytes.subarray(8, 12).toString('hex')).to.equal('a37f4b22');
    expect(bytes.subarray(12, 36).toString('latin1')).to.include('brain.Event:2');
  });

  it('take no picture but a PNG', async () => {
    const failure = await new TensorBoardWriter(folder).image(0, 'images/train', Buffer.from('GIF89a')).catch(String);
    expect(failure).to.equal('Error: A picture for TensorBoard must be a PNG.');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('are read by TensorBoard', async function () {
    const read = tensorBoardReader();
    if (!read) return this.skip();
    await write();
    expect(read(folder)).to.deep.equal({
      scalars: {
        'loss/train': [
          [390, 2.5],
          [780, Math.fround(-1e-20)],
        ],
        'top1/test': [[390, 0.25]],
      },
      images: { 'images/train': [[0, 3, 2, PNG.toString('base64')]] },
      texts: { recipe: [[0, '**ä** | 1']] },
    });
  });
});
