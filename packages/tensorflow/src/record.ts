/** Records a tfjs function: runs it once on symbolic tensors, so that each operation becomes a node and nothing is computed. */
import type { DataId, DataType, Tensor, TensorInfo, Variable } from '@tensorflow/tfjs';
import { type OperationRecorder, symbolicTensor, symbolicValue, withRecorder } from './backend.js';
import { Collectives } from './collectives.js';
import { Fusion, type RecordedOperation } from './fusion.js';
import type { Graph, GraphOperation } from './graph.js';
import { fingerprint, Journal } from './journal.js';
import { tf } from './load.js';
import { type Attribute, DType, dtypeNumber, type NativeTensor, type Output } from './native.js';
import { type StateVariable, separate, type VariableStore } from './state.js';
import { flatten, type Result } from './structure.js';
import { nativeTensor } from './values.js';

/** The body of a function that is recorded. */
export type Body = (...inputs: Tensor[]) => Result;

export interface ArgumentSpec {
  dtype: DataType;
  shape: number[];
}

/** A recorded function: where to feed it and what to run. */
export interface Recording {
  placeholders: Output[];
  /** The returned structure, with the fetched output's position in place of each tensor. */
  structure: unknown;
  fetches: Output[];
  /** The dtype that tfjs gives each fetched tensor. */
  fetchTypes: DataType[];
  /** The operation that runs all assignments; none where nothing is assigned. */
  targets: number[];
  collectives: Pick<Collectives, 'count' | 'bytes'>;
  variables: StateVariable[];
  /** Those of `variables` whose value a run changes. */
  updated: StateVariable[];
  /** Variables that the function itself made, with their first value's place in the graph. */
  created: { variable: Variable; initial: Output }[];
}

/** A large constant is almost always data that should have been an argument or a variable. */
const LARGEST_CONSTANT_BYTES = 256 * 2 ** 20;

/** Outputs without a known shape that are only handed on to the gradient. */
const OPAQUE_OUTPUT: Record<string, number> = { FusedBatchNormV3: 5 };

interface TrackedVariable {
  state: StateVariable;
  /** The data that the variable held when the recording began. */
  initial: DataId;
  /** The read of the value that the variable had when the call began. */
  read: Output | undefined;
  /** The last operation that changed the variable in place within this function, and the data that stands for its result. */
  inPlace: { operation: number; result: DataId } | undefined;
}

export class Recorder implements OperationRecorder {
  readonly stockOperations: boolean;
  private readonly constants = new Map<DataId, Output>();
  private readonly tracked = new Map<Variable, TrackedVariable>();
  /** Which variable held which data when the recording began. */
  private readonly variableOf = new Map<DataId, Variable>();
  private readonly recorded = new Map<number, RecordedOperation & { outputs: GraphOperation['outputs'] }>();
  /** Which operations read an output. */
  private readonly reading = new Map<string, number[]>();
  /** Outputs in whose place others are taken from now on. */
  private readonly replaced = new Map<string, Output>();
  /** Of constants, variables and arguments. */
  private readonly shapes = new Map<number, number[]>();
  private readonly smallConstants = new Map<string, NativeTensor>();
  private readonly fusion: Fusion;
  /** What operations wait for besides their inputs. */
  private awaited: number[] = [];
  readonly journal: Journal;
  /** The operations in which all tasks of the cluster take part. */
  readonly collectives = new Collectives({
    place: (tensor) => this.resolve(tensor),
    constant: (tensor) => this.constant(tensor),
    add: (op, inputs, attributes, controls) =>
      this.add(op, inputs, attributes, [...this.awaited, ...controls]).operation,
    result: (operation, shape) => symbolicTensor({ owner: this, output: [operation, 0], dtype: DType.float32 }, shape),
  });

  constructor(
    private readonly graph: Graph,
    private readonly store: VariableStore,
    earlier: Journal | undefined,
    /** Writes variables into the graph as constants, and uses TensorFlow's own operations alone. */
    private readonly frozen = false,
  ) {
    this.stockOperations = frozen;
    this.journal = new Journal(earlier);
    this.fusion = new Fusion({
      producer: ([operation]) => this.recorded.get(operation),
      shape: ([operation, index]) =>
        this.recorded.get(operation)?.outputs[index]?.shape ?? this.shapes.get(operation) ?? [],
      constant: (output) => this.smallConstants.get(String(output)),
      newConstant: (tensor) => this.constant(tensor),
      isRead: (output) => this.reading.has(String(output)),
      readers: (output) => this.reading.get(String(output)) ?? [],
      add: (operation) => [this.addRecorded(operation).operation, 0],
      replace: (output, by) => this.replaced.set(String(output), by),
    });
    for (const variable of Object.values(tf.engine().registeredVariables)) {
      separate(variable);
      this.variableOf.set(variable.dataId, variable);
    }
  }

  execute(op: string, attributes: Attribute[], inputs: TensorInfo[], outputs: number): Tensor[] {
    const fused = this.fusion.fuse({ op, inputs: inputs.map((input) => this.resolve(input)), attributes });
    const places = Array.isArray(fused) ? fused : this.outputsOf(fused);
    return places.slice(0, outputs).map((output, index) => {
      const { dtype, shape: inferred } = this.described(output);
      const shape = OPAQUE_OUTPUT[op] === index ? [0] : inferred;
      if (!shape || shape.includes(-1)) {
        throw new Error(
          `${op} cannot be compiled here: the shape of its result depends on values (${JSON.stringify(shape)}), ` +
            'and a compiled graph needs every shape beforehand. Do this step outside of the compiled function.',
        );
      }
      return symbolicTensor({ owner: this, output, dtype }, shape);
    });
  }

  private outputsOf(operation: RecordedOperation): Output[] {
    const made = this.addRecorded(operation);
    return made.outputs.map((_, index): Output => [made.operation, index]);
  }

  private described([operation, index]: Output) {
    return this.recorded.get(operation)?.outputs[index] as GraphOperation['outputs'][number];
  }

  /** Adds an operation that fusions may look at. */
  private addRecorded(operation: RecordedOperation): GraphOperation {
    const made = this.add(operation.op, operation.inputs, operation.attributes, this.awaited);
    this.recorded.set(made.operation, { ...operation, outputs: made.outputs });
    for (const input of operation.inputs) {
      const readers = this.reading.get(String(input));
      if (readers) readers.push(made.operation);
      else this.reading.set(String(input), [made.operation]);
    }
    return made;
  }

  /** Adds an operation, and compares it with the same place of an earlier recording. */
  private add(op: string, inputs: Output[], attributes: Attribute[], controls: number[] = []): GraphOperation {
    this.journal.note(op, JSON.stringify(attributes));
    return this.graph.add(op, inputs, attributes, controls);
  }

  /** Where the value of a tensor is found in the graph. */
  resolve(input: TensorInfo): Output {
    const int64 = (input as { valueArray?: Int32Array }).valueArray;
    if (int64) return this.constant({ dtype: DType.int64, shape: [], data: int64 });
    const symbolic = symbolicValue(input.dataId);
    if (symbolic) {
      if (symbolic.owner !== this)
        throw new Error(
          'A tensor of an earlier recording was used; a compiled function must not keep tensors between calls.',
        );
      return this.current(symbolic.output);
    }
    const variable = this.variableOf.get(input.dataId);
    if (variable && !this.frozen) return this.readOf(variable);
    let output = this.constants.get(input.dataId);
    if (!output) {
      output = this.constant(nativeTensor(input));
      this.constants.set(input.dataId, output);
    }
    return output;
  }

  private current(output: Output): Output {
    const by = this.replaced.get(String(output));
    return by ? this.current(by) : output;
  }

  private constant(tensor: NativeTensor): Output {
    const bytes = ArrayBuffer.isView(tensor.data) ? tensor.data.byteLength : 0;
    if (bytes > LARGEST_CONSTANT_BYTES) {
      throw new Error(
        `A constant of shape [${tensor.shape}] (${Math.round(bytes / 2 ** 20)} MB) would be written into the graph; ` +
          'pass it as an argument, or keep it in a tf.Variable.',
      );
    }
    this.journal.note('Const', `${tensor.dtype} [${tensor.shape}] ${fingerprint(tensor.data)}`);
    const output = this.graph.constant(tensor);
    this.shapes.set(output[0], tensor.shape);
    if (bytes <= 64) this.smallConstants.set(String(output), tensor);
    return output;
  }

  private track(variable: Variable): TrackedVariable {
    let entry = this.tracked.get(variable);
    if (!entry) {
      entry = { state: this.store.get(variable), initial: variable.dataId, read: undefined, inPlace: undefined };
      this.tracked.set(variable, entry);
    }
    return entry;
  }

  private readOf(variable: Variable): Output {
    const entry = this.track(variable);
    if (!entry.read) {
      if (entry.inPlace) {
        throw new Error(
          `The value that variable ${variable.name} had before its update in place was used after that update.`,
        );
      }
      this.journal.note('ReadVariableOp', variable.name);
      entry.read = this.graph.read(entry.state.handle, entry.state.dtype);
      this.shapes.set(entry.read[0], variable.shape);
    }
    return entry.read;
  }

  /** Records what `body` does, to be run when the tensor has been computed, so that its results take no memory before. */
  after<T>(tensor: TensorInfo, body: () => T): T {
    this.awaited = [this.resolve(tensor)[0]];
    try {
      return body();
    } finally {
      this.awaited = [];
    }
  }

  /**
   * Adds an operation that changes variables in place (ResourceApplyMomentum and its kin).
   * @param inputs in the operation's order: a tf.Variable where it takes a variable, a tensor elsewhere.
   * @param changed the variables that the operation changes.
   */
  updateInPlace(op: string, attributes: Attribute[], inputs: (Variable | Tensor)[], changed: Variable[]): void {
    const controls: number[] = [];
    const outputs = inputs.map((input) => {
      if (!changed.includes(input as Variable)) return this.resolve(input);
      const variable = input as Variable;
      const entry = this.track(variable);
      if (variable.dataId !== (entry.inPlace?.result ?? entry.initial)) {
        throw new Error(`Variable ${variable.name} was assigned before its update in place; use one or the other.`);
      }
      if (entry.read) controls.push(entry.read[0]);
      if (entry.inPlace) controls.push(entry.inPlace.operation);
      return entry.state.handle;
    });
    const { operation } = this.add(op, outputs, attributes, controls);
    for (const variable of changed) {
      const entry = this.track(variable);
      const after = this.graph.read(entry.state.handle, entry.state.dtype, [operation]);
      const tensor = symbolicTensor({ owner: this, output: after, dtype: entry.state.dtype }, variable.shape);
      entry.inPlace = { operation, result: tensor.dataId };
      variable.assign(tensor as never);
      tensor.dispose();
    }
  }

  /** Runs the function and gathers what it returns and assigns. */
  record(body: Body, specs: ArgumentSpec[]): Recording {
    const engine = tf.engine();
    const placeholders = specs.map(({ dtype, shape }) => this.graph.placeholder(dtypeNumber(dtype), shape));
    placeholders.forEach(([operation], i) => {
      this.shapes.set(operation, specs[i]?.shape as number[]);
    });
    const before = [...this.variableOf.values()];
    // Clones share the data and keep it alive, so that an assignment during the recording can be taken back.
    const kept = before.map((variable) => tf.keep(variable.clone()));
    const created: Recording['created'] = [];
    const makeVariable = engine.makeVariable;
    engine.makeVariable = (...given) => {
      const variable = makeVariable.apply(engine, given);
      if (symbolicValue(variable.dataId)) created.push({ variable, initial: this.resolve(variable) });
      return variable;
    };
    engine.startScope('record');
    try {
      return withRecorder(this, () => {
        const inputs = specs.map(({ dtype, shape }, i) =>
          symbolicTensor({ owner: this, output: placeholders[i] as Output, dtype: dtypeNumber(dtype) }, shape),
        );
        const result = body(...inputs);
        const { structure, tensors } = flatten(result);
        const fetches = tensors.map(
          (tensor) => [this.graph.add('Identity', [this.resolve(tensor)]).operation, 0] as Output,
        );
        const { updates, updated } = this.assignments(before, kept);
        this.journal.end();
        return {
          placeholders,
          structure,
          fetches,
          fetchTypes: tensors.map((tensor) => tensor.dtype),
          targets: updates.length ? [this.graph.add('NoOp', [], [], updates).operation] : [],
          collectives: this.collectives,
          variables: [...this.tracked.values()].map((entry) => entry.state),
          updated,
          created,
        };
      });
    } finally {
      engine.makeVariable = makeVariable;
      before.forEach((variable, i) => {
        const value = kept[i] as Tensor;
        if (!variable.isDisposed && variable.dataId !== value.dataId) variable.assign(value as never);
        value.dispose();
      });
      engine.endScope();
    }
  }

  private assignments(before: Variable[], kept: Tensor[]): { updates: number[]; updated: StateVariable[] } {
    const updates: number[] = [];
    const updated: StateVariable[] = [];
    const values = new Map<Variable, Output>();
    const changed = before.filter((variable, i) => !variable.isDisposed && variable.dataId !== kept[i]?.dataId);
    // All reads before any assignment: a variable may have been given the value that another one had.
    for (const variable of changed)
      if (variable.dataId !== this.track(variable).inPlace?.result) values.set(variable, this.resolve(variable));
    for (const variable of changed) {
      const entry = this.track(variable);
      updated.push(entry.state);
      const value = values.get(variable);
      if (!value) {
        updates.push((entry.inPlace as { operation: number }).operation);
        continue;
      }
      const controls = [entry.read?.[0], entry.inPlace?.operation].filter((control) => control !== undefined);
      updates.push(this.graph.assign(entry.state.handle, value, entry.state.dtype, controls));
    }
    return { updates, updated };
  }
}
