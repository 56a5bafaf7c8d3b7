import { expect } from 'chai';
import { watchOthers } from './otherLoad.js';
import { WorkerProcess } from './workerProcess.js';

describe('other load', () => {
  it('the share of others', async () => {
    const others = watchOthers();
    const start = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { user, system } = process.cpuUsage(start);
    expect(others((user + system) / 1000)).to.be.within(0, 1);
    expect(watchOthers()(1e9)).to.equal(0);
  });
});

describe('a worker process', () => {
  const run = (script: string) => new WorkerProcess('someone', process.execPath, ['-e', script]);

  it('answers', async () => {
    const worker = run(
      `console.log('[1]'); process.stdin.on('data', (text) => console.log(JSON.stringify(String(text))))`,
    );
    expect(await worker.ask()).to.deep.equal([1]);
    expect(await worker.ask('step 3')).to.equal('step 3\n');
    await worker.stop();
  });

  const failure = async (worker: WorkerProcess, line?: string) =>
    worker.ask(line).then(
      () => 'no failure',
      (error: Error) => `${error.name}: ${error.message}`,
    );

  it('tells how it died, also when asked again', async () => {
    const worker = run(`console.error('out of luck'); process.exit(3)`);
    expect(await failure(worker)).to.equal('WorkerFailed: someone ended (exit status 3):\nout of luck');
    expect(await failure(worker, 'step 1')).to.contain('exit status 3');
    await worker.stop();
  });

  it('tells that there is no such program, and that it speaks no JSON', async () => {
    expect(await failure(new WorkerProcess('nobody', 'no-such-program', []))).to.contain('nobody could not be started');
    const worker = run(`console.log('hello')`);
    expect(await failure(worker)).to.contain('something else than JSON to stdout: hello');
    await worker.stop();
  });
});
