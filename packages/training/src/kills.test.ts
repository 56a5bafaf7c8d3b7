import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const KILLS = process.env.REFCONV_LONG === '1' ? 20 : 3;
const STEPS_PER_EPOCH = 8;
/** So many steps for each kill that a training is never done before its last one. */
const EPOCHS = 4 * KILLS;
const SCRIPT = fileURLToPath(new URL('./testing/train.js', import.meta.url));

interface Training {
  child: ChildProcess;
  /** The last line it printed. */
  ended: Promise<{ last: string; code: number | null; stderr: string }>;
}

/** Starts or resumes the training in a process of its own. */
function start(folder: string, onStep: (stepsDone: number, child: ChildProcess) => void = () => {}): Training {
  const environment = { ...process.env, TF_NUM_INTRAOP_THREADS: '2' };
  const child = spawn(process.execPath, [SCRIPT, folder, String(EPOCHS)], { env: environment });
  let last = '';
  let steps = 0;
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  createInterface(child.stdout).on('line', (line) => {
    last = line;
    if (line.startsWith('step')) onStep(++steps, child);
  });
  const ended = new Promise<Awaited<Training['ended']>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ last, code, stderr }));
  });
  return { child, ended };
}

describe('a training that is killed', () => {
  let parent: string;
  before(async () => {
    parent = await mkdtemp(join(tmpdir(), 'refconv-kills-'));
  });
  after(() => rm(parent, { recursive: true, force: true }));

  let expected: string;
  before('trains undisturbed', async () => {
    const { last, code, stderr } = await start(join(parent, 'undisturbed')).ended;
    expect(code, stderr).to.equal(0);
    expect(last).to.match(/^weights [0-9a-f]{64}$/);
    expected = last;
  });

  it(`${KILLS} times at random moments ends bit-equal to an undisturbed one`, async function () {
    this.timeout(60_000 + 20_000 * KILLS);
    const folder = join(parent, 'killed');
    const moments: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      // Within a step, while a checkpoint is written, or while its process starts again.
      const step = Math.floor(Math.random() * 2 * STEPS_PER_EPOCH) + 1;
      const delay = Math.random() * 20;
      moments.push(`${step} steps + ${delay.toFixed(1)} ms`);
      const { ended } = start(folder, async (done, child) => {
        if (done !== step) return;
        await sleep(delay);
        child.kill('SIGKILL');
      });
      const { code, stderr } = await ended;
      expect(code, `was killed, ${moments}: ${stderr}`).to.equal(null);
    }
    const { last, code, stderr } = await start(folder).ended;
    expect(code, `${moments}: ${stderr}`).to.equal(0);
    expect(last, moments.join()).to.equal(expected);
    const epochs = (await readFile(join(folder, 'metrics.csv'), 'utf8')).trimEnd().split('\n');
    expect(epochs.slice(1).map((line) => Number(line.split(',')[0]))).to.deep.equal(
      Array.from({ length: EPOCHS }, (_, i) => i + 1),
    );
  });

  for (const [name, signals] of Object.entries({
    SIGTERM: ['SIGTERM'],
    'Ctrl-C twice, at once': ['SIGINT', 'SIGINT'],
  } as const)) {
    it(`stopped by ${name} ends the same when started again`, async () => {
      const folder = join(parent, name);
      const { ended } = start(folder, async (done, child) => {
        if (done !== 5) return;
        for (const signal of signals) {
          child.kill(signal);
          await sleep(20);
        }
      });
      const { last, code, stderr } = await ended;
      // A second signal may come when the checkpoint is written, before or after the process is gone.
      if (code !== null) expect(`${code}: ${last}`, stderr).to.match(/^0: stopped \d+$/);
      expect(stderr).not.to.match(/\n {4}at /);
      const resumed = await start(folder).ended;
      expect(resumed.last, resumed.stderr).to.equal(expected);
    });
  }

  it('stopped by Ctrl-C writes a checkpoint, and ends the same when started again', async () => {
    const folder = join(parent, 'interrupted');
    const { ended } = start(folder, (done, child) => {
      if (done === 5) child.kill('SIGINT');
    });
    const { last, code, stderr } = await ended;
    expect(code, stderr).to.equal(0);
    expect(last).to.match(/^stopped \d+$/);
    expect(stderr).to.include('Stopping after this step');
    const resumed = await start(folder).ended;
    expect(resumed.last, resumed.stderr).to.equal(expected);
  });
});
