import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { requireWritable } from '@refconv/files';
import { METHODS } from '@refconv/refconv';
import { appendToLedger, type Spec } from '@refconv/runs';
import { type BegunTraining, type TrainingWatch, trainRun } from '@refconv/runs/train';
import { isFirstWorker, lockTraining } from '@refconv/training';
import { tensorBoardOf } from '../tensorBoard.js';
import { type SpecOptions, specOf } from '../trainSpec.js';

interface TrainOptions extends SpecOptions {
  output: string;
  workers?: number;
  maxPixels?: number;
  eager?: boolean;
  allowOtherStart?: boolean;
  allowOtherThreads?: boolean;
  tensorboard?: string | true;
  serve?: number | true;
  processes?: number;
}

export async function train(options: TrainOptions): Promise<void> {
  const { output, method, processes } = options;
  // Before anything is opened.
  if (method !== undefined) METHODS.get(method);
  if (processes !== undefined && processes > 1 && options.skipBroken)
    throw new Error(
      '--processes and --skip-broken do not go together: the processes would have batches of unlike sizes.',
    );
  if (!isFirstWorker()) return trainInto(options);
  const finished = join(output, 'model');
  // Earlier versions wrote neither a spec nor a result, and the model last.
  const has = (name: string) => existsSync(join(output, name));
  if (has('model') && (has('result.json') || !has('spec.json')))
    throw new Error(`${output} holds a training that is finished (${finished}); choose another --output.`);
  const made = missingFolders(output);
  try {
    await requireWritable(output);
    const lock = await lockTraining(output);
    try {
      await trainInto(options);
    } finally {
      await lock.release();
    }
  } catch (error) {
    for (const folder of made) if (!(await removedEmpty(folder))) break;
    throw error;
  }
}

/** What of a path is not there, the innermost first. */
function missingFolders(path: string): string[] {
  const folder = resolve(path);
  return existsSync(folder) ? [] : [folder, ...missingFolders(dirname(folder))];
}

/** Removes a folder if nothing is in it. */
const removedEmpty = (folder: string) =>
  rmdir(folder).then(
    () => true,
    () => false,
  );

async function trainInto(options: TrainOptions): Promise<void> {
  const { output, workers, maxPixels, eager, allowOtherStart, allowOtherThreads } = options;
  const { spec, data } = await specOf(options);
  const result = await trainRun(spec, output, {
    ...{ data, folderLocked: true, stopOnInterrupt: true, watch: (training) => watched(options, spec, training) },
    ...(workers !== undefined && { workers }),
    ...(maxPixels !== undefined && { maxPixels }),
    ...(eager !== undefined && { eager }),
    ...(allowOtherStart !== undefined && { allowOtherStart }),
    ...(allowOtherThreads !== undefined && { allowOtherThreads }),
  });
  if (!result) {
    console.log(`Stopped; the same command goes on.`);
    process.exitCode = 130;
    return;
  }
  if (!isFirstWorker()) return;
  // It is finished, whatever becomes of its row.
  const log = (line: string) => console.error(`Warning: ${line}`);
  await appendToLedger(dirname(resolve(output)), result, log).catch((error: Error) => log(error.message));
}

/** TensorBoard's files and the page of `--serve`, whose address is printed. */
async function watched(
  { output, serve, tensorboard, seed, task, method }: TrainOptions,
  { network }: Spec,
  training: BegunTraining,
): Promise<TrainingWatch> {
  const folder = tensorboard === true ? join(output, 'tensorboard') : tensorboard;
  const onEpoch = folder === undefined ? undefined : await tensorBoardOf(folder, training);
  if (serve === undefined) return { ...(onEpoch && { onEpoch }) };
  const { serveTraining } = await import('@refconv/runs');
  const kind = task === undefined || task === 'classification' ? {} : { task: { id: task } };
  const { model, recipe, data } = training;
  const shown = { network: network.id === 'unknown' ? model.name : network.id, data: data.name, ...kind };
  const page = await serveTraining(
    { ...shown, epochs: recipe.epochs, folder: output, method: method ?? 'plain', seed },
    typeof serve === 'number' ? { port: serve } : {},
  );
  console.log(`The page, with the token to stop the training: ${page.url}`);
  const log = (line: string) => {
    console.log(line);
    page.log(line);
  };
  return { ...(onEpoch && { onEpoch }), signal: page.stopped, log, close: () => page.close() };
}
