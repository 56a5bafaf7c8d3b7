import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { z } from 'zod';
import { parse } from './parse.js';
import { hashOfSpec, parseSpec, RESULTS_VERSION, type SpecInput } from './spec.js';
import { analysisSchema, networkSchema } from './specSchema.js';
import { tinySpec } from './testing/tiny.js';

const problem = (value: unknown) => {
  try {
    parseSpec(value);
  } catch (error) {
    expect(error).to.be.instanceOf(RangeError);
    return (error as Error).message;
  }
  return 'nothing';
};

describe('a spec', () => {
  const spec = tinySpec();

  it('is refused with the nearest known name where a field or a value is unknown', () => {
    expect(problem({ ...spec, sed: 1 })).to.match(/sed is unknown; did you mean seed\?/);
    expect(problem({ ...spec, recipe: { ...spec.recipe, learningrate: 1 } })).to.match(
      /recipe\.learningrate is unknown; did you mean learningRate\?/,
    );
    const augment = { ...spec.recipe.augment, flipp: true };
    expect(problem({ ...spec, recipe: { ...spec.recipe, augment } })).to.match(/recipe\.augment\.flipp .*mean flip\?/);
    expect(problem({ ...spec, network: { id: 'mobilenetv5' } })).to.match(/mobilenetv5.*did you mean mobilenetv\d\?/);
    expect(problem({ ...spec, method: { id: 'repvg' } })).to.match(/method\.id is "repvg".*repvgg/);
    expect(problem({ ...spec, network: { id: 'resnet18', width: 2 } })).to.match(/resnet18 takes no option 'width'/);
  });

  it('is refused with what was given where a value is of the wrong kind or out of range', () => {
    const { network: _, ...withoutNetwork } = spec;
    expect(problem(withoutNetwork)).to.match(/network is not set/);
    expect(problem({ ...spec, seed: '1' })).to.match(/seed is "1"/);
    expect(problem({ ...spec, seed: -1 })).to.match(/seed is -1/);
    expect(problem({ ...spec, threads: 0 })).to.match(/threads is 0/);
    expect(problem({ ...spec, recipe: { ...spec.recipe, epochs: 1.5 } })).to.match(/recipe\.epochs is 1\.5/);
    expect(problem({ ...spec, from: 'abc' })).to.match(/from is "abc"/);
    expect(problem({ ...spec, data: { name: 'cifar10', size: 16 } })).to.match(/data\.size is for the synthetic set/);
    expect(problem('spec')).to.match(/it is "spec"/);
    for (const id of ['refconv', 'acb', 'wn']) {
      expect(problem({ ...spec, method: { id, options: { seed: 3 } } })).to.match(
        /method\.options\.seed is no option; a run has one seed, the field `seed` of the spec/,
      );
    }
    expect(problem({ ...spec, sed: 1, seed: '1' })).to.match(/sed is unknown.*seed is "1"|seed is "1".*sed is unknown/);
  });

  it('of segmentation names its task, and is refused where data, recipe or start do not fit it', () => {
    const recipe = { ...spec.recipe, augment: { crop: 0, flip: false } };
    const scenes = { ...spec, task: { id: 'segmentation' as const }, data: { name: 'scenes' as const }, recipe };
    expect(parseSpec(scenes).task).to.deep.equal({ id: 'segmentation' });
    expect(hashOfSpec(parseSpec(spec))).to.equal(hashOfSpec(parseSpec({ ...spec, task: undefined })));
    expect(problem({ ...scenes, task: undefined })).to.match(/have label images: set task to/);
    expect(problem({ ...spec, task: scenes.task })).to.match(/synthetic has no label images.*camvid/);
    expect(problem({ ...scenes, recipe: spec.recipe })).to.match(/set recipe.augment to/);
    expect(problem({ ...scenes, recipe: { ...recipe, labelSmoothing: 0.1 } })).to.match(/no labelSmoothing/);
    const weights = { file: 'a.safetensors', sha256: '0'.repeat(64) };
    expect(problem({ ...scenes, weights, from: '0'.repeat(64) })).to.match(/weights and from are both set/);
    expect(problem({ ...scenes, data: { name: 'segmentation' } })).to.match(/data.folder is not set/);
  });

  it('has names that are known in lists, unions and records too', () => {
    const schema = z.strictObject({
      networks: z.array(networkSchema),
      analysis: analysisSchema.optional(),
      byName: z.record(z.string(), z.strictObject({ width: z.number() })).optional(),
    });
    const said = (value: object) => {
      try {
        parse(schema, value, 'The settings', { networks: '[{"id":"resnet18"}]' });
      } catch (error) {
        return (error as Error).message;
      }
      return 'nothing';
    };
    expect(said({ networks: [{ id: 'resnet18', vriant: 'cifar' }] })).to.match(
      /networks\.0\.vriant is unknown; did you mean variant\?/,
    );
    expect(said({ networks: [{ backbone: 'foo' }] })).to.match(
      /networks\.0\.id is not set.*backbone is unknown; there are id, /,
    );
    const landscape = { id: 'landscape', points: 3, images: null };
    expect(said({ networks: [], analysis: { ...landscape, part: { j: 1 } } })).to.match(/analysis\.part\.j is unknown/);
    expect(said({ networks: [], analysis: { ...landscape, point: 3 } })).to.match(
      /point is unknown; did you mean points/,
    );
    expect(said({ networks: [], byName: { a: { width: 1, widht: 2 } } })).to.match(/byName\.a\.widht .*mean width\?/);
    expect(said({ networks: 'resnet18' })).to.match(/networks is "resnet18": .* \(such as \[\{"id":"resnet18"\}\]\)/);
  });

  it('cannot reach outside itself', () => {
    const text = JSON.stringify(spec).replace(/^{/, '{"__proto__":{"polluted":1},');
    expect(problem(JSON.parse(text))).to.match(/__proto__ is unknown/);
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
  });

  it('has a hash that tells all that decides its result, and nothing else', () => {
    const whole = parseSpec(spec);
    const hash = hashOfSpec(whole);
    // Neither the order of its fields nor defaults that are left out count.
    const reversed = Object.fromEntries(Object.entries(whole).reverse()) as SpecInput;
    expect(hashOfSpec(parseSpec(reversed))).to.equal(hash);
    expect(whole.resultsVersion).to.equal(RESULTS_VERSION);
    const canonical = (value: unknown): string =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? `{${Object.entries(value)
            .filter(([, entry]) => entry !== undefined)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`)
            .join()}}`
        : JSON.stringify(value);
    expect(hash).to.equal(createHash('sha256').update(canonical(whole)).digest('hex'));
    const others: SpecInput[] = [
      { ...spec, seed: 2 },
      { ...spec, threads: 2 },
      { ...spec, threads: null },
      { ...spec, from: '0'.repeat(64) },
      { ...spec, method: { id: 'refconv' } },
      { ...spec, freezeBatchNorm: true },
      { ...spec, data: { ...spec.data, train: 31 } },
      { ...spec, recipe: { ...spec.recipe, nesterov: true } },
    ];
    const hashes = [whole, ...others.map(parseSpec)].map(hashOfSpec);
    // So are the names of runs from before a change that changes results.
    hashes.push(hashOfSpec({ ...whole, resultsVersion: RESULTS_VERSION + 1 }));
    expect(new Set(hashes).size).to.equal(hashes.length);
    for (const other of [RESULTS_VERSION + 1, 1])
      expect(problem({ ...spec, resultsVersion: other })).to.match(/resultsVersion is/);
  });
});
