import { spawn } from 'node:child_process';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashOf } from '@refconv/files';
import { expect } from 'chai';
import { readResult, runFolder } from './folder.js';
import { appendToLedger, checkLedger, readLedger, rebuildLedger } from './ledger.js';
import type { Result } from './result.js';
import { resultOf } from './testing/result.js';
import { temporaryFolder } from './testing/tiny.js';

const APPEND = fileURLToPath(new URL('./testing/append.js', import.meta.url));
const [PROCESSES, EACH] = process.env.REFCONV_LONG === '1' ? [20, 25] : [10, 10];

describe('the ledger', () => {
  const at = temporaryFolder();

  it(`has all of ${PROCESSES * EACH} rows that ${PROCESSES} processes append at the same time, each once and whole`, async () => {
    const root = at('many');
    await mkdir(root);
    // Each row is appended by two processes.
    const codes = await Promise.all(
      Array.from({ length: PROCESSES }, (_, i) => {
        const first = EACH * (i - (i % 2));
        const child = spawn(process.execPath, [APPEND, root, String(first), String(2 * EACH)], { stdio: 'inherit' });
        return new Promise((resolve) => child.on('exit', resolve));
      }),
    );
    expect(codes).to.deep.equal(Array(PROCESSES).fill(0));
    const rows = await readLedger(root);
    expect(rows.map(({ seed }) => Number(seed)).sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: PROCESSES * EACH }, (_, i) => i),
    );
    expect(new Set(rows.map(({ host }) => host))).to.deep.equal(new Set(['here, "quoted"']));
  });

  it('takes away a line that a killed writer left half written', async () => {
    const root = at('torn');
    await appendToLedger(root, resultOf(1));
    const torn = `${resultOf(2).hash},mobilenetv1`;
    await appendFile(join(root, 'ledger.csv'), torn);
    expect(await readLedger(root)).to.have.lengthOf(1);
    await appendToLedger(root, resultOf(2));
    expect((await readLedger(root)).map(({ seed }) => seed)).to.deep.equal(['1', '2']);
  });

  it('has the row of a run that was done again in the place of the first one', async () => {
    const root = at('again');
    const said: string[] = [];
    const [first, other] = [resultOf(1), resultOf(2)];
    for (const result of [first, other]) await appendToLedger(root, result, (line) => said.push(line));
    const path = join(root, 'ledger.csv');
    const before = await readFile(path, 'utf8');
    await appendToLedger(root, first, (line) => said.push(line));
    expect(await readFile(path, 'utf8')).to.equal(before);
    expect(said).to.deep.equal([]);
    await appendToLedger(root, { ...first, top1: 0.4321 }, (line) => said.push(line));
    const rows = await readLedger(root);
    expect(rows.map(({ hash, top1 }) => [hash, top1])).to.deep.equal([
      [first.hash, '0.4321'],
      [other.hash, String(other.top1)],
    ]);
    expect(said.join()).to.match(/had a row of an earlier run of [0-9a-f]{12}; it has that of this one now/);
  });

  it('is made anew from the run folders', async () => {
    const root = at('anew');
    for (const seed of [1, 2, 3]) {
      const result = resultOf(seed);
      const path = join(runFolder(root, result.hash), 'result.json');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, JSON.stringify(result));
      await appendToLedger(root, result);
    }
    const before = await readFile(join(root, 'ledger.csv'), 'utf8');
    await rm(join(root, 'ledger.csv'));
    expect(await rebuildLedger(root)).to.equal(3);
    const after = await readFile(join(root, 'ledger.csv'), 'utf8');
    expect(after.split('\n').sort()).to.deep.equal(before.split('\n').sort());
    await writeFile(join(root, 'ledger.csv'), 'hash,top1\n');
    for (const attempt of [readLedger(root), checkLedger(root), appendToLedger(root, resultOf(4))]) {
      const error = await attempt.catch((thrown: Error) => thrown);
      expect(error)
        .to.have.property('message')
        .that.contains('other columns')
        .and.contains('refconv experiment ledger');
    }
    expect(await readFile(join(root, 'ledger.csv'), 'utf8')).to.equal('hash,top1\n');
  });

  it('says which images the best epoch was chosen on, also of results from before they said so', async () => {
    const root = at('earlier');
    const { best: _, ...others } = resultOf(1);
    const tuned = { ...others.spec, data: { ...others.spec.data, validation: 10 } };
    const results = [
      { ...others, bestTop1: 0.6, bestEpoch: 1 },
      { ...others, hash: hashOf(tuned), spec: tuned, bestTop1: 0.7, bestEpoch: 2 },
    ];
    for (const result of results) {
      const path = join(runFolder(root, result.hash), 'result.json');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, JSON.stringify(result));
    }
    expect(await rebuildLedger(root)).to.equal(2);
    expect(
      (await readLedger(root))
        .map((row) => [row.evaluated_on, row.top1, row.best_top1_on_test, row.best_epoch_on_test])
        .sort(),
    ).to.deep.equal([
      ['test', '0.5', '0.6', '1'],
      ['validation', '0.5', '', ''],
    ]);
    const { best } = (await readResult(root, hashOf(tuned))) as Result;
    expect(best).to.deep.equal({ top1: 0.7, epoch: 2, chosenOn: 'validation' });
  });
});
