/** The operations of a recording in which all tasks of the cluster take part. */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { backend } from './backend.js';
import { currentCluster, nextInstance } from './cluster.js';
import { Attr, type Attribute, DType, type NativeTensor, type Output } from './native.js';

/** What a recording does for them. */
interface Recording {
  /** Where a tensor's value is found in the graph. */
  place(tensor: TensorInfo): Output;
  constant(tensor: NativeTensor): Output;
  /** @returns the operation's number. */
  add(op: string, inputs: Output[], attributes: Attribute[], controls: number[]): number;
  result(operation: number, shape: number[]): Tensor;
}

/** Of each kind of operation: the tasks are one group. */
const GROUP = 1;

export class Collectives {
  count = 0;
  /** What this task gives or takes in one call, by the kind of operation. */
  readonly bytes = new Map<string, number>();
  private last: number | undefined;

  constructor(private readonly recording: Recording) {}

  /**
   * Adds one of float32 values.
   * @param input left out where the value comes from another task.
   */
  add(op: string, input: TensorInfo | undefined, attributes: Attribute[], shape: number[]): Tensor {
    const { tasks = 1, timeout = 0 } = currentCluster() ?? {};
    const inputs = [tasks, GROUP, nextInstance() + this.count++].map((key) => this.int32([], [key]));
    if (input) inputs.unshift(this.recording.place(input));
    else inputs.push(this.int32([shape.length], shape));
    const common: Attribute[] = [
      { name: 'communication_hint', type: Attr.string, value: 'auto' },
      { name: 'timeout_seconds', type: Attr.float, value: timeout },
    ];
    // NCCL must be started in the same order in all tasks; over gRPC the order is free, and waiting costs time.
    const controls = backend.isUsingGpuDevice && this.last !== undefined ? [this.last] : [];
    this.last = this.recording.add(op, inputs, [...attributes, ...common], controls);
    const size = (input?.shape ?? shape).reduce((product, length) => product * length, 1);
    this.bytes.set(op, (this.bytes.get(op) ?? 0) + 4 * size);
    return this.recording.result(this.last, shape);
  }

  private int32(shape: number[], values: number[]): Output {
    return this.recording.constant({ dtype: DType.int32, shape, data: Int32Array.from(values) });
  }
}
