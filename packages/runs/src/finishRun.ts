/** What a training leaves when it has come to its end: the models, the files of its task, its result. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stepCost } from '@refconv/analysis';
import { BACKBONES } from '@refconv/backbones';
import { importsOf, writeAtomically } from '@refconv/files';
import { METHODS, merge, reparameterizedLayers } from '@refconv/refconv';
import {
  type BestEpoch,
  type CompileChoice,
  evaluate,
  type FitResult,
  finalSplit,
  type ImageResult,
  isFirstWorker,
  LEFT_OUT_FILE,
  type LeftOut,
  leavesOut,
  type Measured,
  type MetricsRow,
  type ModelNotes,
  predict,
  requireFinite,
  saveAverages,
  saveModel,
  scoreKey,
} from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import type { RunImages } from './data.js';
import { AVERAGED, FAILURE, json, MERGED, MODEL, RESULT, SPEC } from './folder.js';
import type { Prepared } from './networks/classes.js';
import { type Environment, type Result, scoreOf } from './result.js';
import { hashOfSpec, type Spec } from './spec.js';
import { type RunTask, TASKS } from './tasks/registry.js';
import { percent } from './text.js';

/** A training that has come to its end. */
export interface Trained {
  spec: Spec;
  folder: string;
  task: RunTask;
  network: Prepared;
  images: RunImages;
  fitted: FitResult<ImageResult>;
  /** The convolutions that its method has left. */
  layers: LeftOut['layers'];
  environment: Environment;
  startWeights: string | undefined;
  log: (line: string) => void;
}

/** Evaluates, merges and writes; the result comes last: it tells that the run is finished. Of several processes the first alone writes. */
export async function finishRun(
  { spec, folder, task, network, images, fitted, layers, environment, startWeights, log }: Trained,
  choice: CompileChoice,
): Promise<Result> {
  const peakMemory = 1024 * process.resourceUsage().maxRSS;
  const { model, classes } = network;
  const { data, recipe } = images;
  const writes = isFirstWorker();
  const notes = notesOf(spec, network, images);
  if (fitted.averaged && writes) await saveAverages(model, fitted.averaged, join(folder, AVERAGED), notes);
  if (writes) await saveModel(model, join(folder, MODEL), notes, { replace: true });
  const merged = reparameterizedLayers(model).length > 0 ? await merge(model) : undefined;
  try {
    if (merged && writes) await saveModel(merged, join(folder, MERGED), notes, { replace: true });
    const passed = { ...choice, task: task.task };
    const predictions = fitted.predictions ?? (await predict(model, finalSplit(data), passed));
    const evaluation = requireFinite(task.task.evaluationOf(predictions));
    const leftOut: LeftOut = { ...fitted.leftOut, layers };
    const leaves = leavesOut(leftOut);
    if (writes) {
      await task.write(folder, predictions, evaluation, classes);
      await task.pictures?.(folder, merged ?? model, data);
      if (leaves) await writeAtomically(join(folder, LEFT_OUT_FILE), [json(leftOut)]);
    }
    const { entry, merged: mergedEntry } = scoreOf(spec);
    const scoreIn = (measured: Measured) => (measured as unknown as Record<string, number>)[entry] as number;
    const score = scoreIn(evaluation);
    const mergedScore = merged ? scoreIn(await evaluate(merged, finalSplit(data), passed)) : score;
    const trainSeconds = fitted.rows.reduce((sum, { seconds }) => sum + seconds, 0);
    const { last, best } = fitted as FitResult & { last: MetricsRow; best: BestEpoch };
    const flops = () => stepCost(model, recipe.batchSize, { attacked: recipe.adversarial !== undefined }).total;
    const result: Result = {
      hash: hashOfSpec(spec),
      spec,
      ...{ ...task.measures(evaluation), [entry]: score, testLoss: evaluation.loss },
      best: { epoch: best.epoch, [entry]: best.score, chosenOn: best.chosenOn },
      trainLoss: last.trainLoss,
      [mergedEntry]: mergedScore,
      parametersInTraining: trainedNumbers(model),
      parameters: trainedNumbers(merged ?? model),
      ...(hasKnownSize(model) && { flopsPerStep: flops() }),
      peakMemory,
      trainSeconds,
      stepMilliseconds: (1000 * trainSeconds) / fitted.step,
      weights: weightsHash(model),
      ...(startWeights && { startWeights }),
      ...(leaves && { leftOut }),
      finished: new Date().toISOString(),
      environment,
    };
    if (!writes) return result;
    await writeAtomically(join(folder, SPEC), [json(spec)]);
    await writeAtomically(join(folder, RESULT), [json(result)]);
    await rm(join(folder, FAILURE), { force: true });
    tell(log, { folder, task, fitted, text: task.text(evaluation), on: data.test ? 'Test' : 'Validation' });
    return result;
  } finally {
    merged?.dispose();
  }
}

/** What the folder of the model says of it, the files of a user's own included that its network and its method are of. */
function notesOf({ task, method }: Spec, { notes, classes }: Prepared, images: Pick<RunImages, 'notes'>): ModelNotes {
  const used = { [BACKBONES.kind]: notes.backbone?.id, [METHODS.kind]: method?.id, [TASKS.kind]: task?.id };
  const own = importsOf(Object.entries(used).flatMap(([kind, id]) => (id === undefined ? [] : [{ kind, id }])));
  const imports = [...(notes.imports ?? []), ...own].filter(
    ({ file }, i, list) => list.findIndex((each) => each.file === file) === i,
  );
  const said = { ...notes, ...images.notes, classes, ...(task && { task: task.id }) };
  return imports.length > 0 ? { ...said, imports } : said;
}

function tell(
  log: Trained['log'],
  { folder, task, fitted, text, on }: Pick<Trained, 'folder' | 'task' | 'fitted'> & { text: string; on: string },
): void {
  const { name, title } = task.task.score;
  const { best, last } = fitted;
  log(`Model folder: ${join(folder, MODEL)}`);
  log(`${on} images after the last epoch: ${text}`);
  const averaged = last?.[scoreKey('testAveraged', name)];
  if (averaged !== undefined)
    log(`Averages of the weights: ${title} ${percent(averaged)}; model folder: ${join(folder, AVERAGED)}`);
  if (!best) return;
  const warning = best.chosenOn === 'test' ? ' (chosen on test images, so no result: see --validation)' : '';
  log(`Best epoch by ${best.chosenOn} images: ${best.epoch}, ${title} ${percent(best.score)}${warning}`);
}

/** Whether it takes images of one size alone, so that a step's operations can be counted. */
const hasKnownSize = ({ inputs }: LayersModel) => inputs.every(({ shape }) => !shape.slice(1).includes(null));

const trainedNumbers = ({ trainableWeights }: LayersModel) =>
  trainableWeights.reduce((sum, { shape }) => sum + shape.reduce<number>((size, side) => size * (side ?? 1), 1), 0);

function weightsHash(model: LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of model.getWeights()) {
    const { buffer, byteOffset, byteLength } = weight.dataSync() as Float32Array;
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
