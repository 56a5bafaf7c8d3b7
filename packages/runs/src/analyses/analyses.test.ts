import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { MemoryImages } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { evaluate, loadModel, threadCount } from '@refconv/training';
import { expect } from 'chai';
import { parse } from 'csv-parse/sync';
import { analysisCsv, analysisMarkdown, analysisTableOf, unfinishedParts } from '../analysisTable.js';
import { loadData } from '../data.js';
import { execute } from '../execute.js';
import { runFolder } from '../folder.js';
import { type Grid, GridBuilder, planGrid } from '../grid.js';
import { writeTables } from '../launch.js';
import { readLedger, rebuildLedger } from '../ledger.js';
import type { AnalysisResult } from '../result.js';
import { type Analysis, hashOfSpec, parseSpec, type Spec, type SpecInput } from '../spec.js';
import { NOTES, temporaryFolder, tinySpec } from '../testing/tiny.js';

const quiet = { log: () => {} };

describe('analyses', () => {
  const at = temporaryFolder();
  const spec = { ...tinySpec(1), threads: threadCount() };
  const grid = new GridBuilder({ ...NOTES, name: 'analyses' });
  const from = grid.add('v1', 'baseline', spec);
  const trained: SpecInput = { ...spec, from, method: { id: 'refconv' } };
  const refocused = grid.add('v1', 'refconv', trained);
  const add = (arm: string, of: SpecInput, analysis: SpecInput['analysis']) => grid.add('v1', arm, { ...of, analysis });
  const ofRefconv = { ...trained, from: refocused };
  const control = grid.add('v1', 'retraining', { ...spec, from });
  const robustness = { id: 'robustness' as const, steps: 3, eps: [0, 1, 8], bisections: 2, images: 20 };
  const landscape = { id: 'landscape', points: 3, images: 20 } as const;
  const hashes = {
    connectivity: add('connectivity', ofRefconv, { id: 'connectivity', channels: 8 }),
    redundancy: add('redundancy', ofRefconv, { id: 'redundancy', channels: 8 }),
    skeletons: add('skeletons', ofRefconv, { id: 'skeletons' }),
    ofControl: add('skeletons of control', { ...spec, from: control }, { id: 'skeletons' }),
    ofBaseline: add('skeletons of baseline', { ...spec, from }, { id: 'skeletons' }),
    attacked: add('robustness', ofRefconv, robustness),
    attackedFirst: add('robustness in parts', ofRefconv, { ...robustness, part: { i: 1, n: 2 } }),
    attackedSecond: add('robustness in parts', ofRefconv, { ...robustness, part: { i: 2, n: 2 } }),
    whole: add('landscape', ofRefconv, landscape),
    first: add('landscape in parts', ofRefconv, { ...landscape, part: { i: 1, n: 2 } }),
    second: add('landscape in parts', ofRefconv, { ...landscape, part: { i: 2, n: 2 } }),
    before: add('baseline', spec, { id: 'cost', steps: 0 }),
    after: add('cost', { ...trained, from: null }, { id: 'cost', steps: 2 }),
  };
  const all: Grid = grid.build();
  const root = () => at('root');
  const done = async (hash: string) => (await execute(root(), all.runs[hash] as Spec, quiet)) as AnalysisResult;
  const csv = async (hash: string, name: string): Promise<Record<string, string>[]> =>
    parse(await readFile(join(runFolder(root(), hash), name), 'utf8'), { columns: true });

  before(async () => {
    await planGrid(root(), all);
  });

  it('are refused while the run that they are of is not finished', async () => {
    const error = await done(hashes.skeletons).catch((error: Error) => error);
    expect((error as Error).message).to.match(/is not finished: do it first/);
    for (const hash of [from, refocused, control]) await done(hash);
  });

  it('are refused where the run that they are of is finished, but its model is not kept', async () => {
    const [model, away] = [join(runFolder(root(), refocused), 'model'), at('away')];
    await rename(model, away);
    const error = await done(hashes.skeletons).catch((error: Error) => error);
    await rename(away, model);
    expect((error as Error).message).to.match(
      /is finished, but .* has no model: put its model there, or move that folder away/,
    );
  });

  it('leave a training with the name that it had before there were any', () => {
    // Printed by the version without the field.
    const hash = hashOfSpec({ ...parseSpec(tinySpec(1)), resultsVersion: 1 });
    expect(hash).to.equal('5229f007a0bea08c6160122c9023bf6188c2c5b63f5fb39eb41814e28e1e91fb');
  });

  it('have kernels’ matrices in files, and a row for each layer', async () => {
    const tensors = tf.memory().numTensors;
    const ties = await done(hashes.connectivity);
    expect(ties.rows).to.have.lengthOf(13);
    const [first] = ties.rows as [Record<string, number | string>];
    const entries = (await csv(hashes.connectivity, 'connectivity.csv')).filter(({ layer }) => layer === first.layer);
    // MobileNetV1 × 1/16 has 2 channels there, then 4, then 8 and more.
    expect(entries).to.have.lengthOf(4);
    const mean = entries.reduce((sum, { value }) => sum + Number(value), 0) / 4;
    expect(first.mean).to.be.closeTo(mean, 1e-9);
    // Xavier's bound for 2 → 2 channels and 3×3: the mean is 9/2 of it.
    expect(first.initial_mean).to.be.closeTo(4.5 * Math.sqrt(6 / (9 * 4)), 1e-6);
    for (const row of ties.rows) {
      expect(row.learned_mean).to.be.above(0);
      expect(row.learned_mean).to.be.below((row.mean as number) + (row.initial_mean as number));
    }

    const redundancy = await done(hashes.redundancy);
    expect(redundancy.rows).to.have.lengthOf(13);
    expect(await csv(hashes.redundancy, 'redundancy.csv')).to.have.lengthOf(4 * (4 + 16 + 11 * 64));
    const skeletons = await done(hashes.skeletons);
    expect(await csv(hashes.skeletons, 'skeletons.csv')).to.have.lengthOf(13 * 2 * 9);
    for (const row of skeletons.rows) expect(row.transformed_centre).to.be.below(row.transformed_cross as number);
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('compare the skeletons of a plain network with those that it started from, where it did', async () => {
    const tensors = tf.memory().numTensors;
    const [ofRefconv, ofControl] = [await done(hashes.skeletons), await done(hashes.ofControl)];
    expect(ofControl.rows.map(({ layer }) => layer)).to.deep.equal(ofRefconv.rows.map(({ layer }) => layer));
    // Both started from the same baseline: its kernels are W_b.
    ofControl.rows.forEach((row, i) => {
      for (const column of ['basis_centre', 'basis_cross'])
        expect(row[column]).to.be.closeTo(ofRefconv.rows[i]?.[column] as number, 1e-6);
      expect(row.transformed_cross).to.not.equal(row.basis_cross);
    });
    const error = await done(hashes.ofBaseline).catch((error: Error) => error);
    expect((error as Error).message).to.match(
      /are compared with those that it started from; this one started from none/,
    );
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('attack test images, split them, and have the accuracy of the run at eps 0', async () => {
    const tensors = tf.memory().numTensors;
    const lines: string[] = [];
    await execute(root(), all.runs[hashes.attacked] as Spec, { log: (line) => lines.push(line) });
    expect(lines).to.deep.equal(['20 of 20 images']);
    await done(hashes.attackedFirst);
    expect((await analysisTableOf(root(), all)).map(({ arm }) => arm)).not.to.include('robustness in parts');
    await done(hashes.attackedSecond);
    const table = await analysisTableOf(root(), all);
    const rows = ['robustness', 'robustness in parts'].map((arm) => table.find((row) => row.arm === arm)?.values);
    expect(rows[0]).to.deep.equal(rows[1]);
    const trained = (await readLedger(root())).find(({ hash }) => hash === refocused);
    expect(rows[0]).to.include({ images: 20, accuracy_at_0: Number(trained?.merged_top1) });
    expect(rows[0]?.accuracy_at_8).to.be.at.most(rows[0]?.accuracy_at_1 as number);
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('split a landscape, go on with one that was stopped, and have the evaluated loss at its centre', async () => {
    const tensors = tf.memory().numTensors;
    const stop = new AbortController();
    const log = () => stop.abort();
    expect(await execute(root(), all.runs[hashes.whole] as Spec, { signal: stop.signal, log })).to.equal(undefined);
    expect(await csv(hashes.whole, 'points.csv')).to.have.lengthOf(1);
    await done(hashes.whole);
    await done(hashes.first);
    expect((await analysisTableOf(root(), all)).map(({ arm }) => arm)).not.to.include('landscape in parts');
    expect(await writeTables(root(), all)).to.contain(
      'Left out until all parts are done: v1, landscape in parts, seed 1: 1 of 2 parts done.',
    );
    await done(hashes.second);
    expect(unfinishedParts(root(), all)).to.deep.equal([]);
    const byPlace = (rows: Record<string, string>[]) => rows.map((row) => JSON.stringify(row)).sort();
    const parts = [
      ...(await csv(hashes.first, 'points-1-of-2.csv')),
      ...(await csv(hashes.second, 'points-2-of-2.csv')),
    ];
    const points = await csv(hashes.whole, 'points.csv');
    expect(points).to.have.lengthOf(9);
    expect(byPlace(parts)).to.deep.equal(byPlace(points));

    const { model } = await loadModel(join(runFolder(root(), refocused), 'merged'));
    const { data, mean, std } = await loadData((all.runs[refocused] as Spec).data);
    const size = 20 * 16 * 16 * 3;
    const images = { ...data.train, images: data.train.images.slice(0, size), labels: data.train.labels.slice(0, 20) };
    const { loss } = await evaluate(model, new MemoryImages({ ...images, count: 20 }, { mean, std }));
    model.dispose();
    const table = await analysisTableOf(root(), all);
    for (const arm of ['landscape', 'landscape in parts']) {
      const row = table.find((row) => row.arm === arm)?.values;
      expect(row?.centre).to.be.closeTo(loss, 1e-5);
      expect(row?.points).to.equal(9);
      expect(row?.seconds_a_point).to.be.above(0);
    }
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('count and measure a training step, RefConv and the plain network in turns', async () => {
    const tensors = tf.memory().numTensors;
    const stop = new AbortController();
    const log = () => stop.abort();
    expect(await execute(root(), all.runs[hashes.after] as Spec, { signal: stop.signal, log })).to.equal(undefined);
    const [before, after] = [await done(hashes.before), await done(hashes.after)].map(
      ({ rows }) => rows[0] as Record<string, number>,
    ) as [Record<string, number>, Record<string, number>];
    expect(after).to.include({ parameters: before.parameters, macs_of_image: before.macs_of_image, batch_size: 16 });
    expect(after.parameters_in_training).to.be.above(before.parameters_in_training as number);
    expect(after.flops_per_step).to.equal((before.flops_per_step as number) + (after.flops_of_weights as number));
    expect(before).not.to.have.property('milliseconds');
    expect(tf.memory().numTensors).to.equal(tensors);
    for (const name of ['milliseconds', 'time_ratio', 'memory_ratio']) {
      const [least, middle, largest] = [after[`${name}_least`], after[name], after[`${name}_largest`]] as number[];
      expect(middle, name).to.be.within(least as number, largest as number);
    }
    // Each ratio is of one round, and of memory of one pair of processes; none is made of two runs.
    const rounds = await csv(hashes.after, 'rounds.csv');
    const pairs = [...new Set(rounds.map(({ process, round }) => `${process}.${round}`))];
    expect(pairs).to.deep.equal(['1.1', '2.1']);
    const value = (pair: string, network: string, column: string) =>
      Number(rounds.find((row) => `${row.process}.${row.round}` === pair && row.network === network)?.[column]);
    const ratios = (column: string, of: string[]) =>
      of.map((pair) => value(pair, 'refconv', column) / value(pair, 'plain', column)).sort((a, b) => a - b);
    for (const [name, column] of Object.entries({ time_ratio: 'milliseconds', memory_ratio: 'peak_memory' })) {
      const [least, largest] = ratios(column, pairs) as [number, number];
      expect(after[`${name}_least`]).to.be.closeTo(least, 1e-5);
      expect(after[`${name}_largest`]).to.be.closeTo(largest, 1e-5);
      expect(after[name]).to.be.closeTo((least + largest) / 2, 1e-5);
    }
    expect(after.used_by_others).to.be.within(0, 1);
    expect(after.disturbed).to.equal((after.used_by_others as number) >= 0.05 ? 'yes' : 'no');
    const shown = (await analysisTableOf(root(), all)).filter(({ arm }) => arm === 'cost');
    expect(analysisMarkdown(shown)).to.match(/\| [\d.]+ \([\d.]+–[\d.]+\) \|/);
  });

  it('are done once, have tables, and leave the ledger to trainings', async () => {
    const earlier = await done(hashes.connectivity);
    expect(await done(hashes.connectivity)).to.deep.equal(earlier);
    expect(await readLedger(root())).to.have.lengthOf(3);
    expect(await rebuildLedger(root())).to.equal(3);
    const table = await analysisTableOf(root(), all);
    const rows: Record<string, string>[] = parse(analysisCsv(table), { columns: true });
    expect(rows).to.have.lengthOf(4 * 13 + 2 + 2 + 2);
    expect(rows[0]).to.include({ network: 'v1', arm: 'connectivity', seed: '1', specs: hashes.connectivity });
    expect(Number(rows[0]?.mean)).to.equal(earlier.rows[0]?.mean);
    expect(analysisMarkdown(table)).to.contain('| network | arm | seed | layer | mean |');
    const text = await writeTables(root(), all);
    expect(text).to.contain('ms a step').and.to.contain('| v1 | landscape | 1 |');
    expect((await readLedger(root())).every((row) => Number(row.step_milliseconds) > 0)).to.equal(true);
  });

  it('say what is wrong with a spec', () => {
    const refused = (changes: object, message: RegExp) =>
      expect(() => parseSpec({ ...ofRefconv, ...changes })).to.throw(message);
    refused({ analysis: landscape, from: null }, /landscape is of another run, and from is null/);
    refused({ analysis: { id: 'cost', steps: 1 } }, /cost is of initial weights; from must be null/);
    refused({ analysis: { ...landscape, part: { i: 3, n: 2 } } }, /part is 3 of 2/);
    refused({ analysis: { ...robustness, part: { i: 3, n: 2 } } }, /part is 3 of 2/);
    refused({ analysis: { ...robustness, attack: 'pgd', step: 1 } }, /analysis.step is unknown; did you mean steps/);
    refused({ analysis: robustness, from: null }, /robustness is of another run, and from is null/);
    const attacked = { ...spec.recipe, adversarial: { eps: 8 } };
    refused(
      { from: null, recipe: attacked, analysis: { id: 'cost', steps: 1 } },
      /a cost is of training on images as they are/,
    );
    refused({ analysis: { ...landscape, point: 3 } }, /analysis.point is unknown; did you mean points/);
    refused({ analysis: { id: 'landscap' } as unknown as Analysis }, /analysis/);
    for (const name of ['imagenet', 'folder'])
      refused({ analysis: landscape, data: { name, folder: 'images' } }, /needs images in memory/);
  });
});
