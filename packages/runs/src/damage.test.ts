/** Run folders whose files are damaged, half written, or another run's. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { isDone, json, prepareRun, readSpec, runFolder, stateOf } from './folder.js';
import { type Grid, planGrid, readGrid } from './grid.js';
import { appendToLedger, readLedger, rebuildLedger } from './ledger.js';
import { runQueue, WORKER } from './queue.js';
import type { Result } from './result.js';
import { readResultFile } from './resultFile.js';
import { hashOfSpec, parseSpec, type Spec } from './spec.js';
import { resultOf } from './testing/result.js';
import { firstRuns, temporaryFolder, tinyGrid, tinySpec } from './testing/tiny.js';

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: Error) => error.message,
  );

describe('a run folder that is damaged', () => {
  const at = temporaryFolder();

  function finished(root: string, seed: number): { folder: string; result: Result; path: string } {
    const result = resultOf(seed);
    const folder = runFolder(root, result.hash);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'result.json');
    writeFileSync(path, json(result));
    return { folder, result, path };
  }

  it('is done only by a whole result of its own', async () => {
    const root = at('results');
    const { folder, result, path } = finished(root, 1);
    expect(isDone(root, result.hash)).to.equal(true);
    const whole = readFileSync(path, 'utf8');
    const others = [resultOf(2), { ...result, spec: resultOf(2).spec }, { ...result, top1: null }, { spec: {} }, []];
    const damaged = [...others.map((other) => JSON.stringify(other)), '', '\0', 'null'];
    for (let length = 0; length < whole.trimEnd().length; length += 40) damaged.push(whole.slice(0, length));
    for (const text of damaged) {
      writeFileSync(path, text);
      expect(isDone(root, result.hash), text.slice(0, 30)).to.equal(false);
      const state = await stateOf(root, result.hash, result.spec);
      expect(state).to.have.property('state', 'failed');
      expect(state).to.have.property('reason').that.contains(path).and.contains('it is made anew');
    }
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(readResultFile(folder, result.hash)).to.have.property('problem').that.contains('a FIFO');
    rmSync(path);
    mkdirSync(path);
    expect(readResultFile(folder, result.hash)).to.have.property('problem').that.contains('a folder');
  });

  it('loses the ledger no row but its own, and the ledger is made anew where it is damaged', async () => {
    const root = at('ledger');
    for (const seed of [1, 2, 3]) await appendToLedger(root, finished(root, seed).result);
    const broken = finished(root, 4);
    writeFileSync(broken.path, json(broken.result).slice(0, 200));
    const problems: string[] = [];
    expect(await rebuildLedger(root, (problem) => problems.push(problem))).to.equal(3);
    expect(problems.join()).to.contain(broken.path).and.contain('is damaged');

    const ledger = join(root, 'ledger.csv');
    const whole = readFileSync(ledger, 'utf8');
    const [header, ...rows] = whole.trimEnd().split('\n') as [string, ...string[]];
    for (const text of ['', `${header}\nx,y\n${rows.join('\n')}\n`, `${header}\n"${rows.join('\n')}\n`]) {
      writeFileSync(ledger, text);
      if (text !== '')
        expect(await messageOf(readLedger(root))).to.match(/ledger\.csv .*make it anew by `refconv experiment ledger`/);
      await appendToLedger(root, finished(root, 5).result);
      expect((await readLedger(root)).map(({ seed }) => seed).sort(), text.slice(0, 20)).to.deep.equal([
        '1',
        '2',
        '3',
        '5',
      ]);
      rmSync(`${ledger}.corrupt`, { force: true });
    }
  });

  it('has its spec written anew, and a failure that cannot be read is one', async () => {
    const root = at('specs');
    const spec = parseSpec(tinySpec(1));
    const hash = hashOfSpec(spec);
    const path = join(await prepareRun(root, hash, spec), 'spec.json');
    for (const text of ['', '{"seed":', json(parseSpec(tinySpec(2))), 'null']) {
      writeFileSync(path, text);
      expect(await messageOf(readSpec(root, hash)), text.slice(0, 9))
        .to.contain(path)
        .and.contain('it is written anew');
      await prepareRun(root, hash, spec);
      expect(await readSpec(root, hash)).to.deep.equal(spec);
    }
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await prepareRun(root, hash, spec);
    expect(await readSpec(root, hash)).to.deep.equal(spec);
    writeFileSync(join(runFolder(root, hash), 'failure.json'), '{"reason": ""}');
    expect(await stateOf(root, hash, spec))
      .to.have.property('reason')
      .that.contains('does not say why');
    writeFileSync(join(runFolder(root, hash), 'failure.json'), '{"reason":');
    expect(await stateOf(root, hash, spec))
      .to.have.property('reason')
      .that.matches(/failure\.json is damaged.*experiment retry/);
  });

  it('with another run’s spec is not done by a worker, which says so', async () => {
    const root = at('worker');
    const [spec, other] = [parseSpec(tinySpec(1)), parseSpec(tinySpec(2))];
    const hash = hashOfSpec(spec);
    const folder = await prepareRun(root, hash, spec);
    writeFileSync(join(folder, 'spec.json'), json(other));
    const child = spawn(process.execPath, [WORKER, folder], { stdio: 'ignore' });
    expect((await once(child, 'exit'))[0]).to.equal(1);
    expect(await stateOf(root, hash, spec))
      .to.have.property('reason')
      .that.contains('is the spec of another run');
    expect(existsSync(runFolder(root, hashOfSpec(other)))).to.equal(false);
  });

  it('does not keep the launcher from the others', async () => {
    const root = at('launcher');
    const grid = firstRuns(tinyGrid('two', [1, 2]), 1);
    const [[hash]] = Object.entries(grid.runs) as [[string, Spec]];
    mkdirSync(runFolder(root, hash), { recursive: true });
    execFileSync('mkfifo', [join(runFolder(root, hash), 'log.txt')]);
    const lines: string[] = [];
    const { failed } = await runQueue(root, grid, { workers: 1, log: (line) => lines.push(line) });
    expect(failed).to.deep.equal([hash]);
    expect(lines.join('\n')).to.match(/failed: Opening .*log\.txt failed/);
  });

  it('or a grid’s file is named with what to do', async () => {
    const root = at('grids');
    const grid = tinyGrid('tiny', [1]);
    const path = join(await planGrid(root, grid), 'grid.json');
    const [hash, other] = Object.keys(grid.runs) as [string, string];
    const { [hash]: _, ...without } = grid.runs;
    const wrong: Partial<Grid>[] = [
      { runs: { ...grid.runs, [hash]: grid.runs[other] as Spec } },
      { runs: without },
      { rows: [{ ...grid.rows[0], hash: 'x' } as Grid['rows'][number]] },
    ];
    const texts = [...wrong.map((change) => JSON.stringify({ ...grid, ...change })), '', '{"rows": [', '[]', 'null'];
    for (const text of texts) {
      writeFileSync(path, text);
      expect(await messageOf(readGrid(root, 'tiny')), text.slice(0, 20)).to.match(
        /grid\.json is damaged \(.*\); move it away, and its script writes it anew/,
      );
    }
  });
});
