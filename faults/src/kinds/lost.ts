/** File systems that are lost while they are used, as those of a network are: every call fails until they are mounted again. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, tryLock, writeAtomically } from '@refconv/files';
import { appendToLedger, readLedger, readResult } from '@refconv/runs';
import { tf } from '@refconv/tensorflow';
import { CheckpointFolder, loadModel, saveModel } from '@refconv/training';
import { pick } from '../damage.js';
import { check, type Kind, requireClear, valueOrClearError } from '../kind.js';
import { tinyGrid, writeFinished } from '../results.js';
import { train } from './trainings.js';

/** A folder seen through a file system of a process, which can be killed. */
class Mount {
  private process: ReturnType<typeof spawn> | undefined;

  constructor(
    private readonly folder: string,
    readonly at: string,
  ) {
    for (const each of [folder, at]) mkdirSync(each, { recursive: true });
  }

  async up(): Promise<void> {
    this.process = spawn('bindfs', ['-f', this.folder, this.at], { stdio: 'ignore' });
    const failed = new Promise<never>((_, reject) => this.process?.once('error', reject));
    const mounted = async () => {
      for (let tries = 0; tries < 200; tries++) {
        if (isMounted(this.at)) return;
        await sleep(10);
      }
      throw new Error('bindfs mounts nothing in 2 s');
    };
    await Promise.race([mounted(), failed]);
  }

  /** From now on every call fails with ENOTCONN. */
  lose(): void {
    this.process?.kill('SIGKILL');
  }

  down(): void {
    this.lose();
    if (isMounted(this.at)) execFileSync('umount', ['-l', this.at]);
  }
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8').includes(` ${path} `);
}

export const lostFileSystems: Kind = {
  name: 'file systems that are lost while they are used',
  share: 8,
  patience: 300,
  async prepare({ folder }) {
    const probe = new Mount(join(folder, 'probe'), join(folder, 'mounted'));
    try {
      await probe.up();
    } catch (error) {
      return `bindfs cannot mount a folder here (${(error as Error).message})`;
    } finally {
      probe.down();
    }
    const undisturbed = await train(join(folder, 'undisturbed'));
    check(undisturbed.code === 0, `It does not train: ${undisturbed.stderr}`);
    return {
      async inject(random, own) {
        const mount = new Mount(join(own, 'behind'), join(own, 'mounted'));
        await mount.up();
        try {
          if (random.integer(2)) return await losingATraining(mount, undisturbed.last, random.integer(12));
          return await losingFiles(mount, pick(random, Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]));
        } finally {
          mount.down();
          rmSync(mount.at, { recursive: true, force: true });
        }
      },
    };
  },
};

async function losingATraining(mount: Mount, expected: string, step: number): Promise<string> {
  const run = join(mount.at, 'run');
  const first = await train(run, (line) => {
    if (line === `step ${step}`) mount.lose();
  });
  check(first.code !== null, 'It crashes.');
  if (first.code !== 0) requireClear(new Error(first.stderr), [mount.at]);
  mount.down();
  await mount.up();
  const second = await train(run);
  check(second.code === 0, `It cannot be taken up: ${second.stderr}`);
  check(second.last === expected, 'It ends with other weights than an undisturbed one.');
  check(
    readdirSync(run).every((name) => !name.includes('unfinished')),
    'What was not finished stays.',
  );
  return `in step ${step} of a training`;
}

const ACTIONS = {
  'a lock': (at: string) => tryLock(join(at, 'lock')),
  'a file of JSON': (at: string) => readJson(join(at, 'file.json')),
  'a file to write': (at: string) => writeAtomically(join(at, 'new'), ['x']),
  'a model': (at: string) => loadModel(join(at, 'model')),
  'a checkpoint': (at: string) => new CheckpointFolder<{ step: number }>(join(at, 'run')).load(() => undefined),
  'the ledger': (at: string) => readLedger(join(at, 'root')),
  'the state of a run': (at: string) => readResult(join(at, 'root'), Object.keys(tinyGrid([1]).runs)[0] as string),
};

async function losingFiles(mount: Mount, what: keyof typeof ACTIONS): Promise<string> {
  const { at } = mount;
  await writeAtomically(join(at, 'file.json'), ['{}']);
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
  await saveModel(model, join(at, 'model'));
  model.dispose();
  mkdirSync(join(at, 'run'));
  await new CheckpointFolder<{ step: number }>(join(at, 'run')).save({ step: 1 }, []);
  for (const result of await writeFinished(join(at, 'root'), tinyGrid([1])))
    await appendToLedger(join(at, 'root'), result);
  const use = async () => ACTIONS[what](at);
  const before = await use();
  if (what === 'a lock') await (before as Awaited<ReturnType<(typeof ACTIONS)['a lock']>>)?.release();
  mount.lose();
  const used = await valueOrClearError<unknown>(use, [at]);
  // "There is none" would be a wrong answer: nobody knows.
  check(
    'error' in used,
    `What cannot be asked is answered: ${what} is ${JSON.stringify('value' in used && used.value)}.`,
  );
  check(
    /network file system/.test(used.error.message),
    `It does not say that the file system is lost: ${used.error.message}`,
  );
  return what;
}
