/**
 * The main job on an embedded default: trains MobileNetV1 (CIFAR form) by a compiled step and shows its accuracy on real test
 * images. Measured on 2 cores: 300 steps at width 0.5 take about a minute and reach 36 % on CIFAR-10 (0.8 epochs) and 38 % on the
 * synthetic set (7.7 epochs), one seed each.
 */
import { parseArgs } from 'node:util';
import { mobilenetv1 } from '@refconv/backbones';
import {
  type Batch,
  batches,
  CIFAR10_MEAN,
  CIFAR10_STD,
  channelStatistics,
  findCifar10,
  type ImageDataset,
  type ImageSplit,
  loadCifar10,
  syntheticDataset,
} from '@refconv/datasets';
import { loadedInstallation, tf } from '@refconv/tensorflow';
import { classifier, evaluateWith, learningRateAt, progress } from '@refconv/training';

const HELP = `Usage: npm start -- [options]
  --steps N   training steps (default 300)
  --batch N   images a step (default 128)
  --width W   width multiplier of MobileNetV1 (default 0.5)
  --rate R    highest learning rate (default 0.1)
  --seed N    seed of the weights, the order and the augmentation (default 1)
  --eager     operation by operation, not compiled: for debugging
  --download  fetch CIFAR-10 (170 MB) into the cache where it is not found
CIFAR-10 is looked for in REFCONV_DATA and in the cache; without it a synthetic set of small pictures is used.`;

/** Reads a number from the command line, or says what was expected. */
function numberOption(name: string, text: string, valid: (value: number) => boolean, expected: string): number {
  const value = Number(text);
  if (text.trim() === '' || !valid(value)) throw new Error(`--${name} must be ${expected}; given '${text}'.`);
  return value;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      steps: { type: 'string', default: '300' },
      batch: { type: 'string', default: '128' },
      width: { type: 'string', default: '0.5' },
      rate: { type: 'string', default: '0.1' },
      seed: { type: 'string', default: '1' },
      eager: { type: 'boolean', default: false },
      download: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const positive = (value: number) => Number.isFinite(value) && value > 0;
  const count = (value: number) => Number.isInteger(value) && value > 0;
  return {
    help: values.help,
    eager: values.eager,
    download: values.download,
    steps: numberOption('steps', values.steps, count, 'a positive integer'),
    batch: numberOption('batch', values.batch, count, 'a positive integer'),
    width: numberOption('width', values.width, positive, 'a positive number'),
    rate: numberOption('rate', values.rate, positive, 'a positive number'),
    seed: numberOption('seed', values.seed, (value) => Number.isSafeInteger(value) && value >= 0, 'an integer from 0'),
  };
}

async function loadData(
  download: boolean,
): Promise<{ data: ImageDataset; mean: readonly number[]; std: readonly number[] }> {
  if (download || (await findCifar10())) {
    return { data: await loadCifar10({ download, log: console.log }), mean: CIFAR10_MEAN, std: CIFAR10_STD };
  }
  console.log(
    'CIFAR-10 was not found (set REFCONV_DATA to its folder, or add --download): a synthetic set of small pictures takes its place.',
  );
  const data = syntheticDataset({});
  return { data, ...channelStatistics(data.train) };
}

/** Training batches without end, one epoch after another. */
function* endless(split: ImageSplit, options: Omit<Parameters<typeof batches>[1], 'epoch'>) {
  for (let epoch = 0; ; epoch++) yield* batches(split, { ...options, epoch });
}

async function main(): Promise<void> {
  const { help, eager, download, steps, batch, width, rate, seed } = readOptions();
  if (help) {
    console.log(HELP);
    return;
  }
  const { data, mean, std } = await loadData(download);
  const { train, test } = data;
  const batchSize = Math.min(batch, train.count);
  console.log(`Data: ${data.name}, ${train.count} training and ${test.count} test images (${data.source})`);
  console.log(
    `TensorFlow ${loadedInstallation.version} (${loadedInstallation.flavour}), ${eager ? 'eager' : 'compiled'}`,
  );

  const model = mobilenetv1({ variant: 'cifar', width, classes: data.classes.length, inputSize: train.height, seed });
  console.log(`MobileNetV1 ×${width}: ${model.countParams().toLocaleString('en')} parameters and statistics`);
  const program = classifier(
    model,
    { momentum: 0.9, weightDecay: 5e-4, decayNormsAndBiases: true, labelSmoothing: 0 },
    { eager },
  );

  const bar = progress(steps, 'training');
  const feed = endless(train, {
    batchSize,
    mean,
    std,
    seed,
    shuffle: true,
    dropLast: true,
    augment: { crop: 4, flip: true },
    reuse: true,
  });
  // Linear warm-up over a tenth of the steps, then a cosine down to zero.
  const schedule = {
    steps,
    warmUpSteps: Math.round(steps / 10),
    warmUpStart: rate / 10,
    learningRate: rate,
    finalLearningRate: 0,
  };
  const begin = performance.now();
  let average = Number.NaN;
  for (let step = 0; step < steps; step++) {
    const { images, labels, size } = feed.next().value as Batch;
    const x = tf.tensor4d(images, [size, train.height, train.width, train.channels]);
    const y = tf.tensor1d(labels, 'int32');
    const loss = program.train(x, y, learningRateAt(step, schedule));
    const [value] = loss.dataSync() as Float32Array;
    tf.dispose([x, y, loss]);
    if (!Number.isFinite(value))
      throw new Error(`The loss became ${value} at step ${step + 1}; try a lower --rate than ${rate}.`);
    average = Number.isNaN(average) ? (value as number) : 0.95 * average + 0.05 * (value as number);
    bar.update(step + 1, `loss ${average.toFixed(3)}`);
  }
  bar.stop();
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `${steps} steps of ${batchSize} images in ${seconds.toFixed(1)} s: ${Math.round((steps * batchSize) / seconds)} images a second`,
  );

  const testing = progress(test.count, 'evaluation');
  const { top1 } = await evaluateWith(program, test, { mean, std, onBatch: (done) => testing.update(done, '') });
  testing.stop();
  console.log(`Accuracy on ${test.count} test images: ${(100 * top1).toFixed(2)} % (one seed: ${seed})`);
  program.dispose();
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
