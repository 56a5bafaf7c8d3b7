/** Model folders: damaged, and forged with care. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { loadModel, saveModel } from '@refconv/training';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { damageOrReplace, pick } from '../damage.js';
import { check, type Kind, valueOrClearError } from '../kind.js';

function branched(): LayersModel {
  const input = tf.input({ shape: [4, 4, 2] });
  const convolution = (name: string) => tf.layers.conv2d({ name, filters: 2, kernelSize: 3, padding: 'same' });
  const branches = ['a', 'b'].map((name) => convolution(name).apply(input) as SymbolicTensor);
  const sum = tf.layers.add({ name: 'sum' }).apply(branches) as SymbolicTensor;
  const norm = tf.layers.batchNormalization({ name: 'norm' }).apply(sum) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: norm });
}

/** All that a model is: topology and weights. */
function essence(model: LayersModel): string {
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  return JSON.stringify([model.toJSON(undefined, false), weights]);
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const VALUES: Json[] = [
  null,
  -1,
  0,
  2 ** 40,
  1e308,
  '',
  '../../secret.bin',
  '/dev/zero',
  [],
  {},
  true,
  'a',
  '\u2028',
  [[]],
];

/** Changes one entry somewhere in a JSON value; the author takes the checksum out. */
function forge(value: Json, random: Random): Json {
  if (typeof value !== 'object' || value === null || random.integer(8) === 0) return pick(random, VALUES);
  const keys = Object.keys(value);
  if (keys.length === 0) return pick(random, VALUES);
  const key = pick(random, keys);
  if (Array.isArray(value)) {
    const copy = [...value];
    const i = Number(key);
    if (random.integer(6) === 0) copy.splice(i, 1);
    else copy[i] = forge(copy[i] as Json, random);
    return copy;
  }
  const { [key]: own, ...others } = value;
  return random.integer(10) === 0 ? others : { ...value, [key]: forge(own as Json, random) };
}

async function prepared(folder: string) {
  const model = branched();
  await saveModel(model, join(folder, 'model'), { classes: ['a', 'b'] });
  const expected = essence(model);
  model.dispose();
  const inspect = async (path: string, exact: boolean) => {
    const before = tf.memory().numTensors;
    const loaded = await valueOrClearError(() => loadModel(path), [path]);
    if ('error' in loaded) return;
    const same = essence(loaded.value.model) === expected;
    const finite = loaded.value.model.getWeights().every((weight) => weight.dataSync().every(Number.isFinite));
    loaded.value.model.dispose();
    check(same || !exact, 'It loads as another model, in silence.');
    check(finite, 'It loads with weights that are not finite.');
    check(tf.memory().numTensors === before, 'Tensors are left.');
  };
  return { source: join(folder, 'model'), inspect };
}

export const damagedModels: Kind = {
  name: 'damaged model folders',
  share: 130,
  async prepare({ folder }) {
    const { source, inspect } = await prepared(folder);
    return {
      async inject(random, own) {
        const path = join(own, 'model');
        cpSync(source, path, { recursive: true });
        const file = pick(random, ['model.json', 'weights.bin']);
        const what = damageOrReplace(join(path, file), random);
        await inspect(path, true);
        return `${file}: ${what}`;
      },
    };
  },
};

export const forgedModels: Kind = {
  name: 'forged model folders',
  share: 130,
  async prepare({ folder }) {
    const { source, inspect } = await prepared(folder);
    return {
      async inject(random, own) {
        const path = join(own, 'model');
        cpSync(source, path, { recursive: true });
        const file = join(path, 'model.json');
        const { sha256: _, ...json } = JSON.parse(readFileSync(file, 'utf8'));
        writeFileSync(file, JSON.stringify(forge(json, random)));
        // Without a checksum another model may come of it, but none that hangs, leaks or is not finite.
        await inspect(path, false);
        return 'an entry of model.json, without checksum';
      },
    };
  },
};
