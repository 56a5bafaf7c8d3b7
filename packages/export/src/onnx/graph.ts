/** An ONNX graph that grows, and keeps each image in the layout that its last operation gave it. */
import type { Tensor } from '@tensorflow/tfjs';
import {
  type AttributeValue,
  attribute,
  DataType,
  encodeModel,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto.js';

/** The first version of the operators with LayerNormalization, and the version of the file format that goes with it. */
const OPSET = 17;
const IR_VERSION = 8;

export type Sizes = readonly (number | null)[];

/** A tensor of the graph. */
export interface Value {
  name: string;
  /** As tfjs has it: the batch first, the channels last; null where a size is open. */
  shape: Sizes;
  /** Whether it is an image [n, c, h, w] in the graph, where tfjs has [n, h, w, c]. */
  channelsFirst: boolean;
}

export class OnnxGraph {
  private readonly nodes: NodeProto[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private readonly names = new Map<string, number>();
  private readonly constants = new Map<string, string>();
  private readonly otherLayout = new Map<string, Value>();

  /** @param names those of the inputs and outputs, which no operation may take. */
  constructor(names: string[]) {
    for (const name of names) this.unique(name);
  }

  /** The name, with a number behind it where it is taken. */
  private unique(name: string): string {
    const taken = this.names.get(name);
    this.names.set(name, (taken ?? 0) + 1);
    return taken === undefined ? name : this.unique(`${name}_${taken}`);
  }

  input(name: string, shape: Sizes, channelsFirst: boolean): Value {
    const value = { name, shape, channelsFirst };
    this.inputs.push(valueInfo(value));
    return value;
  }

  output(name: string, value: Value): void {
    this.nodes.push({ name, opType: 'Identity', input: [value.name], output: [name], attribute: [] });
    this.outputs.push(valueInfo({ ...value, name }));
  }

  /**
   * Adds an operation.
   * @param inputs the names of values and weights; '' where an optional input is left out.
   * @returns the names of its outputs: the operation's own, or with their numbers where it has several.
   */
  operations(
    opType: string,
    name: string,
    inputs: string[],
    attributes: Record<string, AttributeValue>,
    outputs: number,
  ): string[] {
    const own = this.unique(name);
    const output = outputs === 1 ? [own] : Array.from({ length: outputs }, (_, i) => this.unique(`${own}.${i}`));
    const attributeList = Object.entries(attributes).map(([key, value]) => attribute(key, value));
    this.nodes.push({ name: own, opType, input: inputs, output, attribute: attributeList });
    return output;
  }

  /** Adds an operation with one output. */
  operation(opType: string, name: string, inputs: string[], attributes: Record<string, AttributeValue> = {}): string {
    return this.operations(opType, name, inputs, attributes, 1)[0] as string;
  }

  /** Adds a trained weight under this name. */
  weight(name: string, tensor: Tensor): string {
    const own = this.unique(name);
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    const rawData = new Uint8Array(buffer, byteOffset, byteLength);
    this.initializers.push({ name: own, dims: tensor.shape, dataType: DataType.float, rawData });
    return own;
  }

  /** A constant scalar; the same number is written once. */
  scalar(value: number): string {
    return this.constant(`${value}`, [], DataType.float, new Float32Array([value]));
  }

  /** A constant list of integers, such as a shape; the same list is written once. */
  integers(values: number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant(`integers ${values}`, [values.length], DataType.int64, data);
  }

  /** A constant list of numbers; the same list is written once. */
  numbers(values: number[]): string {
    return this.constant(`numbers ${values}`, [values.length], DataType.float, new Float32Array(values));
  }

  private constant(key: string, dims: number[], dataType: number, data: Float32Array | BigInt64Array): string {
    let name = this.constants.get(key);
    if (!name) {
      name = this.unique(`constants.${this.constants.size}`);
      this.constants.set(key, name);
      this.initializers.push({ name, dims, dataType, rawData: new Uint8Array(data.buffer) });
    }
    return name;
  }

  /** The image as [n, c, h, w]. */
  channelsFirst(value: Value): Value {
    return value.channelsFirst ? value : this.transposed(value, [0, 3, 1, 2]);
  }

  /** The tensor in tfjs's own order of axes. */
  channelsLast(value: Value): Value {
    return value.channelsFirst ? this.transposed(value, [0, 2, 3, 1]) : value;
  }

  private transposed(value: Value, perm: number[]): Value {
    let other = this.otherLayout.get(value.name);
    if (!other) {
      const own = `${value.name}.${value.channelsFirst ? 'nhwc' : 'nchw'}`;
      const name = this.operation('Transpose', own, [value.name], { perm });
      other = { ...value, name, channelsFirst: !value.channelsFirst };
      this.otherLayout.set(value.name, other);
      this.otherLayout.set(name, value);
    }
    return other;
  }

  /** The bytes of the .onnx file. */
  encode(name: string): Uint8Array {
    return encodeModel({
      irVersion: IR_VERSION,
      producerName: 'RefConv for TypeScript',
      opsetImport: [{ domain: '', version: OPSET }],
      graph: { name, node: this.nodes, initializer: this.initializers, input: this.inputs, output: this.outputs },
    });
  }
}

/** The axis in the graph of tfjs's axis, which may count from the end. */
export function axisOf({ shape, channelsFirst }: Value, axis: number): number {
  const positive = axis < 0 ? axis + shape.length : axis;
  return channelsFirst ? ([0, 2, 3, 1][positive] as number) : positive;
}

function valueInfo({ name, shape, channelsFirst }: Value): ValueInfoProto {
  const open = ['batch', 'height', 'width'];
  const sizes = shape.map((size, i) => (size === null ? { dimParam: open[i] ?? `size${i}` } : { dimValue: size }));
  if (channelsFirst) sizes.splice(1, 0, ...sizes.splice(3, 1));
  return { name, type: { tensorType: { elemType: DataType.float, shape: { dim: sizes } } } };
}
