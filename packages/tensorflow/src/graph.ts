/** A TensorFlow graph that grows, with its session. */
import { COLLECTIVE_RUN, sessionPlace } from './cluster.js';
import { nativeGraph } from './load.js';
import {
  Attr,
  type Attribute,
  DType,
  type Feed,
  type NativeGraph,
  type NativeRunResult,
  type NativeTensor,
  type Output,
} from './native.js';
import { type ArgDef, decodeOpInputs, encode } from './proto.js';

/** TensorFlow's graph optimiser (rewriter_config.proto). */
const OPTIMIZER = {
  // It regroups sums in an order that differs between processes, and with it the last bits.
  arithmeticOptimization: 2, // off
  // A second pass over our graphs finds nothing more, and takes a quarter of a function's first call.
  metaOptimizerIterations: 1,
};

/** An operation of the graph and what shape inference says of its outputs; null or −1 where it depends on values. */
export interface GraphOperation {
  operation: number;
  outputs: { dtype: number; shape: number[] | null }[];
}

export interface RunChoice {
  /** Times each operation. Default: false. */
  trace?: boolean;
  /** The run holds collective operations. Default: false. */
  collective?: boolean;
}

const inputDefinitions = new Map<string, ArgDef[]>();

/** A dense host tensor that repeats one value is kept as that value alone from this many elements on. */
const FILL_FROM = 32;

export class Graph {
  private readonly native: NativeGraph;
  /** Of each operation, in the order in which they were added. */
  private readonly kinds: string[] = [];
  private readonly names: string[] = [];
  private readonly constants: { after: number; shape: readonly number[]; bytes: number }[] = [];

  constructor() {
    const { target, config } = sessionPlace();
    this.native = new nativeGraph.Graph(
      encode('ConfigProto', {
        ...config,
        allowSoftPlacement: true,
        gpuOptions: { allowGrowth: true },
        graphOptions: { rewriteOptions: OPTIMIZER },
      }),
      target,
    );
  }

  /**
   * Adds an operation.
   * @param inputs its tensors, flat and in order, as tfjs gives them; lists (concat's, addN's) are told from its definition.
   * @param controls operations that must have run before it.
   * @throws TensorFlow's own message where inputs or attributes do not fit.
   */
  add(type: string, inputs: Output[], attributes: Attribute[] = [], controls: number[] = []): GraphOperation {
    const name = `${type}_${this.kinds.length}`;
    this.kinds.push(type);
    const inputLists = this.group(type, inputs, attributes);
    const made = this.native.addOperation({ type, name, inputs: inputLists, controls, attributes });
    this.names[made.operation] = name;
    return made;
  }

  /** The name under which an operation stands in the {@link definition}. */
  nameOf(operation: number): string {
    return this.names[operation] as string;
  }

  /** Operations so far. */
  get size(): number {
    return this.kinds.length;
  }

  /** What was added from the `first`-th operation on: the kind of each operation, and constants. */
  since(first: number): { kinds: string[]; constants: { shape: readonly number[]; bytes: number }[] } {
    const constants = this.constants
      .filter(({ after }) => after >= first)
      .map(({ shape, bytes }) => ({ shape, bytes }));
    return { kinds: this.kinds.slice(first), constants };
  }

  /** The graph as a serialized GraphDef. */
  definition(): Uint8Array {
    return this.native.graphDefinition();
  }

  /** Adds a constant; one that repeats a single value costs no more than that value. */
  constant(tensor: NativeTensor): Output {
    const fill = repeatedValue(tensor);
    if (fill) {
      const dims: NativeTensor = {
        dtype: DType.int32,
        shape: [tensor.shape.length],
        data: Int32Array.from(tensor.shape),
      };
      return [this.add('Fill', [this.constant(dims), this.constant(fill)]).operation, 0];
    }
    const attributes: Attribute[] = [
      { name: 'dtype', type: Attr.type, value: tensor.dtype },
      { name: 'value', type: Attr.tensor, value: tensor },
    ];
    const parts = Array.isArray(tensor.data) ? tensor.data : [tensor.data];
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.constants.push({ after: this.kinds.length, shape: tensor.shape, bytes });
    return [this.add('Const', [], attributes).operation, 0];
  }

  placeholder(dtype: number, shape: number[]): Output {
    const attributes: Attribute[] = [
      { name: 'dtype', type: Attr.type, value: dtype },
      { name: 'shape', type: Attr.shape, value: shape },
    ];
    return [this.add('Placeholder', [], attributes).operation, 0];
  }

  /** A variable of TensorFlow's own, which all functions of this graph share. */
  variable(dtype: number, shape: number[]): Output {
    const attributes: Attribute[] = [
      { name: 'dtype', type: Attr.type, value: dtype },
      { name: 'shape', type: Attr.shape, value: shape },
      { name: 'shared_name', type: Attr.string, value: `variable_${this.kinds.length}` },
    ];
    return [this.add('VarHandleOp', [], attributes).operation, 0];
  }

  read(variable: Output, dtype: number, controls: number[] = []): Output {
    const attributes: Attribute[] = [{ name: 'dtype', type: Attr.type, value: dtype }];
    return [this.add('ReadVariableOp', [variable], attributes, controls).operation, 0];
  }

  /** Assigns a value to a variable; returns the operation to run. */
  assign(variable: Output, value: Output, dtype: number, controls: number[] = []): number {
    const attributes: Attribute[] = [{ name: 'dtype', type: Attr.type, value: dtype }];
    return this.add('AssignVariableOp', [variable, value], attributes, controls).operation;
  }

  run(
    feeds: Feed[],
    fetches: Output[],
    targets: number[] = [],
    { trace = false, collective = false }: RunChoice = {},
  ): NativeRunResult {
    if (fetches.length + targets.length === 0) return { outputs: [] };
    return this.native.run(feeds, fetches, targets, trace, collective ? COLLECTIVE_RUN : undefined);
  }

  async runAsync(
    feeds: Feed[],
    fetches: Output[],
    targets: number[] = [],
    { collective = false }: RunChoice = {},
  ): Promise<NativeRunResult> {
    if (fetches.length + targets.length === 0) return { outputs: [] };
    return this.native.runAsync(feeds, fetches, targets, false, collective ? COLLECTIVE_RUN : undefined);
  }

  /** Frees the graph, its session and its variables. */
  close(): void {
    this.native.close();
  }

  private group(type: string, inputs: Output[], attributes: Attribute[]): (Output | Output[])[] {
    let definition = inputDefinitions.get(type);
    if (!definition) {
      definition = decodeOpInputs(this.native.opDefinition(type));
      inputDefinitions.set(type, definition);
    }
    if (definition.every((argument) => !argument.numberAttr && !argument.typeListAttr)) return inputs;
    let next = 0;
    // One list at most has no length among the attributes: it takes what the other arguments leave.
    const lengthOf = (name: string) => Number(attributes.find((attribute) => attribute.name === name)?.value);
    return definition.map((argument) => {
      if (!argument.numberAttr && !argument.typeListAttr) return inputs[next++] as Output;
      const given = argument.numberAttr ? lengthOf(argument.numberAttr) : Number.NaN;
      const length = Number.isNaN(given) ? inputs.length - (definition.length - 1) : given;
      const list = inputs.slice(next, next + length);
      next += length;
      return list;
    });
  }
}

/** The value that a large tensor repeats, as a scalar; undefined where it does not. */
function repeatedValue({ dtype, data }: NativeTensor): NativeTensor | undefined {
  if (!(data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array)) return undefined;
  if (data.length < FILL_FROM) return undefined;
  const first = data[0];
  // Compared by Object.is, so that −0 and NaN stay what they are.
  for (const value of data) if (!Object.is(value, first)) return undefined;
  return { dtype, shape: [], data: data.slice(0, 1) };
}
