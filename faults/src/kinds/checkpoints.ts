/** Checkpoints: damaged, put in each other's place, or with something else in their place. */
import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointFolder, type StoredTensor } from '@refconv/training';
import { damageOrReplace, pick } from '../damage.js';
import { check, type Kind, valueOrClearError } from '../kind.js';

const tensors = (step: number): StoredTensor[] => [
  { name: 'a', dtype: 'float32', shape: [3], data: Float32Array.of(step, 2, 3) },
];
const nameOf = (step: number) => `step-${String(step).padStart(10, '0')}.safetensors`;
const STEPS = [4, 8];

export const checkpoints: Kind = {
  name: 'damaged checkpoints',
  share: 150,
  async prepare({ folder }) {
    const whole = new CheckpointFolder<{ step: number }>(folder);
    for (const step of STEPS) await whole.save({ step }, tensors(step));
    return {
      async inject(random, own) {
        for (const step of STEPS) copyFileSync(join(folder, nameOf(step)), join(own, nameOf(step)));
        const [older, newer] = STEPS.map((step) => join(own, nameOf(step))) as [string, string];
        const how = random.integer(10);
        let what: string;
        if (how === 0) {
          renameSync(older, newer);
          what = 'the older in the place of the newer';
        } else if (how === 1) {
          for (const name of ['.model.0123abcd.unfinished', '.model.0123abcd.old', `${nameOf(12)}.unfinished`]) {
            mkdirSync(join(own, name));
            writeFileSync(join(own, name, 'half'), 'half');
          }
          what = 'folders that a killed process left';
        } else what = damageOrReplace(pick(random, [older, newer]), random);
        const checkpoints = new CheckpointFolder<{ step: number }>(own);
        const opened = await valueOrClearError(async () => {
          await checkpoints.prepare(tensors(1));
          return checkpoints.load(() => undefined);
        }, [own]);
        if ('value' in opened && opened.value) {
          const { meta, tensors: read } = opened.value;
          check(
            STEPS.includes(meta.step) && read[0]?.data[0] === meta.step,
            'Another checkpoint than was saved is taken.',
          );
        }
        check(!existsSync(join(own, '.model.0123abcd.unfinished')), 'What a killed process left stays.');
        return what;
      },
    };
  },
};
