/** The one road: what `refconv train` does is a spec's training, as those of experiments are. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hashOfSpec, paperRecipe, parseSpec, type Result, readLedger, rebuildLedger } from '@refconv/runs';
import { threadCount } from '@refconv/training';
import { expect } from 'chai';
import { execute } from '../../runs/dist/execute.js';
import { ownProcess, temporaryFolder } from './testing/commands.js';

const { succeed } = ownProcess;

const SMALL = ['--backbone', 'mobilenetv1', '--width', '0.0625', '--data', 'synthetic'];
const QUICK = ['--epochs', '1', '--batch-size', '100', '--learning-rate', '0.02'];

describe('the road of a training', () => {
  const at = temporaryFolder();
  const json = (...path: string[]) => JSON.parse(readFileSync(at(...path), 'utf8'));
  const again = async (name: string) => {
    const log = () => {};
    return (await execute(at('again'), parseSpec(json(`runs/${name}/spec.json`)), { log })) as Result;
  };

  it('is one: a spec by the command is the spec of an experiment, and ends with the same weights', async () => {
    succeed('train', ...SMALL, ...QUICK, '--method', 'refconv', '--output', at('runs/own'));
    const spec = parseSpec({
      ...{ network: { id: 'mobilenetv1', variant: 'cifar', width: 1 / 16 }, data: { name: 'synthetic' } },
      ...{ method: { id: 'refconv' }, seed: 1, threads: threadCount() },
      recipe: paperRecipe({ epochs: 1, warmUpEpochs: 0.1, batchSize: 100, learningRate: 0.02 }),
    });
    expect(json('runs/own/spec.json')).to.deep.equal(JSON.parse(JSON.stringify(spec)));
    const result: Result = json('runs/own/result.json');
    expect(result.hash).to.equal(hashOfSpec(spec));
    const { weights, top1, mergedTop1, testLoss } = await again('own');
    expect({ weights, top1, mergedTop1, testLoss }).to.deep.equal({
      ...{ weights: result.weights, top1: result.top1 },
      ...{ mergedTop1: result.mergedTop1, testLoss: result.testLoss },
    });
    for (const file of ['environment.json', 'merged/model.json', 'predictions.csv'])
      expect(existsSync(at('runs/own', file)), file).to.equal(true);
  });

  it('leaves a row in the ledger beside its folder, which can be made anew', async () => {
    const rows = await readLedger(at('runs'));
    expect(rows.map(({ network, method, data }) => [network, method, data])).to.deep.equal([
      ['mobilenetv1', 'refconv', 'synthetic'],
    ]);
    expect(await rebuildLedger(at('runs'))).to.equal(1);
    expect(await readLedger(at('runs'))).to.deep.equal(rows);
  });

  it('is that of what only the command could say once, too', async () => {
    const told = ['--mean', '0.4,0.4,0.4', '--std', '0.2,0.2,0.2', '--validation', '500', '--select', 'dw$'];
    const start = ['--model', at('runs/own/merged'), '--new-head', '--method', 'refconv', '--map-kernel', '1'];
    const teacher = ['--teacher', at('runs/own/merged'), '--distillation', '0.5'];
    const training = [...start, ...told, ...teacher, '--data', 'synthetic', ...QUICK];
    succeed('train', ...training, '--output', at('runs/more'));
    const result: Result = json('runs/more/result.json');
    expect(result.spec).to.deep.include({
      newHead: true,
      network: { id: 'mobilenetv1', variant: 'cifar', width: 1 / 16 },
    });
    expect(result.spec.method).to.deep.include({ options: { mapKernel: 1 }, select: 'dw$' });
    expect(result.best.chosenOn).to.equal('validation');
    const { weights, top1 } = await again('more');
    expect([weights, top1]).to.deep.equal([result.weights, result.top1]);
    expect(await readLedger(at('runs'))).to.have.lengthOf(2);

    const file = at('runs/own/merged/model.json');
    writeFileSync(file, `${readFileSync(file, 'utf8')} `);
    const other = parseSpec({ ...result.spec, seed: 2 });
    const error = await execute(at('again'), other, { log: () => {} }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.match(/merged is not the model that the spec means: the SHA-256 of its files/);
  });
});
