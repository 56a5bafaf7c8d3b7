import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { SymbolicTensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { loadModel, saveModel } from './modelFolder.js';
import { messageOf, tinyModel, weightsHash } from './testing/tiny.js';

/** A model.json with the entries that tests change; an index signature would hide them. */
interface Json {
  sha256?: string;
  format?: string;
  modelTopology: {
    class_name: string;
    config: {
      layers: { name: string; class_name: string; config: Record<string, unknown>; inbound_nodes: unknown[] }[];
      input_layers: unknown[];
      output_layers: unknown[];
    };
  };
  weightsManifest?: {
    paths: string[];
    weights: { name: string; dtype: string; shape: unknown; quantization?: unknown }[];
  }[];
}

/** Of a branch that is joined again, so that the topology is a graph. */
function branched() {
  const input = tf.input({ shape: [4, 4, 2] });
  const convolution = (name: string) =>
    tf.layers.conv2d({
      name,
      filters: 2,
      kernelSize: 3,
      padding: 'same',
      kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
    });
  const [a, b] = [convolution('a').apply(input), convolution('b').apply(input)] as SymbolicTensor[];
  const sum = tf.layers.add({ name: 'sum' }).apply([a as SymbolicTensor, b as SymbolicTensor]);
  return tf.model({ inputs: input, outputs: sum as SymbolicTensor });
}

describe('a model folder that is damaged or hostile', () => {
  let parent: string;
  let folder: string;
  beforeEach(async () => {
    parent = mkdtempSync(join(tmpdir(), 'refconv-damage-'));
    folder = join(parent, 'model');
    const model = branched();
    await saveModel(model, folder);
    model.dispose();
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  /** What loading says after a change of model.json, which forges no checksum but leaves it out. */
  async function afterChange(change: (json: Json) => void, keepChecksum = false): Promise<string> {
    const file = join(folder, 'model.json');
    const before = readFileSync(file, 'utf8');
    const json = JSON.parse(before) as Json;
    if (!keepChecksum) json.sha256 = undefined;
    change(json);
    writeFileSync(file, JSON.stringify(json));
    const tensors = tf.memory().numTensors;
    const message = await messageOf(loadModel(folder));
    expect(tf.memory().numTensors, message).to.equal(tensors);
    writeFileSync(file, before);
    return message;
  }

  it('is refused wherever one bit has changed, or loads with the same weights', async () => {
    const { model } = await loadModel(folder);
    const expected = weightsHash(model);
    model.dispose();
    for (const name of ['model.json', 'weights.bin']) {
      const file = join(folder, name);
      const bytes = readFileSync(file);
      for (let i = 0; i < bytes.length; i += Math.ceil(bytes.length / 150)) {
        const changed = Buffer.from(bytes);
        changed[i] = (changed[i] as number) ^ (1 << (i % 8));
        writeFileSync(file, changed);
        const loaded = await loadModel(folder).catch((error: Error) => error);
        if (loaded instanceof Error) expect(loaded.message).to.contain(join(folder, 'model.json'));
        else {
          expect(weightsHash(loaded.model), `${name}, byte ${i}`).to.equal(expected);
          loaded.model.dispose();
        }
      }
      writeFileSync(file, bytes);
    }
  });

  it('is refused where its graph has a cycle, or a layer that is not there', async () => {
    const sum = (json: Json) => json.modelTopology.config.layers.find(({ name }) => name === 'sum');
    expect(await afterChange((json) => sum(json)?.inbound_nodes.splice(0, 1, [['sum', 0, 0, {}]]))).to.match(
      /model\.json cannot be loaded: the layer "sum" waits for its own output/,
    );
    expect(await afterChange((json) => sum(json)?.inbound_nodes.splice(0, 1, [['c', 0, 0, {}]]))).to.match(
      /the layer "sum" takes its input from "c", which is not there/,
    );
    expect(await afterChange((json) => sum(json)?.inbound_nodes.splice(0, 1, [['a', 7, 0, {}]]))).to.match(
      /never made/,
    );
    expect(await afterChange((json) => sum(json)?.inbound_nodes.splice(0, 1))).to.match(/"sum" has no input/);
    expect(await afterChange((json) => json.modelTopology.config.output_layers.splice(0, 1, ['x', 0, 0]))).to.match(
      /output_layers name "x"/,
    );
    expect(
      await afterChange((json) => json.modelTopology.config.layers.push(...json.modelTopology.config.layers)),
    ).to.match(/two layers/);
  });

  it('is refused where the manifest is not what the weights are', async () => {
    const weight = (json: Json, change: object) => Object.assign(json.weightsManifest?.[0]?.weights[0] ?? {}, change);
    expect(await afterChange((json) => (json.weightsManifest = undefined))).to.match(/has no weightsManifest/);
    expect(await afterChange((json) => (json.weightsManifest = []))).to.match(/no weights of the layer "a"/);
    expect(await afterChange((json) => weight(json, { quantization: { dtype: 'x' } }))).to.match(
      /"a\/kernel" is wrong: its quant/,
    );
    expect(await afterChange((json) => weight(json, { quantization: { dtype: 'uint8', scale: null } }))).to.match(
      /its quant/,
    );
    expect(await afterChange((json) => weight(json, { quantization: { dtype: 'uint8' } }))).to.match(
      /bytes, .* are expected/,
    );
    expect(await afterChange((json) => weight(json, { shape: [3, -3, 2, 2] }))).to.match(
      /its shape is no list of sizes/,
    );
    expect(await afterChange((json) => weight(json, { dtype: 'string' }))).to.match(/its dtype is "string"/);
    expect(await afterChange((json) => weight(json, { name: 'a/other' }))).to.match(/cannot be loaded/);
    const filters = (json: Json) => json.modelTopology.config.layers.find(({ name }) => name === 'a');
    expect(await afterChange((json) => Object.assign(filters(json)?.config ?? {}, { filters: 2 ** 40 }))).to.match(
      /the layer "a" has filters "1099511627776", which none of its weights has/,
    );
    expect(await afterChange(() => {}, true).catch((error: Error) => error.message)).to.equal('nothing was thrown');
  });

  it('reads no file outside of it, and no device', async () => {
    writeFileSync(join(parent, 'secret.bin'), Buffer.alloc(304));
    for (const path of ['../secret.bin', join(parent, 'secret.bin'), 'a/../../secret.bin', '..', '']) {
      const change = (json: Json) => json.weightsManifest?.[0]?.paths.splice(0, 1, path);
      expect(await afterChange(change), path).to.match(/of its weights is not in its folder/);
    }
    const weights = join(folder, 'weights.bin');
    rmSync(weights);
    expect(await messageOf(loadModel(folder))).to.match(/its weights "weights\.bin" are missing/);
    symlinkSync('/dev/zero', weights);
    expect(await messageOf(loadModel(folder))).to.match(/weights\.bin is a device; expected a file/);
    rmSync(weights);
    execFileSync('mkfifo', [weights]);
    expect(await messageOf(loadModel(folder))).to.match(/weights\.bin is a FIFO; expected a file/);
  });

  it('is refused where a weight is not finite', async () => {
    const file = join(folder, 'weights.bin');
    const bytes = readFileSync(file);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const changed = Buffer.from(bytes);
      changed.writeFloatLE(value, 8);
      writeFileSync(file, changed);
      expect(await messageOf(loadModel(folder))).to.match(/its weight "a\/kernel" has NaN or infinite values/);
    }
  });

  it('says what to do where somebody changed it on purpose', async () => {
    const change = (json: Json) => (json.format = 'layers-model ');
    const file = join(folder, 'model.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as Json & { userDefinedMetadata: object };
    json.userDefinedMetadata = { refconv: { classes: ['a'] } };
    writeFileSync(file, JSON.stringify(json));
    expect(await messageOf(loadModel(folder))).to.match(
      /its checksum is wrong.*if you changed them yourself, delete the entry "sha256"/,
    );
    change(json);
    writeFileSync(file, JSON.stringify({ ...json, sha256: undefined }));
    const { model, notes } = await loadModel(folder);
    expect(notes).to.deep.equal({ classes: ['a'] });
    model.dispose();
  });

  it('comes back where a process was killed between moving the old one away and the new one in', async () => {
    const gone = execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim();
    const host = execFileSync('hostname', { encoding: 'utf8' }).trim();
    const left = (ending: string) => join(parent, `.model.${gone}@${host}.0123abcd.${ending}`);
    renameSync(folder, left('old'));
    cpSync(left('old'), left('unfinished'), { recursive: true });
    rmSync(join(left('unfinished'), 'model.json'));
    const { model } = await loadModel(folder);
    expect(readdirSync(parent)).to.deep.equal(['model']);
    const other = tinyModel();
    const refocused = await refocus(other);
    renameSync(folder, left('old'));
    await saveModel(refocused, folder, {}, { replace: true });
    expect(readdirSync(parent)).to.deep.equal(['model']);
    for (const each of [model, other, refocused]) each.dispose();
  });
});
