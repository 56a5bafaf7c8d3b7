/** The training loop. */
import { setImmediate as breathe } from 'node:timers/promises';
import { counted, listed } from '@refconv/datasets/text';
import type { Lock } from '@refconv/files';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, Scalar } from '@tensorflow/tfjs';
import { partOf, trainBatch } from './accumulation.js';
import { averagedNumbers, averagesOf } from './averagedEvaluation.js';
import { checkBatchNorms, neutralBatchNorms } from './batchNorms.js';
import { checkpointClock } from './checkpointClock.js';
import { type CompileChoice, trainer } from './classifier.js';
import { nothingRead, resultsOf, type TaskChoice, taskOf } from './evaluate.js';
import {
  describeData,
  evaluationEpochs,
  evaluationSplits,
  finalSplit,
  type SplitName,
  type TrainingData,
  trainingEpochs,
} from './feed.js';
import { checkData } from './fitChecks.js';
import { epochLine, type FitResult, result } from './fitResult.js';
import { lockTraining } from './folderLock.js';
import { freezeLayers } from './freeze.js';
import { kernelWatch } from './kernelChange.js';
import { leftOutText, unreadOf } from './leftOut.js';
import { type MetricsRow, scoreKey } from './metrics.js';
import { sharedNames } from './modelFolder.js';
import { NEW_EPOCH, type Position, START } from './position.js';
import { type Evaluation, notFiniteMessage, type Prediction } from './predictions.js';
import { progress } from './progress.js';
import { checkRecipe, type Recipe } from './recipe.js';
import { NotFiniteError, Run } from './run.js';
import { learningRateAt, scheduleOf } from './schedule.js';
import { stopSignal } from './stop.js';
import type { ImageResult, Measured } from './task.js';
import { teacherHash } from './teacher.js';
import { imageTensor, stepSeed } from './tensors.js';
import { beginTogether, leaveTogether, workerShard } from './workers.js';

export interface FitOptions<P extends ImageResult = Prediction, E extends Measured = Evaluation>
  extends CompileChoice,
    TaskChoice<P, E> {
  /** Of the task: for classification images [n, height, width, channels] to logits [n, classes]. Is trained in place. */
  model: LayersModel;
  data: TrainingData;
  recipe: Recipe;
  /** The network that the recipe distils from, where it does: takes the same images, in evaluation mode, and is not changed. */
  teacher?: LayersModel;
  /**
   * Where checkpoints and metrics.csv go. If it holds a run, that is taken up where it stopped, and the model gets its weights.
   * Left out: nothing is written. In a cluster the first worker alone uses it: the others need no shared disk.
   */
  folder?: string;
  /** The caller has taken the folder by {@link lockTraining}. Default: false, and it is taken until the training ends. */
  folderLocked?: boolean;
  /** Besides the one at the end of each epoch: a checkpoint every so many steps or seconds. Default: every 300 seconds. */
  checkpointEvery?: { steps?: number; seconds?: number };
  /** Takes up a run that was begun with another number of threads or processes. Default: false, as its end is then not bit-equal. */
  allowOtherThreads?: boolean;
  /**
   * Takes up a run that began with other weights than the model has now, as where its initial weights have no seed. Default: false, as it
   * may be another model's.
   */
  allowOtherStart?: boolean;
  /** Stops after the step under way, with a checkpoint. */
  signal?: AbortSignal;
  /** Lets Ctrl-C (SIGINT) and SIGTERM do the same; a second one ends the process at once. Default: false. */
  stopOnInterrupt?: boolean;
  /** Called after each step. */
  onStep?: (step: number, loss: number) => void;
  /** Called after each epoch, when its row is written and the model has its weights. Not again for epochs of an earlier process. */
  onEpoch?: (row: MetricsRow) => void | Promise<void>;
  /** Takes a line for each epoch, and warnings. Default: console.log. */
  log?: (line: string) => void;
  /** Shows the progress within an epoch, on stderr. Default: true. */
  showProgress?: boolean;
}

/** The loss or a weight is no longer a finite number. The last checkpoint from before is kept. */
export class DivergedError extends Error {
  override name = 'DivergedError';
}

/**
 * Trains a network for its task by a recipe, evaluates it after each epoch, and keeps checkpoints. A run that is stopped or killed and
 * started again with the same options ends bit-equal to an undisturbed one (on a CPU, with the same number of threads).
 *
 * @throws before anything is computed: if the recipe, the data or the folder cannot be used, or another process trains into it.
 * @throws {DivergedError} if the loss becomes NaN or infinite.
 * @throws if a checkpoint cannot be written; the one before is kept.
 * @example
 * ```ts
 * const recipe = { ...PAPER_RECIPE, epochs: 30, warmUpEpochs: 2 };
 * const { last } = await fit({ model, data: set, recipe, folder: 'runs/baseline', stopOnInterrupt: true });
 * console.log(last?.testTop1);
 * ```
 */
export async function fit<P extends ImageResult = Prediction, E extends Measured = Evaluation>(
  options: FitOptions<P, E>,
): Promise<FitResult<P>> {
  const recipe = checkRecipe(options.recipe);
  const thaw = freezeLayers(options.model, recipe.freeze);
  try {
    return await train(options, recipe);
  } finally {
    thaw();
  }
}

async function train<P extends ImageResult, E extends Measured>(
  options: FitOptions<P, E>,
  recipe: ReturnType<typeof checkRecipe>,
): Promise<FitResult<P>> {
  const { model, data, onStep } = options;
  // The first worker speaks and writes for all.
  const { rank, of } = workerShard();
  const { folder, log = console.log, showProgress = true, onEpoch } = rank === 0 ? options : SILENT;
  const task = taskOf(options);
  const classes = data.classes.length;
  const epochs = trainingEpochs(data.train, recipe);
  const final = finalSplit(data);
  const evaluated = evaluationSplits(data, (split) => split);
  // Mixed images are refused before anything is computed.
  for (const split of Object.values(evaluated)) evaluationEpochs(split);
  checkData(model, task, classes, { train: data.train, ...evaluated }, recipe);
  const { count } = data.train;
  const sizes = [Math.min(recipe.batchSize, count), ...(recipe.dropLast ? [] : [count % recipe.batchSize || count])];
  checkBatchNorms(model, recipe.syncBatchNorm ? sizes : sizes.map((size) => size / of));
  const warn = (message: string) => log(`Warning: ${message}`);
  const unsaved = sharedNames(model);
  if (unsaved) warn(unsaved);
  const stepsPerEpoch = epochs.batchesPerEpoch;
  const schedule = scheduleOf(recipe, stepsPerEpoch);
  const due = checkpointClock(options.checkpointEvery);
  const program = trainer(model, task, recipe, { ...options, pixels: data.train.normalisation });
  const { accumulate } = recipe;
  const kernels = kernelWatch(model, Math.ceil(stepsPerEpoch / (accumulate ?? 1)));
  const stop = stopSignal(options);
  let lock: Lock | undefined;
  try {
    if (folder !== undefined && !options.folderLocked) lock = await lockTraining(folder);
    const { state: optimiserState, averages } = program.optimiser;
    const { allowOtherThreads = false, allowOtherStart = false } = options;
    const taught = options.teacher && { teacher: teacherHash(options.teacher) };
    // Checkpoints of classification are older than other tasks, and do not name theirs.
    const named = options.task && options.task.id !== 'classification' && { task: task.id };
    const identity = { recipe, ...describeData(data), ...taught, ...named };
    const length = { epochs: recipe.epochs, stepsPerEpoch };
    const choices = { allowOtherThreads, allowOtherStart, warn, score: task.score.name };
    const run = folder
      ? new Run({ folder, model, optimiserState, identity, evaluated: { ...evaluated, averages }, length, ...choices })
      : undefined;
    const position = await beginTogether(program, identity, async () => structuredClone((await run?.open()) ?? START));
    let predictions: P[] | undefined;
    const neutral = position.step === 0 ? neutralBatchNorms(model) : [];
    if (neutral.length > 0) {
      warn(
        `${counted(neutral.length, 'batch norm')} only add a bias, as merging a structural method leaves them: ${listed(neutral)}. In training they ` +
          'normalise by the batch, so that training on differs from going on before merging.',
      );
    }
    if (position.step > 0) log(`Going on from step ${position.step} of ${schedule.steps} (${folder}).`);

    while (position.epoch < recipe.epochs) {
      const { epoch } = position;
      const feed = epochs.epoch(epoch, position.step - epoch * stepsPerEpoch);
      const bar = showProgress ? progress(stepsPerEpoch, `epoch ${epoch + 1}/${recipe.epochs}`) : undefined;
      try {
        let batch = await feed.next();
        while (!batch.done) {
          if (of === 1 ? stop.requested : program.workers.stopping()) {
            position.unread = unreadOf(data, position.unread);
            await save(run, position);
            await leaveTogether();
            return result(position, data, task.score.name, { stopped: true });
          }
          const begin = performance.now();
          // Batches of which no image can be read are left out by the loader; each counts as a step.
          const step = batch.value.number === undefined ? position.step : epoch * stepsPerEpoch + batch.value.number;
          const isWarm = position.step <= schedule.warmUpSteps && schedule.warmUpSteps <= step;
          if (recipe.resetMomentumAfterWarmUp && isWarm) program.optimiser.reset();
          position.step = step;
          const part = partOf(step, stepsPerEpoch, accumulate);
          if (part.last) kernels.before(part.update);
          const rate = learningRateAt(part.begin, schedule, lossesOf(position.rows));
          const images = imageTensor(batch.value, data.train.shape);
          const targets = task.targets(batch.value, classes);
          const seed = stepSeed(recipe.seed, step, rank);
          if (stop.requested) program.workers.askToStop();
          const trained = trainBatch(program, { images, targets, seed, rate }, part, accumulate);
          const { size } = batch.value;
          if (epochs.ahead) batch = await feed.next(); // prepared while the step runs
          const loss = value(await trained);
          if (!epochs.ahead) batch = await feed.next();
          tf.dispose([images, targets, seed]);
          if (!Number.isFinite(loss)) throw diverged(`The loss became ${loss}`, position, rate, run);

          position.step++;
          position.lossSum += loss * size;
          position.images += size;
          position.seconds += (performance.now() - begin) / 1000;
          const change = part.last ? kernels.after() : undefined;
          if (change !== undefined) {
            position.changeSum += change;
            position.changes++;
          }
          bar?.update(position.step - epoch * stepsPerEpoch, `loss ${(position.lossSum / position.images).toFixed(3)}`);
          onStep?.(position.step, loss);
          if (!batch.done && due(position.step)) await save(run, position);
          await breathe(); // lets signals in
        }
      } finally {
        bar?.stop();
        await feed.return();
      }

      position.step = (epoch + 1) * stepsPerEpoch; // also where the last batches could not be read
      if (position.images === 0) throw nothingRead(data.train);
      const row: MetricsRow = {
        epoch: epoch + 1,
        step: position.step,
        learningRate: learningRateAt(
          partOf(position.step - 1, stepsPerEpoch, accumulate).begin,
          schedule,
          lossesOf(position.rows),
        ),
        trainLoss: position.lossSum / position.images,
        ...(position.changes > 0 && { kernelChange: position.changeSum / position.changes }),
        seconds: position.seconds,
      };
      const isLast = epoch + 1 === recipe.epochs;
      for (const name of splitsAfter(data, isLast)) {
        const split = data[name] as typeof final;
        const found = await resultsOf(program, task, split, { classes }).catch(async (error) => {
          await save(run, position); // so that the epoch need not be trained again
          throw error;
        });
        const evaluation = task.evaluationOf(found);
        row[`${name}Loss`] = evaluation.loss;
        row[scoreKey(name, task.score.name)] = evaluation[task.score.name] as number;
        const broken = notFiniteMessage(evaluation);
        if (broken) warn(`After epoch ${epoch + 1} ${broken} of the ${name} split; they count as wrong.`);
        if (isLast && split === final) predictions = found;
      }
      if (averages) {
        const splits = Object.fromEntries(splitsAfter(data, isLast).map((name) => [name, data[name]]));
        Object.assign(row, await averagedNumbers(program, task, splits, { classes }));
      }
      position.unread = unreadOf(data, position.unread);
      position.rows.push(row);
      Object.assign(position, { epoch: epoch + 1, ...NEW_EPOCH });
      await save(run, position);
      await run?.appendMetrics(row);
      log(epochLine(row, recipe.epochs, task.score));
      await onEpoch?.(row);
    }
    const averaged = averages ? await averagesOf(program, model) : undefined;
    const fitted = { ...result(position, data, task.score.name, { predictions }), ...(averaged && { averaged }) };
    for (const line of leftOutText(fitted.leftOut)) log(line);
    await leaveTogether();
    return fitted;
  } finally {
    stop.dispose();
    program.dispose();
    // Where that is not possible any more, it ends with the process.
    await lock?.release().catch(() => undefined);
  }
}

/** What the workers but the first do with what is said and written. */
const SILENT: Pick<FitOptions, 'folder' | 'log' | 'showProgress' | 'onEpoch'> = {
  log: () => undefined,
  showProgress: false,
};

async function save(run: Run | undefined, position: Position): Promise<void> {
  await run?.save(position).catch((error) => {
    if (error instanceof NotFiniteError) throw diverged(error.message.replace(/\.$/, ''), position, undefined, run);
    const kept =
      run.lastSaved === undefined ? '' : ` The checkpoint of step ${run.lastSaved} is kept; start again to go on.`;
    throw new Error(`${(error as Error).message}${kept}`, { cause: error });
  });
}

function diverged(
  what: string,
  { epoch, step }: Position,
  rate: number | undefined,
  run: Run | undefined,
): DivergedError {
  const at = rate === undefined ? '' : `, learning rate ${rate.toPrecision(3)}`;
  const kept = run ? ` The checkpoint of step ${run.lastSaved} is kept.` : '';
  return new DivergedError(
    `${what} (epoch ${epoch + 1}, step ${step + 1}${at}).${kept} The same recipe would fail again: lower learningRate or ` +
      'lengthen the warm-up, in a new folder; and see that images and weights are finite.',
  );
}

/** The test images are left for the end, where there are others to choose by. */
function splitsAfter({ validation, test }: TrainingData, isLast: boolean): SplitName[] {
  return [
    ...(validation ? ['validation' as const] : []),
    ...(test && (isLast || !validation) ? ['test' as const] : []),
  ];
}

/** What a plateau of the learning rate is judged by; never the test images. */
const lossesOf = (rows: readonly MetricsRow[]) =>
  rows.map(({ validationLoss, trainLoss }) => validationLoss ?? trainLoss);

/** A scalar's value; the scalar is disposed. */
function value(scalar: Scalar): number {
  const [number] = scalar.dataSync();
  scalar.dispose();
  return number as number;
}
