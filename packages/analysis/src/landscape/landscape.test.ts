import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { syntheticDataset } from '@refconv/datasets';
import { merge, refocus } from '@refconv/refconv';
import { softmaxCrossEntropy, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { generatedState, uniform } from '../../../backbones/dist/testing/oracle.js';
import { STATISTICS, smallNetwork } from '../testing/network.js';
import { cosine, disposeDirection, filterNormalized, randomDirection } from './directions.js';
import { gridPoints, type LandscapePoint, parsePart, readLandscape, runLandscape } from './grid.js';
import { sharpness } from './sharpness.js';
import { lossSurface } from './surface.js';

const split = syntheticDataset({ size: 16, train: 16, test: 40 }).test;

/** The mean cross entropy, computed without compile(). */
function lossOf(model: LayersModel): number {
  return tf.tidy(() => {
    const images = tf.tensor4d(
      Float32Array.from(split.images, (value) => (value / 255 - 0.5) / 0.25),
      [40, 16, 16, 3],
    );
    const logits = model.apply(images, { training: false }) as Tensor2D;
    return tf
      .mean(softmaxCrossEntropy(logits, tf.tensor1d(Int32Array.from(split.labels), 'int32')))
      .dataSync()[0] as number;
  });
}

const norms = (x: Tensor, axes: number[]) => tf.tidy(() => [...tf.sqrt(tf.sum(tf.square(x), axes)).dataSync()]);

describe('the loss landscape', () => {
  let before: number;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it("normalises filters as the specification's anchor has it", () => {
    tf.tidy(() => {
      const oihw: [number, number, number, number] = [6, 4, 3, 3];
      const made = [...generatedState([['weight', oihw]]).values()][0]?.data as Float32Array;
      const hwio = (data: Float32Array) => tf.transpose(tf.tensor4d(data, oihw), [2, 3, 1, 0]);
      const weight = hwio(made);
      const drawn = hwio(Float32Array.from(uniform('dir.x', 216), (u) => 2 * u - 1));
      const direction = filterNormalized(drawn, weight, 'conv/kernel');
      const torch = tf.transpose(direction, [3, 2, 0, 1]).dataSync();
      [-2.284972032e-2, 3.064490696e-1, -1.078448148e-1].forEach((value, i) => {
        expect(torch[i]).to.be.closeTo(value, 1e-6);
      });
      expect(tf.norm(direction).dataSync()[0]).to.be.closeTo(3.554176751, 1e-6);
      const wanted = norms(weight, [0, 1, 2]);
      norms(direction, [0, 1, 2]).forEach((norm, i) => {
        expect(norm).to.be.closeTo(wanted[i] as number, 1e-6);
      });
    });
  });

  it('moves kernels alone, filter by filter, and both networks by the same numbers', async () => {
    const model = smallNetwork();
    const refocused = await refocus(model);
    const merged = await merge(refocused);
    const [x, y, other] = [
      randomDirection(model, 1, 'x'),
      randomDirection(model, 1, 'y'),
      randomDirection(merged, 1, 'x'),
    ];
    expect(x.kernels).to.have.lengthOf(1 + 2 * 13 + 1);
    expect(x.kernels.every(({ variable }) => variable.rank >= 2)).to.equal(true);
    x.kernels.forEach(({ name, variable, direction }, i) => {
      const depthwise = name.includes('depthwise');
      const axes = depthwise ? [0, 1] : variable.shape.map((_, axis) => axis).slice(0, -1);
      const wanted = norms(variable, axes);
      norms(direction, axes).forEach((norm, filter) => {
        expect(norm, name).to.be.closeTo(wanted[filter] as number, 1e-5);
      });
      expect(other.kernels[i]?.name).to.equal(name);
      // The merged kernel's direction is the same but for the scale of its filters.
      const signs = (t: Tensor) => t.dataSync().map(Math.sign);
      expect(signs(other.kernels[i]?.direction as Tensor)).to.deep.equal(signs(direction));
    });
    expect(Math.abs(cosine(x, y))).to.be.below(0.02);
    expect(cosine(x, x)).to.be.closeTo(1, 1e-5);
    expect(() => randomDirection(refocused, 1, 'x')).to.throw(
      /14 of its layers.*are re-parameterised. Give merge\(model\)/,
    );
    for (const direction of [x, y, other]) disposeDirection(direction);
    for (const each of [model, refocused, merged]) each.dispose();
  });

  for (const eager of [false, true]) {
    it(`has the evaluated loss at its centre and at every point${eager ? ', eagerly' : ''}`, async () => {
      const model = smallNetwork();
      const directions = [randomDirection(model, 1, 'x'), randomDirection(model, 1, 'y')] as const;
      const start = model.weights.map((weight) => [...weight.read().dataSync()]);
      const wanted = lossOf(model);
      // 40 images in batches of 16 leave a smaller one.
      const surface = lossSurface(model, directions, split, { ...STATISTICS, batchSize: 16, eager });
      const away = await surface.at(0.5, -0.25);
      const centre = await surface.at(0, 0);
      expect(centre.loss).to.be.closeTo(wanted, 1e-5);
      expect(centre.top1 * 40).to.be.closeTo(Math.round(centre.top1 * 40), 1e-9);
      expect(await surface.at(0.5, -0.25)).to.deep.equal(away);
      surface.dispose();
      expect(model.weights.map((weight) => [...weight.read().dataSync()])).to.deep.equal(start);

      tf.tidy(() => {
        directions[0].kernels.forEach(({ variable, direction }, i) => {
          const y = directions[1].kernels[i]?.direction as Tensor;
          variable.assign(tf.add(variable, tf.add(tf.mul(direction, 0.5), tf.mul(y, -0.25))));
        });
      });
      expect(away.loss)
        .to.be.closeTo(lossOf(model), 1e-5 * Math.max(1, away.loss))
        .and.not.closeTo(wanted, 1e-3);
      directions.forEach(disposeDirection);
      model.dispose();
    });
  }

  it('is the same with another number of threads', async () => {
    const script = fileURLToPath(new URL('../testing/landscapePoints.js', import.meta.url));
    const [one, two] = await Promise.all(
      ['1', '2'].map(async (threads) => {
        const env = { ...process.env, TF_NUM_INTRAOP_THREADS: threads };
        const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
        return JSON.parse(stdout.trim().split('\n').at(-1) as string) as number[];
      }),
    );
    one?.forEach((loss, i) => {
      expect(loss).to.be.closeTo(two?.[i] as number, 1e-4);
    });
    expect(one).to.have.lengthOf(3);
  });

  it('says what it cannot take', async () => {
    const [model, other] = [smallNetwork(), smallNetwork(2)];
    const direction = randomDirection(other, 1, 'x');
    expect(() => lossSurface(model, [direction, direction], split, STATISTICS)).to.throw(/are of another model/);
    const empty = { ...split, images: new Uint8Array(), labels: new Uint8Array(), count: 0 };
    expect(() => lossSurface(other, [direction, direction], empty, STATISTICS)).to.throw(/at least one image/);
    disposeDirection(direction);
    model.dispose();
    other.dispose();
  });
});

describe("a landscape's points", () => {
  let folder: string;
  let evaluated: string[];
  const evaluate = async (x: number, y: number) => {
    evaluated.push(`${x},${y}`);
    return { loss: 1 + x * x + 2 * y * y, top1: 0.5 };
  };
  const run = { grid: { points: [5, 3] as const }, settings: { network: 'a', seed: 1 }, evaluate };
  beforeEach(async () => {
    evaluated = [];
    folder = await mkdtemp(join(tmpdir(), 'refconv-landscape-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('have 0 and ±1 among them', () => {
    const points = gridPoints();
    expect(points).to.have.lengthOf(441);
    for (const point of [
      { x: 0, y: 0 },
      { x: -1, y: 1 },
      { x: 1, y: 0 },
      { x: 0.3, y: -0.7 },
    ]) {
      expect(points).to.deep.include(point);
    }
    expect(gridPoints({ x: [-1, 1], y: [0, 0], points: [51, 1] })).to.have.lengthOf(51);
    expect(() => gridPoints({ x: [1, -1] })).to.throw(/given 1 to -1 along x/);
    expect(() => gridPoints({ points: [0, 3] })).to.throw(/given 0 along x/);
    expect(() => gridPoints({ points: [3, 1] })).to.throw(/given -1 to 1 along y in 1 points/);
  });

  it('are kept one by one: an interrupted run goes on, a line cut off is made again', async () => {
    const stop = new AbortController();
    const onPoint = (_: LandscapePoint, done: number) => done === 4 && stop.abort();
    expect(await runLandscape({ ...run, folder, onPoint, signal: stop.signal })).to.have.lengthOf(4);
    const file = join(folder, 'points.csv');
    await appendFile(file, '-1,0,3.');
    const points = await runLandscape({ ...run, folder });
    expect(evaluated).to.have.lengthOf(15);
    expect(new Set(evaluated).size).to.equal(15);
    expect(points).to.deep.equal(await readLandscape(folder));
    expect(points.find(({ x, y }) => x === 0.5 && y === -1)).to.include({ loss: 3.25, top1: 0.5 });
    expect((await readFile(file, 'utf8')).split('\n')).to.have.lengthOf(17);
  });

  it('can be split', async () => {
    for (const part of ['1/2', '2/2']) await runLandscape({ ...run, folder, part: parsePart(part) });
    expect(evaluated).to.have.lengthOf(15);
    expect(await readLandscape(folder)).to.have.lengthOf(15);
    expect(await runLandscape({ ...run, folder })).to.have.lengthOf(15);
    expect(evaluated, 'nothing is left').to.have.lengthOf(15);
    for (const wrong of ['0/2', '3/2', '1', 'a/b']) expect(() => parsePart(wrong)).to.throw(/i\/n with 1 ≤ i ≤ n/);
  });

  it('refuse what is another landscape, or none', async () => {
    await runLandscape({ ...run, folder });
    const refused = async (change: object) =>
      runLandscape({ ...run, folder, ...change }).then(
        () => 'nothing was thrown',
        (error: Error) => error.message,
      );
    expect(await refused({ settings: { network: 'b', seed: 1 } })).to.match(
      /of another landscape: network "a", given "b"/,
    );
    expect(await refused({ grid: { points: [3, 3] } })).to.match(
      /points \[5,3\], given \[3,3\]. Choose another folder/,
    );
    await writeFile(join(folder, 'points.csv'), 'a,b\n1,2\n');
    expect(await refused({})).to.match(/is no landscape: its first line is 'a,b'/);
  });

  it('become sharpness numbers', async () => {
    const points = await runLandscape({ ...run, folder, grid: { points: [5, 5] } });
    const found = sharpness(points, 0.5);
    expect(found).to.deep.include({ centre: 1, least: 1, points: 5, largestIncrease: 0.5, keskar: 25 });
    expect(found.meanIncrease).to.be.closeTo((2 * 0.25 + 2 * 0.5) / 5, 1e-12);
    expect(found.curvature).to.deep.equal({ x: 2, y: 4 });
    expect(found.wideShare).to.equal(points.filter(({ x, y }) => x * x + 2 * y * y < 1).length / 25);
    expect(() => sharpness(points.filter(({ x }) => x !== 0))).to.throw(/no point \(0, 0\)/);
    expect(sharpness(points.filter(({ y }) => y === 0)).curvature.y).to.equal(undefined);
  });
});
