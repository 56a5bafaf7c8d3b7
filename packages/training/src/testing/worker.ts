/** One worker of the tests with several: `node worker.js OPTIONS`, as JSON. Trains, and writes what came out into a file of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildBackbone } from '@refconv/backbones';
import { channelStatistics, loadCifar10, normalised, takeImages } from '@refconv/datasets';
import { refocus } from '@refconv/refconv';
import { clusterFromEnvironment, joinCluster, tf } from '@refconv/tensorflow';
import { isLost, WORKER_FAILED } from '@refconv/tensorflow/launch';
import { fit } from '../fit.js';
import { openLoaders } from '../loaders.js';
import { loadModel } from '../modelFolder.js';
import { PAPER_RECIPE, type Recipe } from '../recipe.js';
import { workerShard } from '../workers.js';
import { tinyData, tinyModel, tinyRecipe, tinySet, weightsHash } from './tiny.js';
import { reportFile, type WorkerOptions, type WorkerReport } from './workerReport.js';

async function material({ network, images = 96, cifar }: WorkerOptions) {
  if (network === 'tiny') {
    return { set: tinySet(images), data: tinyData(images), model: tinyModel(workerShard().rank + 1) };
  }
  const { train, test, classes } = await loadCifar10({ folder: cifar as string });
  const set = {
    name: 'cifar10',
    classes,
    train: takeImages(train, images, 'first'),
    test: takeImages(test, 60, 'first'),
    source: cifar as string,
  };
  const plain =
    network === 'resnet20'
      ? buildBackbone('resnet20_cifar', { classes: 10, seed: 1 })
      : (await loadModel(fileURLToPath(new URL('../../../../start/baseline/model', import.meta.url)))).model;
  return {
    ...{ set, data: normalised(set, channelStatistics(set.train)) },
    model: network === 'refconv' ? await refocus(plain, { seed: 1, init: 'zero' }) : plain,
  };
}

async function main(options: WorkerOptions): Promise<void> {
  const cluster = clusterFromEnvironment();
  if (cluster) await joinCluster(cluster);
  const { rank } = workerShard();
  const { set, data, model } = await material(options);
  const changes = { ...options.recipe, ...(options.unlike === rank && { seed: 99 }) };
  const recipe: Recipe =
    options.network === 'tiny'
      ? tinyRecipe(changes)
      : { ...PAPER_RECIPE, epochs: 1, warmUpEpochs: 0, batchSize: 32, ...changes };
  const stop = new AbortController();
  const losses: number[] = [];
  const onStep = (step: number, loss: number) => {
    losses.push(loss);
    const { mishap } = options;
    if (mishap?.task !== rank || mishap.step !== step) return;
    if (mishap.what === 'stop') stop.abort();
    else if (mishap.what === 'throw') throw new Error('The disk is on fire.');
    else process.kill(process.pid, mishap.what);
  };
  const loaders = options.loaders
    ? openLoaders(set, recipe, {
        test: 'normalize(half)',
        train: 'flip|normalize(half)',
        workers: 1,
      })
    : undefined;
  const { folder } = options;
  const before = tf.memory().numTensors;
  const fitted = await fit({
    ...{ model, recipe: loaders ? { ...recipe, augment: {} } : recipe, showProgress: false, log: () => undefined },
    data: loaders ?? data,
    ...(folder !== undefined && { folder }),
    ...{ signal: stop.signal, onStep, checkpointEvery: { steps: 3 } },
  });
  const tensors = tf.memory().numTensors - before;
  await loaders?.close();
  const report: WorkerReport = {
    losses,
    tensors,
    weights: weightsHash(model),
    values: model
      .getWeights()
      .flatMap((weight) => Array.from(weight.dataSync()))
      .slice(0, 5000),
    stopped: fitted.stopped,
    rows: fitted.rows.map((row) => ({ ...row, seconds: 0 })),
    results: fitted.predictions?.length ?? 0,
  };
  mkdirSync(options.reports, { recursive: true });
  writeFileSync(reportFile(options.reports, rank), JSON.stringify(report));
}

main(JSON.parse(process.argv[2] as string)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = isLost(error) ? WORKER_FAILED : 1;
});
