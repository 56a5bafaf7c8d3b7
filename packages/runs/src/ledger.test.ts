import { spawn } from 'node:child_process';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { runFolder } from './folder.js';
import { appendToLedger, readLedger, rebuildLedger } from './ledger.js';
import { resultOf } from './testing/result.js';
import { temporaryFolder } from './testing/tiny.js';

const APPEND = fileURLToPath(new URL('./testing/append.js', import.meta.url));
const PROCESSES = 20;
const EACH = 25;

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
  }).timeout(300_000);

  it('takes away a line that a killed writer left half written', async () => {
    const root = at('torn');
    await appendToLedger(root, resultOf(1));
    const torn = `${resultOf(2).hash},mobilenetv1`;
    await appendFile(join(root, 'ledger.csv'), torn);
    expect(await readLedger(root)).to.have.lengthOf(1);
    await appendToLedger(root, resultOf(2));
    expect((await readLedger(root)).map(({ seed }) => seed)).to.deep.equal(['1', '2']);
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
    const error = await readLedger(root).catch((thrown: Error) => thrown);
    expect(error).to.have.property('message').that.contains('other columns').and.contains('refconv experiment ledger');
  });
});
