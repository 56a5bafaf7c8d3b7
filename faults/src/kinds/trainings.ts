/** Trainings that are killed or stopped, and taken up: they must end with the same bits. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadModel } from '@refconv/training';
import { pick } from '../damage.js';
import { check, type Kind } from '../kind.js';

const TRAIN = fileURLToPath(new URL('../child/train.js', import.meta.url));

export async function train(folder: string, onLine: (line: string, child: ChildProcess) => void = () => {}) {
  const child = spawn(process.execPath, [TRAIN, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TF_NUM_INTRAOP_THREADS: '1' },
  });
  let [buffer, last, stderr] = ['', '', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (buffer + text).split('\n');
    buffer = lines.pop() as string;
    for (const line of lines) {
      last = line;
      onLine(line, child);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { last, stderr, code };
}

export const trainings: Kind = {
  name: 'trainings killed and stopped',
  share: 15,
  patience: 300,
  async prepare({ folder }) {
    const undisturbed = await train(join(folder, 'undisturbed'));
    check(
      undisturbed.code === 0 && undisturbed.last.startsWith('weights '),
      `It does not train: ${undisturbed.stderr}`,
    );
    return {
      async inject(random, own) {
        const run = join(own, 'run');
        const signals = pick(random, [
          ['SIGKILL'],
          ['SIGINT'],
          ['SIGTERM'],
          ['SIGINT', 'SIGINT'],
          ['SIGTERM', 'SIGINT'],
        ] as const);
        const moment = random.integer(3) === 0 ? 'saving' : `step ${1 + random.integer(11)}`;
        const delay = random.integer(15);
        const first = await train(run, async (line, child) => {
          if (line !== moment) return;
          await sleep(delay);
          for (const signal of signals) {
            child.kill(signal);
            await sleep(5);
          }
        });
        check(!/\n {4}at /.test(first.stderr), `It ended with a stack: ${first.stderr}`);
        const second = await train(run);
        check(second.code === 0, `It cannot be taken up: ${second.stderr}`);
        check(second.last === undisturbed.last, 'It ends with other weights than an undisturbed one.');
        const { model } = await loadModel(join(run, 'model'));
        model.dispose();
        return `${signals.join(', ')} at ${moment} + ${delay} ms`;
      },
    };
  },
};
