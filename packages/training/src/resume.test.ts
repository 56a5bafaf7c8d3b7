import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@refconv/tensorflow';
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { decodeCheckpoint, encodeCheckpoint } from './checkpointFile.js';
import { type FitOptions, fit } from './fit.js';
import type { StoredTensor } from './storedTensor.js';
import { messageOf, tinyData, tinyModel, tinyRecipe, weightsHash } from './testing/tiny.js';

const data = tinyData(32);
const EPOCHS = 2;
/** Of 32 images by 16. */
const STEPS = 2;

interface Meta {
  epoch: number;
  step: number;
  rows: { epoch: number }[];
}

describe('a run that is taken up', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'refconv-resume-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Trains a fresh model in the folder; gives the hash of its weights. */
  async function train(options: Partial<FitOptions> & { seed?: number; stopAt?: number } = {}): Promise<string> {
    const { seed = 1, stopAt = Number.POSITIVE_INFINITY, ...rest } = options;
    const model = tinyModel(seed);
    const stop = new AbortController();
    try {
      await fit({
        ...{ model, data, folder, recipe: tinyRecipe({ epochs: EPOCHS }), showProgress: false },
        ...{ log: () => {}, signal: stop.signal, onStep: (step) => step >= stopAt && stop.abort() },
        ...rest,
      });
      return weightsHash(model);
    } finally {
      model.dispose();
    }
  }
  const newest = () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    return join(folder, names.sort().at(-1) as string);
  };
  const forge = (change: (meta: Meta, tensors: StoredTensor[]) => void) => {
    const path = newest();
    const { meta, tensors } = decodeCheckpoint(readFileSync(path));
    change(meta as Meta, tensors);
    writeFileSync(path, Buffer.concat([...encodeCheckpoint(meta, tensors)]));
    return path;
  };

  it('must have begun with the same weights, unless that is allowed', async () => {
    await train({ stopAt: 1 });
    expect(await messageOf(train({ seed: 2 }))).to.match(
      /holds a run that began with other weights than this model has\. Choose another folder, or give the model that it began with/,
    );
    await train({ seed: 2, allowOtherStart: true });
  });

  it('takes weights for the same that differ in their last bits, and says so', async () => {
    await train({ stopAt: 1 });
    const lines: string[] = [];
    const model = tinyModel();
    const [kernel, ...others] = model.getWeights() as [Tensor, ...Tensor[]];
    const changed = tf.tensor(
      kernel.dataSync().map((value) => value * (1 + 2 ** -22)),
      kernel.shape,
    );
    model.setWeights([changed, ...others]);
    const recipe = tinyRecipe({ epochs: EPOCHS });
    await fit({ model, data, folder, recipe, showProgress: false, log: (line) => lines.push(line) });
    expect(lines.join('\n')).to.match(/began with weights that differ in their last bits/);
    model.dispose();
    changed.dispose();
  });

  it('takes checkpoints of before starting weights were noted', async () => {
    const expected = await train();
    rmSync(folder, { recursive: true });
    await train({ stopAt: 1 });
    forge((meta) => Object.assign(meta, { start: undefined }));
    expect(await train()).to.equal(expected);
  });

  it('is refused, with the name of the file, where a forged checkpoint makes no sense', async () => {
    await train({ stopAt: STEPS + 1 });
    const path = newest();
    const whole = readFileSync(path);
    const forgeries: [string, RegExp, (meta: Meta, tensors: StoredTensor[]) => void][] = [
      ['an epoch beyond the recipe', /it is after epoch 9 of 2/, (meta) => Object.assign(meta, { epoch: 9 })],
      ['a negative epoch', /it is after epoch -1/, (meta) => Object.assign(meta, { epoch: -1 })],
      ['rows missing', /it has 0 rows of metrics, and 1 epochs are finished/, (meta) => (meta.rows = [])],
      [
        'rows of others',
        /its row of metrics 1 is not that of epoch 1/,
        ({ rows: [row] }) => Object.assign(row ?? {}, { epoch: 5 }),
      ],
      ['no sums', /the sums of its epoch are not numbers/, (meta) => Object.assign(meta, { lossSum: null })],
      [
        'an epoch that its step is not in',
        /is at step 3, and after epoch 0/,
        (meta) => Object.assign(meta, { epoch: 0, rows: [] }),
      ],
      [
        'a weight that is NaN',
        /conv1\/kernel has values that are NaN or infinite/,
        (_, [first]) => first?.data.fill(Number.NaN),
      ],
      ['a tensor missing', /is of another model: .* is missing/, (_, tensors) => tensors.pop()],
      ['another step', /it holds step 4: it was renamed/, (meta) => Object.assign(meta, { step: 4 })],
    ];
    for (const [name, message, change] of forgeries) {
      forge(change);
      for (const file of readdirSync(folder))
        if (file.endsWith('.safetensors') && !path.endsWith(file)) rmSync(join(folder, file));
      const said = await messageOf(train());
      expect(said, name).to.match(message);
      expect(said, name).to.contain(path.split('/').at(-1));
      rmSync(`${path}.corrupt`, { force: true });
      writeFileSync(path, whole);
    }
  });

  it('says where a folder or a FIFO stands in a checkpoint’s place', async () => {
    await train({ stopAt: 1 });
    const place = join(folder, 'step-0000000009.safetensors');
    mkdirSync(place);
    expect(await messageOf(train())).to.match(/0009\.safetensors is a folder; expected a file\. Move it away\./);
    rmSync(place, { recursive: true });
    execFileSync('mkfifo', [place]);
    expect(await messageOf(train())).to.match(/0009\.safetensors is a FIFO; expected a file\./);
  });

  it('goes on where a kill left half a model folder beside its checkpoints', async () => {
    const expected = await train();
    rmSync(folder, { recursive: true });
    await train({ stopAt: 1 });
    const gone = execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim();
    const host = execFileSync('hostname', { encoding: 'utf8' }).trim();
    for (const name of [
      `.model.${gone}@${host}.0123abcd.unfinished`,
      '.model.0123abcd.unfinished',
      '.model.0123abcd.old',
    ]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'weights.bin'), 'half');
    }
    expect(await train()).to.equal(expected);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).to.deep.equal([]);
  });
});
