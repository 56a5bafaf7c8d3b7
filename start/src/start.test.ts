import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { channelStatistics, syntheticDataset } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { keptBaseline } from './baseline.js';
import { CURVES, type StartResult } from './result.js';
import { type StartOptions, start, startRecipe } from './start.js';

const data = syntheticDataset({ size: 16, train: 64, test: 60, seed: 3 });
const SETTINGS = { epochs: 2, batchSize: 16, learningRate: 0.05, width: 1 / 8, seed: 1 };
const STEPS = 8;

describe('the job of npm start', () => {
  let parent: string;
  before(async () => {
    parent = await mkdtemp(join(tmpdir(), 'refconv-start-'));
  });
  after(() => rm(parent, { recursive: true, force: true }));

  const run = (name: string, options: Partial<StartOptions> = {}) =>
    start({
      data,
      ...channelStatistics(data.train),
      ...SETTINGS,
      folder: join(parent, name),
      log: () => {},
      showProgress: false,
      ...options,
    });
  const accuracies = ({ curves }: StartResult) =>
    CURVES.map((curve) => curves[curve].map(({ epoch, trainLoss, testLoss }) => [epoch, trainLoss, testLoss]));

  it('trains three networks, merges, compares, and is taken up again after an interruption', async () => {
    const tensors = tf.memory().numTensors;
    const whole = (await run('whole')) as StartResult;
    const [baseline, control, refconv] = accuracies(whole);
    for (const curve of [baseline, control, refconv]) expect(curve).to.have.lengthOf(2);
    expect(refconv).not.to.deep.equal(control);
    expect(control).not.to.deep.equal(baseline);
    expect(whole.agreement.images).to.equal(60);
    // Two logits of an image may be equal but for rounding.
    expect(whole.agreement.samePredictions).to.be.at.least(59);
    expect(whole.agreement.largestLogitDifference).to.be.at.most(1e-5 * whole.agreement.largestLogit);
    expect(whole.cost.merged).to.deep.equal(whole.cost.baseline);
    expect(whole.cost.refocused.trainable).to.be.above(whole.cost.baseline.trainable);
    expect(JSON.parse(await readFile(join(parent, 'whole', 'result.json'), 'utf8'))).to.deep.equal(whole);

    // At the baseline's last step, so that its training still ends; then within the control's second epoch.
    for (const last of [STEPS, 5]) {
      const stop = new AbortController();
      let done = 0;
      const onStep = () => {
        if (++done === last) stop.abort();
      };
      expect(await run('stopped', { signal: stop.signal, onStep })).to.equal(undefined);
    }
    expect(accuracies((await run('stopped')) as StartResult)).to.deep.equal(accuracies(whole));
    expect(tf.memory().numTensors).to.equal(tensors);

    const merged = await tf.loadLayersModel(`file://${join(parent, 'whole', 'merged', 'model.json')}`);
    expect(JSON.stringify(merged.toJSON(undefined, false))).not.to.contain('RefConv');
    merged.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('begins with the baseline that is kept, and leaves it as it is', async () => {
    const tensors = tf.memory().numTensors;
    const images = syntheticDataset({ size: 32, train: 16, test: 20, seed: 3 });
    const baseline = await keptBaseline();
    const before = baseline.model.getWeights().map((weight) => weight.dataSync().slice());
    const settings = { width: 0.25, epochs: 1, init: 'zero', refocusingRate: 'matched' } as const;
    const log: string[] = [];
    const whole = (await run('kept', {
      ...{ data: images, ...channelStatistics(images.train), baseline, log: (line) => log.push(line), ...settings },
    })) as StartResult;
    expect(whole.curves.baseline).to.deep.equal([]);
    expect(whole.baseline).to.include({ epochs: 105, run: baseline.hash });
    expect(whole.baseline.testTop1).to.be.within(0, 1);
    expect(whole).to.have.nested.property('recipe.refocusingRate', 'matched');
    expect(log.join('\n')).to.contain(`trained before, for 105 epochs (run ${baseline.hash.slice(0, 12)})`);
    const after = baseline.model.getWeights().map((weight) => weight.dataSync().slice());
    expect(after).to.deep.equal(before);
    baseline.model.dispose();
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('is that of the run which its spec names', async () => {
    const { model, spec, hash } = await keptBaseline();
    expect(spec).to.deep.include({
      seed: 1,
      from: null,
      method: null,
      network: { id: 'mobilenetv1', variant: 'cifar', width: 0.25 },
    });
    expect(hash).to.match(/^729e28ae8143/);
    model.dispose();
  });

  it('refuses a folder with another run, and frees what it made', async () => {
    const tensors = tf.memory().numTensors;
    const error = await run('whole', { seed: 2 }).catch((thrown: Error) => thrown);
    expect(error).to.be.an('error').with.property('message').that.contains('recipe.seed is 1 there, 2 here');
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it("keeps the paper's share of warm-up", () => {
    expect(startRecipe({ ...SETTINGS, epochs: 21 })).to.include({ warmUpEpochs: 1, momentum: 0.9, weightDecay: 4e-5 });
  });
});
