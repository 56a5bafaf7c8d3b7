import { expect } from 'chai';
import { measureInTurns } from './turns.js';
import { WorkerFailed, WorkerProcess } from './workerProcess.js';

/** A process that speaks as a worker does: its steps take no time, and are said to take so many milliseconds. */
const worker = (name: string, milliseconds: number, loss = '1') =>
  new WorkerProcess(name, process.execPath, [
    '-e',
    `const say = (answer) => console.log(JSON.stringify(answer));
    say({ warmStepMilliseconds: ${milliseconds} });
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const began = Date.now();
      const count = Number(line.split(' ')[1]);
      say({ milliseconds: Array(count).fill(${milliseconds}), cpuMilliseconds: 0, peakMemoryMB: began, loss: ${loss} });
    });`,
  ]);

describe('taking turns', () => {
  it('has the rounds that count, each of enough steps, and leaves no process', async () => {
    const lines: string[] = [];
    const workers: WorkerProcess[] = [];
    const start = (name: string, milliseconds: number) => () => {
      workers.push(worker(name, milliseconds));
      return workers.at(-1) as WorkerProcess;
    };
    const options = { rounds: 2, roundMilliseconds: 100, log: (line: string) => lines.push(line) };
    const measured = await measureInTurns({ plain: start('plain', 30), refconv: start('refconv', 1000) }, options);
    expect([...measured.keys()]).to.deep.equal(['plain', 'refconv']);
    const counts = [...measured.values()].map(({ rounds }) => rounds.map(({ milliseconds }) => milliseconds.length));
    expect(counts).to.deep.equal([
      [4, 4],
      [1, 1],
    ]);
    expect(lines).to.deep.equal([
      'warming up plain',
      'warming up refconv',
      'round 1 of 3, which does not count',
      'round 2 of 3',
      'round 3 of 3',
    ]);
    for (const { rounds } of measured.values()) for (const { others } of rounds) expect(others).to.be.within(0, 1);
    for (const each of workers)
      expect(await each.ask('step 1').catch((error: Error) => error.name)).to.equal('WorkerFailed');
  });

  it('ends where a loss is no longer finite, and where it is told to', async () => {
    const diverged = measureInTurns({ refconv: () => worker('refconv', 1, 'null') }, { rounds: 1 });
    expect(await diverged.catch((error: Error) => error)).to.be.instanceOf(WorkerFailed);
    const stop = new AbortController();
    const log = (line: string) => line.startsWith('round 2') && stop.abort();
    const stopped = measureInTurns({ plain: () => worker('plain', 1) }, { rounds: 100, signal: stop.signal, log });
    expect(await stopped.catch((error: Error) => error.name)).to.equal('AbortError');
  });
});
