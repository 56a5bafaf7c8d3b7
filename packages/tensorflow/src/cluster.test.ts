import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { allReduce, broadcast, clusterSize, compile, currentCluster, joinCluster, tf } from './index.js';

const SCRIPT = fileURLToPath(new URL('./testing/clusterTask.js', import.meta.url));
const LAUNCH = new URL('./launch.js', import.meta.url).href;

/** What the first of several tasks found. */
async function inCluster(processes: number, what: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const launch = `import { launchCluster } from '${LAUNCH}';
    process.exitCode = await launchCluster({ processes: ${processes}, args: ['${SCRIPT}', '${what}'], timeout: 30 });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', launch], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error.message,
  );

describe('a cluster', () => {
  it('sums, gathers and broadcasts over its tasks, differentiably', async () => {
    const found = (await inCluster(3, 'collectives')) as Record<string, unknown>;
    expect(found.sum).to.deep.equal([3, 6]);
    expect(found.all).to.deep.equal([
      [[1200, 1000], 3, 3],
      [[1300, 1000], 6, 6],
    ]);
    expect(found.share).to.deep.equal([10, 10, 10]);
    expect(found.gather).to.deep.equal([
      [0, 9],
      [1, 9],
      [2, 9],
    ]);
    expect(found.slope).to.deep.equal([6, 6]); // 1 + 2 + 3, of the tasks' losses
    expect(found.sums).to.deep.equal([['CollectiveReduceV2', 1, 8]]); // in the profile
    expect(found.tensors).to.equal(0);
  });

  for (const kernels of ['1', '0'])
    it(`takes the moments of all tasks' images, with their gradients, REFCONV_CPU_KERNELS=${kernels}`, async () => {
      const differences = (await inCluster(3, 'moments', { REFCONV_CPU_KERNELS: kernels })) as number[];
      expect(differences).to.have.length(4);
      for (const difference of differences) expect(difference).to.be.below(2e-5);
    });

  it('keeps programs of one process apart', async () => {
    expect(await inCluster(1, 'programs')).to.deep.equal([2, 101]);
  });

  it('does not go through a proxy', async () => {
    const proxy = 'http://127.0.0.1:9';
    expect(
      await inCluster(2, 'collectives', { http_proxy: proxy, https_proxy: proxy, no_proxy: 'example.org' }),
    ).to.have.property('sum');
  });

  for (const what of ['unlike shapes', 'unlike shapes in a profile', 'unlike order'])
    it(`says so where tasks have ${what}`, async () => {
      const said = await inCluster(2, what).then(
        () => expect.fail('nothing failed'),
        (error: { stderr: string }) => error.stderr,
      );
      expect(said).to.match(/Task \d of 2, in (sum|gather): the tasks do not compute the same/);
    });

  it('is joined by what can be one', async () => {
    const join = (task: number, addresses: string[]) => messageOf(joinCluster({ task, addresses, timeout: 1 }));
    expect(await join(0, [])).to.match(/one task at least/);
    expect(await join(2, ['a:1', 'b:2'])).to.match(/from 0 to 1, as there are 2 addresses; given 2/);
    expect(await join(0, ['a:1', 'a:1'])).to.match(/a:1 was given twice/);
    expect(await join(0, ['localhost'])).to.match(/host:port.*given "localhost"/);
    expect(await join(0, ['localhost:99999'])).to.match(/a port from 1 to 65535/);
  });

  it('says which port is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, () => resolve((server.address() as { port: number }).port));
    });
    try {
      const message = await messageOf(joinCluster({ task: 0, addresses: [`127.0.0.1:${port}`] }));
      expect(message).to.match(new RegExp(`^Port ${port} cannot be used for this task: another program listens on it`));
    } finally {
      server.close();
    }
  });

  describe('where there is none', () => {
    it('leaves tensors as they are', () => {
      const x = tf.tensor1d([1, 2]);
      expect(currentCluster()).to.equal(undefined);
      expect(clusterSize()).to.equal(1);
      expect(allReduce(x)).to.equal(x);
      expect(broadcast(x)).to.equal(x);
      x.dispose();
    });

    it('cannot be joined any more after a compilation', async () => {
      const program = compile({ twice: (x: tf.Tensor) => tf.mul(x, 2) });
      program.dispose();
      expect(await messageOf(joinCluster({ task: 0, addresses: ['127.0.0.1:1'] }))).to.match(
        /called after compile\(\)/,
      );
    });
  });
});
