/** A run's folder: its checkpoints and its metrics.csv. */
import { join, resolve } from 'node:path';
import { counted } from '@refconv/datasets/text';
import { appendWhole, hashOf, writeAtomically } from '@refconv/files';
import { loadedInstallation } from '@refconv/tensorflow';
import type { LayersModel, Variable } from '@tensorflow/tfjs';
import { CheckpointFolder } from './checkpoint.js';
import { differenceText } from './differences.js';
import { type Evaluated, METRICS_FILE, type MetricsRow, metricsCsv, metricsLines } from './metrics.js';
import { type Length, NEW_EPOCH, type Position, positionProblem, START } from './position.js';
import { compareStart, type StartingWeights, startingWeights } from './startingWeights.js';
import { namedState, notFinite, readState, writeState } from './tensors.js';
import { threadCount } from './threads.js';
import { workerShard } from './workers.js';

/** What makes a run the run it is: its recipe and what it is trained on. */
export type RunIdentity = Record<string, unknown>;

interface Meta extends Position {
  identity: RunIdentity;
  identityHash: string;
  threads: number;
  /** Of earlier versions' checkpoints: 1. */
  workers?: number;
  tensorflow: string;
  /** Checkpoints of earlier versions have none. */
  start?: StartingWeights;
}

export interface RunOptions {
  folder: string;
  model: LayersModel;
  /** What the optimiser keeps, by name. */
  optimiserState: ReadonlyMap<string, Variable>;
  identity: RunIdentity;
  length: Length;
  /** The splits whose numbers metrics.csv has. */
  evaluated: Evaluated;
  /** The measure that metrics.csv has beside the loss. */
  score: string;
  allowOtherThreads: boolean;
  allowOtherStart: boolean;
  warn: (message: string) => void;
}

/** Models that this process has trained: one that goes on in its folder has other weights by now than it began with. */
const BEGUN = new WeakMap<LayersModel, { folder: string; start: StartingWeights }>();

export class Run {
  private readonly checkpoints: CheckpointFolder<Meta>;
  private readonly state: Map<string, Variable>;
  private readonly start: StartingWeights;
  private saved: number | undefined;

  constructor(private readonly options: RunOptions) {
    this.checkpoints = new CheckpointFolder(options.folder);
    this.state = namedState(options.model, options.optimiserState);
    const { model } = options;
    const folder = resolve(options.folder);
    const begun = BEGUN.get(model);
    this.start = begun?.folder === folder ? begun.start : startingWeights(readState(this.state));
    BEGUN.set(model, { folder, start: this.start });
  }

  /** The step of the last checkpoint that is whole. */
  get lastSaved(): number | undefined {
    return this.saved;
  }

  /**
   * Takes up the training where the folder's last whole checkpoint left it: gives model and optimiser their values.
   * In a folder without one it writes the first, so that a disk that is full or read-only shows before anything is computed. One from before
   * the first step holds nothing that was learned, and binds nobody: it is written anew.
   * @throws if the folder cannot be used, or holds a run with another recipe, data, model or number of threads.
   */
  async open(): Promise<Position> {
    const { folder, warn } = this.options;
    await this.checkpoints.prepare([...this.state.values()]);
    const checkpoint = await this.checkpoints.load(warn);
    if (!checkpoint || checkpoint.meta.step === 0) {
      await this.save(START);
      await this.writeMetrics([]);
      return START;
    }
    const { identity, identityHash, threads, workers = 1, tensorflow, start, ...position } = checkpoint.meta;
    if (identityHash !== hashOf(this.options.identity)) {
      throw new Error(
        `${folder} holds a run that differs from this one: ${differenceText(identity, this.options.identity).join('; ')}. ` +
          'Choose another folder, or go on with what that run was started with.',
      );
    }
    this.checkStart(start);
    const problem = positionProblem(position, this.options.length);
    if (problem) throw unusable(checkpoint.path, problem);
    this.checkMachine(threads, workers);
    if (tensorflow !== loadedInstallation.version) {
      warn(`The run was begun with TensorFlow ${tensorflow}; with ${loadedInstallation.version} it is not bit-equal.`);
    }
    const broken = notFinite(checkpoint.tensors);
    if (broken) throw unusable(checkpoint.path, `its ${broken} has values that are NaN or infinite`);
    writeState(this.state, checkpoint.tensors, checkpoint.path);
    this.saved = position.step;
    const rows = position.rows.map(withNaN);
    await this.writeMetrics(rows);
    // Checkpoints from before the kernels' changes were recorded have none.
    return { ...NEW_EPOCH, ...position, rows };
  }

  /**
   * @throws if a weight is not finite: such a checkpoint would push out a good one; or if it cannot be written.
   */
  async save(position: Position): Promise<void> {
    const { identity } = this.options;
    const tensors = readState(this.state);
    const broken = notFinite(tensors);
    if (broken) throw new NotFiniteError(broken);
    const meta = {
      ...position,
      identity,
      identityHash: hashOf(identity),
      threads: threadCount(),
      ...(workerShard().of > 1 && { workers: workerShard().of }),
      tensorflow: loadedInstallation.version,
      start: this.start,
    };
    await this.checkpoints.save(meta, tensors);
    this.saved = position.step;
  }

  async appendMetrics(row: MetricsRow): Promise<void> {
    const { evaluated, score } = this.options;
    await appendWhole(join(this.options.folder, METRICS_FILE), metricsLines([row], evaluated, score));
  }

  /** The checkpoint's rows are what counts: a row that was written after it, or half written, goes. */
  private writeMetrics(rows: MetricsRow[]): Promise<void> {
    const { evaluated, score } = this.options;
    return writeAtomically(join(this.options.folder, METRICS_FILE), [metricsCsv(rows, evaluated, score)]);
  }

  private checkStart(there: StartingWeights | undefined): void {
    const { folder, allowOtherStart, warn } = this.options;
    const compared = there ? compareStart(there, this.start) : 'same';
    if (compared === 'rounding') {
      warn(`The run in ${folder} began with weights that differ in their last bits: its end will not be bit-equal.`);
    }
    if (compared !== 'other' || allowOtherStart) return;
    throw new Error(
      `${folder} holds a run that began with other weights than this model has. Choose another folder, or give the model ` +
        'that it began with (the same seed of its initial weights). allowOtherStart: true takes it up all the same.',
    );
  }

  private checkMachine(threads: number, workers: number): void {
    const now = { threads: threadCount(), workers: workerShard().of };
    if (now.threads === threads && now.workers === workers) return;
    const { folder, allowOtherThreads, warn } = this.options;
    const [was, is, remedy] =
      now.workers === workers
        ? [
            `${threads} threads`,
            `TensorFlow now has ${now.threads}`,
            `Set the environment variable TF_NUM_INTRAOP_THREADS=${threads}`,
          ]
        : [counted(workers, 'process', 'processes'), `there are now ${now.workers}`, `Start as many as before`];
    const message = `The run in ${folder} was begun with ${was}, and ${is}`;
    if (allowOtherThreads) warn(`${message}: its end will not be bit-equal to that of an undisturbed run.`);
    else
      throw new Error(
        `${message}, which changes results in their last bits. ${remedy}, or allow it by allowOtherThreads: true.`,
      );
  }
}

/** Its checksum is right, so it was not damaged but made so. */
function unusable(path: string, problem: string): Error {
  return new Error(
    `The checkpoint ${path} does not belong to this training: ${problem}. Move it away, and the one before is taken.`,
  );
}

/** JSON has no NaN or infinity, and writes null: a loss of images that were evaluated may be one. */
function withNaN(row: MetricsRow): MetricsRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null ? Number.NaN : value]),
  ) as unknown as MetricsRow;
}

export class NotFiniteError extends Error {
  override name = 'NotFiniteError';
  constructor(readonly tensor: string) {
    super(`${tensor} has values that are NaN or infinite.`);
  }
}
