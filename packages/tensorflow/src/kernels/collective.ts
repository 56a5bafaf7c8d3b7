/** Sums and broadcasts over all tasks of the cluster, within compiled functions. */
import type { Tensor } from '@tensorflow/tfjs';
import { currentRecorder } from '../backend.js';
import { clusterSize, currentCluster } from '../cluster.js';
import { tf } from '../load.js';
import { Attr } from '../native.js';
import { Recorder } from '../record.js';
import { attribute } from './operation.js';

/** From so many values on a bucket is summed: gRPC is fastest with messages of some megabytes. */
const BUCKET = 2 ** 20;

const NO_TOKENS = attribute.int('Nordering_token', 0);

function recorder(name: string, x: Tensor): Recorder {
  if (x.dtype !== 'float32') throw new Error(`${name} takes float32 tensors; given ${x.dtype}.`);
  const current = currentRecorder();
  if (current instanceof Recorder) return current;
  throw new Error(
    `${name} was called outside of a compiled function: the tasks meet within TensorFlow's graph. Call it in a function that is given to compile(), without { eager: true }.`,
  );
}

/**
 * The sum over all tasks of the cluster, the same to the last bit in each. Without a cluster it is x itself.
 * In a compiled function alone, which all tasks must call equally often and in the same order.
 * Its gradient is the sum of the tasks' gradients, as is right where what is differentiated is the sum of the tasks' losses.
 * @param x float32, of the same shape in all tasks.
 * @example
 * ```ts
 * import { allReduce, compile, tf } from '@refconv/tensorflow';
 *
 * const { total } = compile({ total: (x: tf.Tensor1D) => allReduce(x) });
 * total(tf.tensor1d([1, 2])).print(); // in each of two tasks: 2, 4
 * ```
 */
export function allReduce<T extends Tensor>(x: T): T {
  if (clusterSize() === 1) return x;
  const sum = (value: Tensor) => {
    const attributes = [
      attribute.type('T', value),
      attribute.string('merge_op', 'Add'),
      attribute.string('final_op', 'Id'),
    ];
    return recorder('allReduce', value).collectives.add(
      'CollectiveReduceV2',
      value,
      [...attributes, NO_TOKENS],
      value.shape,
    );
  };
  const differentiable = tf.customGrad((value) => ({
    value: sum(value as Tensor),
    gradFunc: (dy: Tensor) => allReduce(dy),
  }));
  return differentiable(x) as T;
}

/**
 * The value that x has in task 0. Without a cluster it is x itself. In a compiled function alone, as {@link allReduce}; it has no gradient.
 * @param x float32, of the same shape in all tasks.
 * @example
 * ```ts
 * import { broadcast, compile, tf } from '@refconv/tensorflow';
 *
 * const weights = tf.variable(tf.randomNormal([3, 3]));
 * const { share } = compile({ share: () => weights.assign(broadcast(weights)) });
 * share(); // all tasks now have the weights of task 0
 * ```
 */
export function broadcast<T extends Tensor>(x: T): T {
  if (clusterSize() === 1) return x;
  const recording = recorder('broadcast', x);
  const type = attribute.type('T', x);
  return (
    currentCluster()?.task === 0
      ? recording.collectives.add('CollectiveBcastSendV2', x, [type], x.shape)
      : recording.collectives.add('CollectiveBcastRecvV2', undefined, [type], x.shape)
  ) as T;
}

/**
 * {@link allReduce} of many tensors with few operations: they are laid one behind the other in buckets of some megabytes, the last tensors
 * first, as gradients are computed in that order. A bucket is summed while what comes after is still being computed.
 * @returns the sums, in the order of the tensors.
 * @example
 * ```ts
 * import { allReduceAll, compile, tf } from '@refconv/tensorflow';
 *
 * const weight = tf.variable(tf.ones([4, 4]));
 * const { gradient } = compile({
 *   gradient: (x: tf.Tensor2D) => {
 *     const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(tf.matMul(x, weight as tf.Tensor2D))));
 *     return allReduceAll([...Object.values(grads), value]);
 *   },
 * });
 * gradient(tf.ones([2, 4]));
 * ```
 */
export function allReduceAll(tensors: readonly Tensor[]): Tensor[] {
  if (clusterSize() === 1) return [...tensors];
  const sums: Tensor[] = [];
  for (const bucket of bucketsOf(tensors)) {
    const flat = bucket.map(({ tensor }) => tf.reshape(tensor, [-1]));
    const sum = allReduce(flat.length === 1 ? (flat[0] as Tensor) : tf.concat(flat));
    const parts =
      flat.length === 1
        ? [sum]
        : tf.split(
            sum,
            flat.map(({ size }) => size),
          );
    bucket.forEach(({ tensor, place }, i) => {
      sums[place] = tf.reshape(parts[i] as Tensor, tensor.shape);
    });
  }
  return sums;
}

function bucketsOf(tensors: readonly Tensor[]): { tensor: Tensor; place: number }[][] {
  const buckets: { tensor: Tensor; place: number }[][] = [];
  let room = 0;
  for (const [place, tensor] of [...tensors.entries()].reverse()) {
    if (room <= 0) {
      buckets.push([]);
      room = BUCKET;
    }
    buckets.at(-1)?.push({ tensor, place });
    room -= tensor.size;
  }
  return buckets;
}

/**
 * The tensors of all tasks, [n, …] each, one below the other: [tasks · n, …]. In a compiled function alone, as {@link allReduce}; it has no gradient.
 * @example
 * ```ts
 * import { allGather, compile, tf } from '@refconv/tensorflow';
 *
 * const { everyones } = compile({ everyones: (x: tf.Tensor2D) => allGather(x) });
 * everyones(tf.tensor2d([[1, 2]])).print(); // in each of two tasks: [[1, 2], [1, 2]]
 * ```
 */
export function allGather(x: Tensor): Tensor {
  if (clusterSize() === 1) return x;
  const type = attribute.type('T', x);
  const [rows = 1, ...rest] = x.shape;
  const shape = [rows * clusterSize(), ...rest];
  const recording = recorder('allGather', x);
  const gathered = recording.collectives.add('CollectiveGatherV2', x, [type, NO_TOKENS], shape);
  // TensorFlow's shape inference does not know how many tasks there are.
  return recording.execute(
    'EnsureShape',
    [type, { name: 'shape', type: Attr.shape, value: shape }],
    [gathered],
    1,
  )[0] as Tensor;
}
