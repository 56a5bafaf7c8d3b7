/** Weight files: damaged, and pickles that are traps. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@refconv/datasets';
import { readWeights, writeWeights } from '@refconv/weights';
import { damageOrReplace, pick } from '../damage.js';
import { check, type Kind, valueOrClearError } from '../kind.js';

const MAGIC = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';
const STORAGE = '(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02NtQ';
const TENSOR = `ctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}K\x00K\x02\x85K\x01\x85tR`;

/** A file as PyTorch before 1.6 wrote it, around an object's pickle. */
const legacy = (object: string) =>
  Buffer.from(
    `\x80\x02${MAGIC}.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02${object}.\x80\x02]U\x010a.\x02\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40`,
    'latin1',
  );

/** Objects that ask for far more than they are. */
const TRAPS: Record<string, (random: Random) => string> = {
  'dictionaries of one list': (random) =>
    `]q\x00(${'K\x01K\x01\x86'.repeat(1000)}e0ccollections\nOrderedDict\nq\x010${'h\x01h\x00\x85R0'.repeat(1000 * (1 + random.integer(20)))}N`,
  'empty tensors': (random) =>
    `ctorch._utils\n_rebuild_tensor_v2\nq\x020${STORAGE}q\x030${'h\x02(h\x03K\x00K\x00\x85K\x01\x85tR0'.repeat(10_000 * (1 + random.integer(30)))}N`,
  'a long name': (random) => `}X${length(1 + random.integer(2 ** 20))}${TENSOR}s`,
  'a list in itself': () => ']q\x00h\x00a',
  'deep lists': (random) => ']'.repeat(1 + random.integer(5000)),
  'something to run': () => 'cos\nsystem\n(U\x02idtR',
};

/** A text of so many letters, with its length before it. */
function length(count: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(count);
  return bytes.toString('latin1') + 'x'.repeat(count);
}

export const damagedWeights: Kind = {
  name: 'damaged weight files',
  share: 150,
  async prepare({ folder }) {
    const state = new Map([
      ['a', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['b', { shape: [], data: Float32Array.of(7) }],
    ]);
    const files = [join(folder, 'w.safetensors'), join(folder, 'w.pth')] as const;
    await writeWeights(files[0], state);
    writeFileSync(files[1], legacy(`}U\x01w${TENSOR}s`));
    return {
      async inject(random, own) {
        const source = pick(random, files);
        const path = join(own, 'weights');
        copyFileSync(source, path);
        const what = damageOrReplace(path, random);
        const read = await valueOrClearError(() => readWeights(path), [path]);
        if ('value' in read) {
          const fits = [...read.value.values()].every(
            ({ shape, data }) => shape.reduce((n, size) => n * size, 1) === data.length,
          );
          check(fits, 'It reads tensors that are not what their shapes say.');
        }
        return what;
      },
    };
  },
};

export const trapWeights: Kind = {
  name: 'pickles that are traps',
  share: 30,
  async prepare() {
    return {
      async inject(random, own) {
        const name = pick(random, Object.keys(TRAPS));
        const path = join(own, 'trap.pth');
        writeFileSync(path, legacy((TRAPS[name] as (random: Random) => string)(random)));
        await valueOrClearError(() => readWeights(path), [path]);
        check(process.memoryUsage().rss < 3e9, 'It takes more than 3 GB.');
        return name;
      },
    };
  },
};
