import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BACKBONES } from '@refconv/backbones';
import { holdOut, inFiles, type OpenDataset, openDataset } from '@refconv/datasets';
import { importsOf, requireWritable } from '@refconv/files';
import { type LeftLayer, METHODS } from '@refconv/refconv';
import type { ServedTraining, WatchedTraining } from '@refconv/runs';
import {
  type FitResult,
  fit,
  type ImageResult,
  isFirstWorker,
  LEFT_OUT_FILE,
  type LeftOut,
  leavesOut,
  leftOutText,
  loadModel,
  lockTraining,
  type Measured,
  type ModelNotes,
  predict,
  requireFinite,
  saveAverages,
  saveModel,
  scoreKey,
  writeAtomically,
} from '@refconv/training';
import { classificationTraining } from '../classificationTraining.js';
import { openOptions } from '../data.js';
import { type MethodFlags, reparameterized } from '../method.js';
import { type RecipeFlags, recipeOf } from '../recipe.js';
import { tensorBoardOf } from '../tensorBoard.js';
import type { TaskOptions, TrainingTask } from '../trainingTask.js';

interface TrainOptions extends TaskOptions, MethodFlags, RecipeFlags {
  validation?: number;
  download?: boolean;
  output: string;
  method?: string;
  teacher?: string;
  seed: number;
  eager?: boolean;
  allowOtherStart?: boolean;
  allowOtherThreads?: boolean;
  tensorboard?: string | true;
  serve?: number | true;
  processes?: number;
}

/** So many of the training images are held out, to choose by. */
function heldOut({ data, ...statistics }: OpenDataset, validation: number | undefined): OpenDataset {
  if (validation === undefined) return { data, ...statistics };
  return inFiles(data)
    ? { data: { ...data, ...holdOut(data.train, validation) }, ...statistics }
    : { data: { ...data, ...holdOut(data.train, validation) }, ...statistics };
}

export async function train(options: TrainOptions): Promise<void> {
  const { output, method, processes } = options;
  // Before anything is opened.
  if (method !== undefined) METHODS.get(method);
  if (processes !== undefined && processes > 1 && options.skipBroken)
    throw new Error(
      '--processes and --skip-broken do not go together: the processes would have batches of unlike sizes.',
    );
  const finished = join(output, 'model');
  if (!isFirstWorker()) return trainFor(finished, options);
  if (existsSync(finished)) {
    throw new Error(`${output} holds a training that is finished (${finished}); choose another --output.`);
  }
  await requireWritable(output);
  const lock = await lockTraining(output);
  try {
    await trainFor(finished, options);
  } finally {
    await lock.release();
  }
}

/** The page of `--serve`; its address is printed. */
async function served(
  { output, serve, seed, task, method }: TrainOptions,
  training: Pick<WatchedTraining, 'epochs' | 'data' | 'network'>,
): Promise<ServedTraining> {
  const { serveTraining } = await import('@refconv/runs');
  const kind = task === undefined || task === 'classification' ? {} : { task: { id: task } };
  const watched = { ...training, ...kind, folder: output, method: method ?? 'plain', seed };
  const page = await serveTraining(watched, typeof serve === 'number' ? { port: serve } : {});
  console.log(`The page, with the token to stop the training: ${page.url}`);
  return page;
}

/** The terminal and a page. */
const toBoth = (page: ServedTraining) => (line: string) => {
  console.log(line);
  page.log(line);
};

/** @param finished the folder of the trained model. */
async function trainFor(finished: string, options: TrainOptions): Promise<void> {
  const { task = 'classification' } = options;
  if (task === 'classification') return trainInto(finished, options, classificationTraining);
  if (task === 'detection')
    return trainInto(finished, options, (await import('../detectionTraining.js')).detectionTraining);
  const { segmentationTraining } = await import('../segmentationTraining.js');
  return trainInto(finished, options, segmentationTraining);
}

/** The files of a user's own that a network and its method are of, for the folder of the model. */
function importsFor({ backbone, imports = [] }: ModelNotes, method: string | undefined): Pick<ModelNotes, 'imports'> {
  const used = Object.entries({ [BACKBONES.kind]: backbone?.id, [METHODS.kind]: method });
  const own = importsOf(used.flatMap(([kind, id]) => (id === undefined ? [] : [{ kind, id }])));
  const all = [...imports, ...own].filter(({ file }, i, list) => list.findIndex((each) => each.file === file) === i);
  return all.length > 0 ? { imports: all } : {};
}

async function trainInto<P extends ImageResult, E extends Measured>(
  finished: string,
  options: TrainOptions,
  { task, select, ...how }: TrainingTask<P, E>,
): Promise<void> {
  const { output, eager, allowOtherThreads } = options;
  const prepared = await how.prepare(await openDataset(options.data, openOptions(options)), options);
  const { network } = prepared;
  const { classes } = network;
  const opened = heldOut(prepared.data, options.validation);
  const { method } = options;
  const layers: LeftOut['layers'] = [];
  const onLeft = (left: readonly LeftLayer[]) => {
    layers.push(...left);
    console.log(leftOutText({ layers }).join('\n'));
  };
  const model = method ? await reparameterized(network.model, method, options, { onLeft, select }) : network.model;
  const { recipe, transform } = await recipeOf(options, how.recipe);
  const images = how.images(opened, model, network.notes, recipe, {
    ...options,
    ...(transform !== undefined && { recipeTransform: transform }),
  });
  const { train: trainImages, validation, test, name } = images.data;
  const countOf = (split: typeof test) => ('count' in split ? split.count : split.source.count);
  const held = validation ? `, ${countOf(validation)} validation` : '';
  console.log(`${name}: ${countOf(trainImages)} training${held} and ${countOf(test)} test images of ${images.size}`);
  const { mean, std } = images.fit;
  const teacher = options.teacher === undefined ? undefined : (await loadModel(options.teacher)).model;
  const choice = { ...(eager !== undefined && { eager }), task };
  const writes = isFirstWorker();
  const { tensorboard, serve } = writes ? options : {};
  const folder = tensorboard === true ? join(output, 'tensorboard') : tensorboard;
  let fitted: FitResult<P>;
  let predictions: P[] = [];
  let page: ServedTraining | undefined;
  try {
    const { epochs } = images.fit.recipe;
    if (serve !== undefined)
      page = await served(options, { epochs, data: name, network: network.notes.backbone?.id ?? model.name });
    const watch =
      folder === undefined ? undefined : await tensorBoardOf(folder, { ...images.fit, model, data: images.data });
    fitted = await fit({
      model,
      ...images.fit,
      ...(teacher && { teacher }),
      data: images.data,
      ...{ folder: output, folderLocked: true },
      stopOnInterrupt: true,
      ...(watch && { onEpoch: watch }),
      ...(page && { signal: page.stopped, log: toBoth(page) }),
      ...choice,
      ...(options.allowOtherStart !== undefined && { allowOtherStart: options.allowOtherStart }),
      ...(allowOtherThreads !== undefined && { allowOtherThreads }),
    });
    if (!fitted.stopped) {
      predictions = fitted.predictions ?? (await predict(model, test, { mean, std, ...choice }));
      if (writes) await how.write(output, predictions, task.evaluationOf(predictions), classes);
      const leftOut: LeftOut = { ...fitted.leftOut, layers };
      if (leavesOut(leftOut) && writes)
        await writeAtomically(join(output, LEFT_OUT_FILE), [`${JSON.stringify(leftOut, undefined, 2)}\n`]);
    }
  } finally {
    await page?.close();
    teacher?.dispose();
    await images.close();
  }
  if (fitted.stopped) {
    console.log(`Stopped; the same command goes on.`);
    process.exitCode = 130;
    return;
  }
  if (!writes) return;
  const kept = { ...network.notes, ...images.notes, classes, ...importsFor(network.notes, method) };
  // The model comes last: it tells that the training is finished.
  if (fitted.averaged) await saveAverages(model, fitted.averaged, join(output, 'averaged'), kept);
  await saveModel(model, finished, kept);
  console.log(`Model folder: ${finished}`);
  console.log(`Test images after the last epoch: ${how.text(requireFinite(task.evaluationOf(predictions)))}`);
  const { best, last } = fitted;
  const averaged = last?.[scoreKey('testAveraged', task.score.name)];
  if (averaged !== undefined)
    console.log(
      `Averages of the weights: ${task.score.title} ${(100 * averaged).toFixed(2)} %; model folder: ${join(output, 'averaged')}`,
    );
  if (best) {
    const warning = best.chosenOn === 'test' ? ' (chosen on test images, so no result: see --validation)' : '';
    const score = `${(100 * best.score).toFixed(2)} %`;
    console.log(`Best epoch by ${best.chosenOn} images: ${best.epoch}, ${task.score.title} ${score}${warning}`);
  }
}
