import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syntheticDataset } from '@refconv/datasets';
import { merge, refocus } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor2D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { STATISTICS, shallowNetwork } from '../testing/network.js';
import { type Attacker, attacker } from './attacker.js';
import { type Attacked, type AttackOptions, attack } from './attacks.js';
import { accuracyCurve, medianEps, pairedDifferences, readRobustness, withstood } from './curve.js';
import { runRobustness, targetOf } from './robustness.js';

const split = syntheticDataset({ size: 16, train: 16, test: 60 }).test;
const EPS = [0, 0.5, 1, 2, 4];

/** Labels that the network is right about, so that there is something to attack. */
function labelled(model: LayersModel, images = split) {
  return tf.tidy(() => {
    const pixels = Float32Array.from(images.images, (byte) => (byte / 255 - 0.5) / 0.25);
    const x = tf.tensor4d(pixels, [images.count, 16, 16, 3]);
    const logits = model.apply(x, { training: false }) as Tensor2D;
    return { ...images, labels: Int32Array.from(tf.argMax(logits, 1).dataSync()) };
  });
}

async function attackAll(program: Attacker, images: typeof split, eps: number, options: AttackOptions) {
  const tasks = Array.from({ length: images.count }, (_, i) => {
    const target = targetOf(images, i);
    return { label: target.label, walk: attack(target, eps, options) };
  });
  return (await program.run(tasks)) as Attacked[];
}

const rightOf = (attacked: readonly Attacked[]) => attacked.filter(({ broken }) => !broken).length;

describe('attacks on a network', () => {
  let before: number;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  for (const eager of [false, true]) {
    it(`leave all right at eps 0, break more by a larger eps, and PGD no fewer than FGSM${eager ? ', eagerly' : ''}`, async () => {
      const model = shallowNetwork();
      const images = labelled(model);
      const program = attacker(model, { ...STATISTICS, batchSize: 25, eager });
      const curves: Record<string, number[]> = {};
      for (const name of ['fgsm', 'pgd', 'apgd'] as const) {
        curves[name] = [];
        for (const eps of EPS) curves[name].push(rightOf(await attackAll(program, images, eps, { attack: name })));
      }
      program.dispose();
      model.dispose();
      const { fgsm, pgd, apgd } = curves as Record<string, number[]>;
      for (const curve of [fgsm, pgd, apgd] as number[][]) {
        expect(curve[0], 'eps 0').to.equal(60);
        expect(curve.at(-1)).to.be.below(40);
        for (const [i, right] of curve.slice(1).entries()) expect(right).to.be.at.most((curve[i] as number) + 1);
      }
      EPS.forEach((_, i) => {
        expect(pgd?.[i]).to.be.at.most(fgsm?.[i] as number);
        expect(apgd?.[i]).to.be.at.most((fgsm?.[i] as number) + 1);
      });
    });
  }

  it('see the merged network as the refocused one', async () => {
    const plain = shallowNetwork();
    const refocused = await refocus(plain);
    const merged = await merge(refocused);
    const images = labelled(refocused);
    const found: Attacked[][] = [];
    for (const model of [refocused, merged]) {
      const program = attacker(model, STATISTICS);
      found.push(await attackAll(program, images, 1, { attack: 'pgd', steps: 5 }));
      program.dispose();
    }
    const [one, other] = found as [Attacked[], Attacked[]];
    const same = one.filter(({ broken }, i) => broken === other[i]?.broken).length;
    expect(same).to.be.at.least(59);
    expect(rightOf(one)).to.be.within(1, 59);
    for (const each of [plain, refocused, merged]) each.dispose();
  });

  it('do not depend on the size of a batch, random starts included', async () => {
    const model = shallowNetwork();
    const images = labelled(model);
    const found: string[] = [];
    for (const batchSize of [7, 60]) {
      const program = attacker(model, { ...STATISTICS, batchSize });
      const attacked = await attackAll(program, images, 1, { attack: 'pgd', steps: 3, start: 5 });
      found.push(attacked.map(({ broken }) => Number(broken)).join(''));
      const { point } = attacked[8] as Attacked;
      const { pixels } = targetOf(images, 8);
      point.forEach((value, i) => {
        expect(value).to.be.within(0, 1);
        expect(Math.abs(value - (pixels[i] as number))).to.be.at.most(1 / 255 + 1e-6);
      });
      program.dispose();
    }
    model.dispose();
    const differing = [...(found[0] as string)].filter((bit, i) => bit !== found[1]?.[i]).length;
    expect(differing).to.be.at.most(1);
    expect(found[0]).to.contain('1').and.contain('0');
  });

  it('say what does not fit', () => {
    const model = shallowNetwork();
    expect(() => attacker(model, { mean: [0.5], std: [1] })).to.throw(/each of 3 channels; given \[0.5\] and \[1\]/);
    model.dispose();
    const open = tf.sequential({
      layers: [tf.layers.globalAveragePooling2d({ inputShape: [null, null, 3] } as never)],
    });
    expect(() => attacker(open as LayersModel, STATISTICS)).to.throw(/images of a fixed \[height, width, channels\]/);
  });
});

describe('what images withstand', () => {
  // 260 images: a whole chunk and a part of one.
  let many = syntheticDataset({ size: 16, train: 16, test: 260 }).test;
  let folder: string;
  let model: LayersModel;
  let program: Attacker;
  before(() => {
    model = shallowNetwork();
    const { labels } = labelled(model, many);
    // Some are wrong by themselves.
    many = { ...many, labels: labels.map((label, i) => (i % 10 ? label : (label + 1) % 10)) };
    program = attacker(model, STATISTICS);
  });
  after(() => {
    program.dispose();
    model.dispose();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refconv-robustness-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (changes: Partial<Parameters<typeof runRobustness>[0]> = {}) =>
    runRobustness({
      ...{ folder, attacker: program, split: many, attack: { attack: 'pgd', steps: 4 }, eps: EPS, bisections: 2 },
      settings: { network: 'a' },
      ...changes,
    });
  const bytes = (name = 'robustness.csv') => readFile(join(folder, name), 'utf8');

  it('is the smallest eps that breaks each, and makes the curve', async () => {
    expect(await run()).to.equal(true);
    const images = await readRobustness(folder);
    expect(images.map(({ image }) => image)).to.deep.equal(Array.from({ length: 260 }, (_, i) => i));
    const curve = accuracyCurve(images, EPS);
    const clean = await attackAll(program, { ...many, count: 60 }, 0, { attack: 'pgd' });
    expect(accuracyCurve(images.slice(0, 60), [0])).to.deep.equal([rightOf(clean) / 60]);
    expect([curve[0], curve.at(-1)]).to.satisfy(([first, last]: [number, number]) => first === 0.9 && last < 0.6);
    for (const [i, share] of curve.slice(1).entries()) expect(share).to.be.at.most(curve[i] as number);
    // Each lies within one of the intervals between eps, at a quarter.
    for (const { smallest } of images.filter(({ smallest }) => smallest > 0 && smallest < Number.POSITIVE_INFINITY)) {
      const above = EPS.find((eps) => eps >= smallest) as number;
      const below = EPS[EPS.indexOf(above) - 1] as number;
      expect(Number.isInteger((4 * (smallest - below)) / (above - below)), `${smallest}`).to.equal(true);
    }
  });

  it('is the same to the byte after a kill, and in parts', async () => {
    const stop = new AbortController();
    const onImage = (done: number) => done === 255 && stop.abort();
    expect(await run({ onImage, signal: stop.signal })).to.equal(false);
    const interrupted = await bytes();
    expect(interrupted.split('\n')).to.have.lengthOf(252);
    // Cut off within a line, and within a chunk.
    await appendFile(join(folder, 'robustness.csv'), '250,0,0.5\n251,1,0.');
    const attacked: number[] = [];
    expect(await run({ onImage: (done) => attacked.push(done) })).to.equal(true);
    expect(attacked).to.deep.equal([251, 252, 253, 254, 255, 256, 257, 258, 259, 260]);
    const whole = await bytes();
    expect(whole.startsWith(interrupted)).to.equal(true);
    expect(await run({ onImage: () => expect.fail('nothing is left') })).to.equal(true);
    await rm(join(folder, 'robustness.csv'));
    for (const i of [2, 1]) await run({ part: { i, n: 2 } });
    const [first, second] = [await bytes('robustness-1-of-2.csv'), await bytes('robustness-2-of-2.csv')];
    expect(first + second.slice(second.indexOf('\n') + 1)).to.equal(whole);
    expect(await readRobustness(folder)).to.have.lengthOf(260);
  });

  it('refuses what is another run, or none', async () => {
    await run({ split: { ...many, count: 2 } });
    const refused = async (changes: object) =>
      run({ split: { ...many, count: 2 }, ...changes }).then(
        () => 'nothing was thrown',
        (error: Error) => error.message,
      );
    expect(await refused({ settings: { network: 'b' } })).to.match(/of another run of attacks: network "a", given "b"/);
    expect(await refused({ attack: { attack: 'pgd', steps: 5 } })).to.match(/steps 4, given 5/);
    expect(await refused({ eps: [1, 0] })).to.match(/The eps must rise; given 1, 0/);
    expect(await refused({ attack: { attack: 'apgd', start: 1 } })).to.match(/APGD starts at the image/);
    await writeFile(join(folder, 'robustness.csv'), 'a,b\n1,2\n');
    expect(await refused({})).to.match(/is no run of attacks: its first line is 'a,b'/);
  });

  it('is summed up: curve, median, the mean as the area under the curve, image by image', () => {
    const images = [0, 0.5, 1, Number.POSITIVE_INFINITY].map((smallest, image) => ({ image, label: 0, smallest }));
    expect(accuracyCurve(images, [0, 0.5, 1, 8])).to.deep.equal([0.75, 0.5, 0.25, 0.25]);
    expect(medianEps(images)).to.equal(0.75);
    expect(medianEps(images.slice(1))).to.equal(1);
    expect(medianEps(images.slice(2))).to.equal(Number.POSITIVE_INFINITY);
    expect(images.map((image) => withstood(image, 8))).to.deep.equal([0, 0.5, 1, 8]);
    const others = images.map((image) => ({ ...image, smallest: 0.5 })).reverse();
    expect(pairedDifferences(images, others, (image) => withstood(image, 8))).to.deep.equal([-0.5, 0, 0.5, 7.5]);
    expect(() => pairedDifferences(images, others.slice(1), () => 0)).to.throw(/attacked on different images/);
  });
});
