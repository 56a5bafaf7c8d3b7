/**
 * Types of the two native addons: our `native/graph.cc` (graphs and sessions) and the part of tfjs-node's own backend that
 * the engine builds on.
 */
import type { DataId, DataType, Tensor, TensorInfo } from '@tensorflow/tfjs';

/** `native/quiet/quiet.cc`: holds back the standard error output between the two calls. */
export interface NativeQuietBinding {
  mute(): void;
  unmute(): void;
}

/** TensorFlow's numbers of element types (tensorflow/c/tf_datatype.h). */
export const DType = {
  float32: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  int64: 9,
  bool: 10,
  resource: 20,
} as const;

/** TensorFlow's numbers of attribute types (tensorflow/c/tf_attrtype.h). */
export const Attr = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, tensor: 6 } as const;

export interface NativeTensor {
  dtype: number;
  shape: number[];
  data: ArrayBufferView | Uint8Array[];
}

/** An attribute of an operation, in the form in which tfjs-node's kernels give it. */
export interface Attribute {
  name: string;
  type: number;
  value: string | number | boolean | number[] | boolean[] | NativeTensor;
}

/** An output of an operation: its number in the graph and the output's index. */
export type Output = [operation: number, index: number];

export interface NativeOperation {
  type: string;
  name: string;
  inputs: (Output | Output[])[];
  controls: number[];
  attributes: Attribute[];
}

export interface NativeRunResult {
  outputs: { dtype: number; shape: number[]; data: ArrayBuffer | Uint8Array[] }[];
  metadata?: Uint8Array;
}

export type Feed = NativeTensor & { output: Output };

export interface NativeGraph {
  addOperation(node: NativeOperation): { operation: number; outputs: { dtype: number; shape: number[] | null }[] };
  opDefinition(type: string): Uint8Array;
  graphDefinition(): Uint8Array;
  /** @param options a serialized RunOptions. */
  run(feeds: Feed[], fetches: Output[], targets: number[], trace: boolean, options?: Uint8Array): NativeRunResult;
  runAsync(
    feeds: Feed[],
    fetches: Output[],
    targets: number[],
    trace: boolean,
    options?: Uint8Array,
  ): Promise<NativeRunResult>;
  listDevices(): { name: string; type: string; memoryBytes: number }[];
  close(): void;
}

export interface NativeGraphBinding {
  /** @param target of the server that the session is opened on. Default: none. */
  Graph: new (
    config: Uint8Array,
    target?: string,
  ) => NativeGraph;
  /** Starts TensorFlow's server by a serialized ServerDef, and gives the target for sessions. It ends with the process. */
  startServer(definition: Uint8Array): string;
  /** From now on the kernel kills this process when its parent ends. */
  endWithParent(): void;
  version(): string;
  keepFreedMemory(): void;
  releaseFreedMemory(): void;
  /** Sets from which level on TensorFlow logs: 0 notes, 1 warnings, 2 errors. */
  setLogLevel(level: number): void;
}

/** What tfjs-node keeps of a tensor: values still on JavaScript's side, or the number of TensorFlow's eager handle. */
export interface TensorEntry {
  shape: number[];
  dtype: number;
  values: ArrayBufferView | Uint8Array[] | null;
  id: number;
  refCount: number;
}

/** tfjs-node's eager binding, as far as it is used here. */
export interface EagerBinding {
  createTensor(shape: number[], dtype: number, values: ArrayBufferView | Uint8Array[]): number;
  deleteTensor(id: number): void;
  getNumOfTensors(): number;
}

/** tfjs-node's kernel backend, as far as it is used here. */
export interface NodeBackend {
  binding: EagerBinding;
  isUsingGpuDevice: boolean;
  tensorMap: { get(dataId: DataId): TensorEntry; has(dataId: DataId): boolean };
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): Tensor;
  getInputTensorIds(inputs: TensorInfo[]): number[];
  executeSingleOutput(op: string, attributes: Attribute[], inputs: TensorInfo[]): Tensor;
  executeMultipleOutputs(op: string, attributes: Attribute[], inputs: TensorInfo[], outputs: number): Tensor[];
  readSync(dataId: DataId): ArrayBufferView | Uint8Array[];
  read(dataId: DataId): Promise<ArrayBufferView | Uint8Array[]>;
  refCount(dataId: DataId): number;
}

/** TensorFlow's number of a tfjs element type. */
export function dtypeNumber(dtype: DataType): number {
  switch (dtype) {
    case 'float32':
    case 'int32':
    case 'bool':
    case 'string':
      return DType[dtype];
    default:
      throw new Error(
        `Tensors of type ${dtype} are not supported here; given one, expected float32, int32, bool or string.`,
      );
  }
}
