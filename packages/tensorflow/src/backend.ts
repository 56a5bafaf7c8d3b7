/**
 * Hooks on tfjs-node's backend. Two kinds of tensors are added to the ones it knows: symbolic ones, which exist only while a
 * function is being recorded, and resident ones, whose value lives in a compiled graph's variable.
 */
import type { DataId, Tensor, TensorInfo } from '@tensorflow/tfjs';
import { backend } from './load.js';
import type { Attribute, Output } from './native.js';

/** Takes every operation that tfjs would execute, and gives symbolic tensors for its results. */
export interface OperationRecorder {
  /** Whether it is to be given operations that any TensorFlow runs, none of `native/`. Default: false. */
  readonly stockOperations?: boolean;
  execute(op: string, attributes: Attribute[], inputs: TensorInfo[], outputs: number): Tensor[];
}

/** The place of a symbolic tensor's value in the graph that is being recorded. */
export interface SymbolicValue {
  owner: OperationRecorder;
  output: Output;
  dtype: number;
}

/** A value that is kept by a compiled graph. */
export interface ResidentValue {
  read(): ArrayBufferView;
}

const symbolicValues = new WeakMap<DataId, SymbolicValue>();
const residentValues = new WeakMap<DataId, ResidentValue>();
let activeRecorder: OperationRecorder | undefined;
let temporaryIds: number[] = [];

/** Runs `body` with every operation sent to `recorder`. */
export function withRecorder<T>(recorder: OperationRecorder, body: () => T): T {
  if (activeRecorder)
    throw new Error(
      'A compiled function was called while another one is being recorded; call the plain function instead.',
    );
  activeRecorder = recorder;
  try {
    return body();
  } finally {
    activeRecorder = undefined;
  }
}

/** The recorder of the function that is being recorded, if any. */
export function currentRecorder(): OperationRecorder | undefined {
  return activeRecorder;
}

export function symbolicValue(dataId: DataId): SymbolicValue | undefined {
  return symbolicValues.get(dataId);
}

/** Makes a tensor without a value, known by its place in a graph. */
export function symbolicTensor(value: SymbolicValue, shape: number[]): Tensor {
  const tensor = backend.createOutputTensor({ id: -1, shape, dtype: value.dtype });
  symbolicValues.set(tensor.dataId, value);
  return tensor;
}

export function residentValue(dataId: DataId): ResidentValue | undefined {
  return residentValues.get(dataId);
}

/** Makes a tensor whose value is read from where it resides each time it is asked for. */
export function residentTensor(value: ResidentValue, shape: number[], dtype: number): Tensor {
  const tensor = backend.createOutputTensor({ id: -1, shape, dtype });
  residentValues.set(tensor.dataId, value);
  return tensor;
}

/** Turns a resident tensor into an ordinary one that holds the value of this moment. */
export function detachResident(dataId: DataId): void {
  const value = residentValues.get(dataId);
  if (!value) return;
  backend.tensorMap.get(dataId).values = value.read();
  residentValues.delete(dataId);
}

function refuseSymbolic(dataId: DataId, what: string): void {
  if (!symbolicValues.has(dataId)) return;
  throw new Error(
    activeRecorder
      ? `${what} while the function is being recorded: it has no value yet. A compiled function cannot look at its numbers ` +
          '(dataSync, data, arraySync, print): return the tensor and read it outside, or run with { eager: true } to debug.'
      : `${what} after the recording ended. Tensors made inside a compiled function exist only as its return values: return it.`,
  );
}

const original = {
  executeSingleOutput: backend.executeSingleOutput.bind(backend),
  executeMultipleOutputs: backend.executeMultipleOutputs.bind(backend),
  getInputTensorIds: backend.getInputTensorIds.bind(backend),
  readSync: backend.readSync.bind(backend),
};

function withTemporaries<T>(execute: () => T): T {
  try {
    return execute();
  } finally {
    for (const id of temporaryIds) backend.binding.deleteTensor(id);
    temporaryIds = [];
  }
}

backend.executeSingleOutput = (op, attributes, inputs) => {
  if (activeRecorder) return activeRecorder.execute(op, attributes, inputs, 1)[0] as Tensor;
  return withTemporaries(() => original.executeSingleOutput(op, attributes, inputs));
};

backend.executeMultipleOutputs = (op, attributes, inputs, outputs) => {
  if (activeRecorder) return activeRecorder.execute(op, attributes, inputs, outputs);
  return withTemporaries(() => original.executeMultipleOutputs(op, attributes, inputs, outputs));
};

backend.getInputTensorIds = (inputs) =>
  inputs.map((input) => {
    refuseSymbolic(input.dataId, 'A tensor was given to an operation that cannot be recorded,');
    const resident = residentValues.get(input.dataId);
    if (!resident) return original.getInputTensorIds([input])[0] as number;
    const { shape, dtype } = backend.tensorMap.get(input.dataId);
    const id = backend.binding.createTensor(shape, dtype, resident.read());
    temporaryIds.push(id);
    return id;
  });

backend.readSync = (dataId) => {
  refuseSymbolic(dataId, "A tensor's value was asked for");
  return residentValues.get(dataId)?.read() ?? original.readSync(dataId);
};

backend.read = async (dataId) => backend.readSync(dataId);

export { backend };
