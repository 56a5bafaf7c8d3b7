/** compile(): tfjs functions as one TensorFlow graph. See docs/compile.md. */
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { currentRecorder } from './backend.js';
import { keepInstances, logLevel } from './cluster.js';
import { collectiveFailure } from './clusterFailure.js';
import { Graph, type RunChoice } from './graph.js';
import { type Inspection, inspectionOf, inspectorOf } from './inspection.js';
import { nativeGraph, tf } from './load.js';
import { DType, type Feed, type NativeRunResult, type Output } from './native.js';
import { type OperationTime, summarizeTimings } from './profile.js';
import { type ArgumentSpec, type Body, Recorder, type Recording } from './record.js';
import { VariableStore } from './state.js';
import { type Result, unflatten } from './structure.js';
import { nativeTensor, typedArray } from './values.js';

/** A function that can be compiled: tensors in; a tensor, lists or records of tensors, or nothing out. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that only assigns variables returns nothing.
export type TensorFunction = (...inputs: never[]) => Result | void;

/** Where a function takes a tensor, its compiled form also takes a number, as a float32 scalar that may change at each call. */
type Arguments<A extends unknown[]> = { [I in keyof A]: Scalar extends A[I] ? A[I] | number : A[I] };

export interface CompiledFunction<F extends TensorFunction> {
  /** Runs the graph; blocks until it is done. */
  (...inputs: Arguments<Parameters<F>>): ReturnType<F>;
  /** Runs the graph in another thread, so that JavaScript goes on. One call at a time. */
  async(...inputs: Arguments<Parameters<F>>): Promise<ReturnType<F>>;
  /** Runs the graph once with TensorFlow's tracing on: the time that each kind of operation took, longest first. */
  profile(...inputs: Arguments<Parameters<F>>): OperationTime[];
}

export type Compiled<F extends Record<string, TensorFunction>> = { [K in keyof F]: CompiledFunction<F[K]> } & {
  /** Gives the variables their values back and frees the graph. */
  dispose(): void;
};

export interface CompileOptions {
  /** Runs the functions as they are, operation by operation, for debugging. Default: the environment variable REFCONV_EAGER is 1. */
  eager?: boolean;
  /** Is told what was recorded, each time. Default: as the environment variable REFCONV_COMPILE says. */
  inspect?: ((inspection: Inspection) => void) | undefined;
}

/**
 * Compiles tfjs functions into one TensorFlow graph with shared variables.
 *
 * Each function is recorded at its first call with arguments of new shapes: it runs on tensors without values, and every
 * operation becomes a node. tf.Variables that it reads or assigns live in the graph from then on and are shared by all the
 * functions and shapes; reading a tf.Variable reads the graph's value, assigning to one is noticed at the next call.
 *
 * @param functions by name, e.g. `{ train, evaluate }`.
 * @returns the compiled functions by the same names, and `dispose()`.
 * @throws at the first call: where a value is read while recording; where two recordings differ (randomness in
 *   JavaScript); where a shape depends on values.
 * @example
 * ```ts
 * const optimiser = tf.train.sgd(0.1);
 * const program = compile({
 *   train: (images: tf.Tensor4D, labels: tf.Tensor1D) =>
 *     optimiser.minimize(() => {
 *       const logits = model.apply(images, { training: true }) as tf.Tensor2D;
 *       return tf.mean<tf.Scalar>(softmaxCrossEntropy(logits, labels));
 *     }, true) as tf.Scalar,
 * });
 * const loss = program.train(images, labels); // the forward pass, the backward pass and the update in one graph
 * program.dispose();
 * ```
 */
export function compile<F extends Record<string, TensorFunction>>(
  functions: F,
  options: CompileOptions = {},
): Compiled<F> {
  if ('dispose' in functions)
    throw new Error("A compiled function cannot be called 'dispose': that name frees the graph.");
  const eager = options.eager ?? process.env.REFCONV_EAGER === '1';
  const program = new Program(options.inspect ?? inspectorOf(process.env.REFCONV_COMPILE));
  const entries = Object.entries(functions).map(([name, body]) => {
    const plain = body as unknown as Body;
    return [name, eager ? eagerFunction(plain) : program.function(name, plain)];
  });
  return { ...Object.fromEntries(entries), dispose: () => program.dispose() };
}

function eagerFunction(body: Body) {
  const call = (...inputs: (Tensor | number)[]) =>
    tf.tidy(() => body(...inputs.map((input) => (typeof input === 'number' ? tf.scalar(input) : input))) as Tensor);
  return Object.assign(call, {
    async: async (...inputs: (Tensor | number)[]) => call(...inputs),
    profile: () => {
      throw new Error('A function that runs eagerly has no profile; compile it without { eager: true }.');
    },
  });
}

/** A call made ready: everything that the session needs. */
interface Call {
  recording: Recording;
  feeds: Feed[];
}

class Program {
  private readonly graph: Graph;
  private readonly store: VariableStore;
  private busy = false;
  private disposed = false;

  constructor(private readonly inspect: CompileOptions['inspect']) {
    this.graph = new Graph();
    this.store = new VariableStore(this.graph);
  }

  function(name: string, body: Body) {
    const recordings = new Map<string, Recording>();

    const prepare = (inputs: (Tensor | number)[]): Call => {
      if (this.disposed) throw new Error(`The compiled function ${name} was disposed.`);
      if (this.busy)
        throw new Error(`The compiled function ${name} was called while another call is running; await that first.`);
      if (currentRecorder())
        throw new Error(
          `The compiled function ${name} was called inside a function that is being recorded; call the plain function.`,
        );
      const specs = inputs.map((input, i) => specOf(name, input, i));
      const key = JSON.stringify(specs);
      let recording = recordings.get(key);
      if (!recording) {
        const [first, begin] = [this.graph.size, performance.now()];
        recording = this.record(name, body, specs, inputs);
        recordings.set(key, recording);
        const milliseconds = performance.now() - begin;
        this.inspect?.(inspectionOf(this.graph, first, { function: name, arguments: specs, milliseconds }, recording));
      }
      this.store.upload(recording.variables);
      this.store.separateClones(recording.updated);
      return { recording, feeds: feedsOf(recording, inputs) };
    };

    /** A sum that failed is told as what has become of the other tasks. */
    const failure = ({ collectives }: Recording, error: unknown) =>
      collectives.count > 0 ? collectiveFailure(name, error) : error;

    const call = (...inputs: (Tensor | number)[]): Result => {
      const { recording, feeds } = prepare(inputs);
      try {
        return results(recording, this.graph.run(feeds, recording.fetches, recording.targets, choiceOf(recording)));
      } catch (error) {
        throw failure(recording, error);
      } finally {
        this.store.changed();
      }
    };

    const async = async (...inputs: (Tensor | number)[]): Promise<Result> => {
      const { recording, feeds } = prepare(inputs);
      this.busy = true;
      try {
        const { fetches, targets } = recording;
        return results(recording, await this.graph.runAsync(feeds, fetches, targets, choiceOf(recording)));
      } catch (error) {
        throw failure(recording, error);
      } finally {
        this.busy = false;
        this.store.changed();
      }
    };

    const profile = (...inputs: (Tensor | number)[]): OperationTime[] => {
      const { recording, feeds } = prepare(inputs);
      // TensorFlow warns at every traced call that no GPU was traced.
      nativeGraph.setLogLevel(Math.max(logLevel(), 2));
      try {
        const { fetches, targets } = recording;
        const { metadata } = this.graph.run(feeds, fetches, targets, { ...choiceOf(recording), trace: true });
        return summarizeTimings(metadata as Uint8Array, recording.collectives.bytes);
      } catch (error) {
        throw failure(recording, error);
      } finally {
        nativeGraph.setLogLevel(logLevel());
        this.store.changed();
      }
    };

    return Object.assign(call, { async, profile });
  }

  dispose(): void {
    if (this.disposed) return;
    if (this.busy) throw new Error('A compiled program was disposed while a call is running; await that first.');
    this.store.release();
    this.graph.close();
    this.disposed = true;
  }

  /**
   * Records twice: first into a graph that is thrown away, which shows what differs between recordings and lets the function
   * make the variables that it makes on its first call (an optimiser's slots).
   */
  private record(
    name: string,
    body: Body,
    specs: ArgumentSpec[],
    inputs: (Tensor | number)[],
    again = false,
  ): Recording {
    const trial = new Graph();
    try {
      const store = new VariableStore(trial);
      const recorder = new Recorder(trial, store, undefined);
      const recording = recorder.record(body, specs);
      const { created } = recording;
      if (created.length === 0) {
        const kept = new Recorder(this.graph, this.store, recorder.journal).record(body, specs);
        keepInstances(kept.collectives.count);
        return kept;
      }
      if (again) {
        const names = created.map(({ variable }) => variable.name).join(', ');
        throw new Error(
          `The function ${name} makes new variables at every call (${names}); make them once, outside of it.`,
        );
      }
      const feeds = feedsOf(recording, inputs);
      for (const { variable, initial } of created) {
        const [value] = trial.run(feeds, [initial]).outputs as [NativeRunResult['outputs'][number]];
        const tensor = tf.tensor(typedArray(value.dtype, value.data as ArrayBuffer), variable.shape, variable.dtype);
        variable.assign(tensor as never);
        tensor.dispose();
      }
    } finally {
      trial.close();
    }
    // The function now finds its variables made; the recording without them is no measure for the next one.
    return this.record(name, body, specs, inputs, true);
  }
}

const choiceOf = ({ collectives }: Recording): RunChoice => ({ collective: collectives.count > 0 });

function specOf(name: string, input: Tensor | number, position: number): ArgumentSpec {
  if (typeof input === 'number') return { dtype: 'float32', shape: [] };
  if (input instanceof tf.Tensor) return { dtype: input.dtype, shape: input.shape };
  throw new Error(
    `Argument ${position + 1} of the compiled function ${name} is a ${typeof input}; expected a tensor or a number.`,
  );
}

function feedsOf({ placeholders }: Recording, inputs: (Tensor | number)[]): Feed[] {
  return inputs.map((input, i) => {
    const tensor =
      typeof input === 'number'
        ? { dtype: DType.float32, shape: [], data: Float32Array.of(input) }
        : nativeTensor(input);
    return { output: placeholders[i] as Output, ...tensor };
  });
}

function results(recording: Recording, { outputs }: NativeRunResult): Result {
  const tensors = outputs.map(({ dtype, shape, data }, i) => {
    const values = Array.isArray(data) ? (data as unknown as string[]) : typedArray(dtype, data);
    return tf.tensor(values, shape, recording.fetchTypes[i]);
  });
  return unflatten(recording.structure, tensors);
}
