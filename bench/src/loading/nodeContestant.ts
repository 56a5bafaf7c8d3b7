/** Our loader as a contestant: `node nodeContestant.js folder mode workers batch repeat decoder`. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type ImageSource, imageFolder, Loader, selectImages } from '@refconv/datasets';
import { type Epoch, type Mode, type Ready, TRANSFORMS } from './protocol.js';

const [folder = '', mode = 'train', workers, batch, repeat, decoder] = process.argv.slice(2);

function answer(message: Ready | Epoch): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function memoryBytes(): number {
  const [, kilobytes = 0] = /^Pss:\s+(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8')) ?? [];
  return 1024 * Number(kilobytes);
}

const one: ImageSource = await imageFolder(folder);
const source = selectImages(
  one,
  Array.from({ length: one.count * Number(repeat) }, (_, i) => i % one.count),
);
const loader = new Loader(source, {
  transform: TRANSFORMS[mode as Mode],
  batchSize: Number(batch),
  workers: Number(workers),
  shuffle: mode === 'train',
  exact: decoder === 'exact',
  jpegDecoder: decoder === 'sharp' ? undefined : import.meta.resolve('@refconv/tensorflow/jpeg'),
});
answer({ versions: { node: process.version } });

let epoch = 0;
for await (const _ of createInterface({ input: process.stdin })) {
  const [begin, cpu] = [performance.now(), process.cpuUsage()];
  let images = 0;
  for await (const { size } of loader.epoch(epoch++)) images += size;
  const milliseconds = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  answer({ images, milliseconds, cpuMilliseconds: (user + system) / 1000, memoryBytes: memoryBytes() });
}
await loader.close();
