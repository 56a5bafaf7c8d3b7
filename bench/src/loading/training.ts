/**
 * How much a training step of MobileNetV1 at 224×224 is slowed by being fed from JPEG files: steps on a batch that is there,
 * and steps fed by a loader, by turns. Prints a timeline.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '@refconv/analysis/statistics';
import { mobilenetv1 } from '@refconv/backbones';
import { imageFolder, type LoadedBatch, Loader, selectImages } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { classifier, PAPER_RECIPE } from '@refconv/training';
import { machine } from '../machine.js';
import { TRANSFORMS } from './protocol.js';

/** One step: milliseconds since the beginning. */
interface Step {
  fed: boolean;
  /** When the batch was asked for, was there, and when the step had ended. */
  asked: number;
  ready: number;
  done: number;
}

const BATCH = 16;
const STEPS = 6;

const { values } = parseArgs({
  options: { images: { type: 'string' }, rounds: { type: 'string', default: '5' }, workers: { type: 'string' } },
});
const shared = process.env.REFCONV_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const cores = availableParallelism();
const rounds = Number(values.rounds);

const files = await imageFolder(values.images ?? `${shared}/data/imagenet-sample`);
const epochLength = 4 * STEPS * BATCH * rounds;
const loader = new Loader(
  selectImages(
    files,
    Array.from({ length: epochLength }, (_, i) => i % files.count),
  ),
  {
    transform: TRANSFORMS.train,
    batchSize: BATCH,
    shuffle: true,
    workers: values.workers ? Number(values.workers) : undefined,
    jpegDecoder: import.meta.resolve('@refconv/tensorflow/jpeg'),
  },
);

/** Processor time that loading costs, with nothing else to do. */
async function costOfLoading(): Promise<number> {
  for await (const { number } of loader.epoch(0)) if (number === STEPS) break;
  const begin = process.cpuUsage();
  let images = 0;
  for await (const { number, size } of loader.epoch(1)) {
    images += size;
    if (number === 2 * STEPS) break;
  }
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000 / images;
}

const model = mobilenetv1({ width: 1 });
const program = classifier(model, PAPER_RECIPE, {});

async function step(batch: LoadedBatch): Promise<void> {
  const images = tf.tensor4d(batch.images, [batch.size, 224, 224, 3]);
  const labels = tf.tensor1d(batch.labels, 'int32');
  const loss = await program.train.async(images, labels, 0.01);
  loss.dataSync();
  tf.dispose([images, labels, loss]);
}

const perImage = await costOfLoading();
const feed = loader.epoch(2);
const next = async () => (await feed.next()).value as LoadedBatch;
const first = await next();
const kept = { ...first, images: first.images.slice(), labels: first.labels.slice() };
for (let i = 0; i < 3; i++) await step(kept);

const steps: Step[] = [];
const start = performance.now();
for (let round = 0; round < rounds; round++) {
  for (const fed of [false, true]) {
    for (let i = 0; i < STEPS; i++) {
      const asked = performance.now() - start;
      const batch = fed ? await next() : kept;
      const ready = performance.now() - start;
      await step(batch);
      steps.push({ fed, asked, ready, done: performance.now() - start });
    }
  }
}
await feed.return();
await loader.close();
program.dispose();

/** The first steps of a turn profit from, or pay for, the batches that were loaded in the turn before. */
const settled = (fed: boolean) => steps.filter((one, i) => one.fed === fed && i % STEPS >= STEPS / 2);
const lengths = (fed: boolean) => settled(fed).map(({ asked, done }) => done - asked);
const [alone, with_] = [median(lengths(false)), median(lengths(true))];
const waiting = median(settled(true).map(({ asked, ready }) => ready - asked));
const share = (BATCH * perImage) / cores;
const bar = (ms: number) => '█'.repeat(Math.max(ms > 0 ? 1 : 0, Math.round(ms / (alone / 30))));
const where = await machine();
const text = [
  `# A training step fed from JPEG files, ${new Date().toISOString().slice(0, 10)}, commit ${where.commit}`,
  `MobileNetV1, 224×224, batch ${BATCH}, ${cores} cores of ${where.processor}; medians of ${settled(true).length} steps each.`,
  [
    `step on a batch that is there: ${alone.toFixed(0)} ms`,
    `step fed by the loader: ${with_.toFixed(0)} ms, of which ${waiting.toFixed(1)} ms are spent waiting for the batch`,
    `loading a batch takes ${(BATCH * perImage).toFixed(0)} ms of processor time, ${share.toFixed(0)} ms on ${cores} cores`,
    `slowed by ${(with_ - alone).toFixed(0)} ms: ${((with_ - alone) / share).toFixed(2)} of the share that loading needs`,
  ].join('\n'),
  `\`\`\`\n${steps
    .slice(-2 * STEPS)
    .map(({ fed, asked, ready, done }) =>
      [
        fed ? 'fed  ' : 'alone',
        `${asked.toFixed(0).padStart(7)} ms`,
        `${bar(ready - asked).replaceAll('█', '·')}${bar(done - ready)}`,
      ].join(' '),
    )
    .join('\n')}\n\`\`\`\n(█ the step, · waiting for its batch)`,
].join('\n\n');
const folder = fileURLToPath(new URL('../../results/', import.meta.url));
await mkdir(folder, { recursive: true });
const file = `${folder}training-from-files-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`;
await writeFile(`${file}.md`, `${text}\n`);
await writeFile(`${file}.json`, `${JSON.stringify({ machine: where, perImage, steps }, undefined, 1)}\n`);
process.stdout.write(`${text}\n`);
