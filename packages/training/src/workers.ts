/** What the workers of one training do together: each is a process of a cluster, with the same network and its share of every batch. */
import { deserialize, serialize } from 'node:v8';
import type { Shard } from '@refconv/datasets';
import { variablesOf } from '@refconv/layers';
import { allGather, allReduceAll, broadcast, clusterSize, compile, currentCluster, tf } from '@refconv/tensorflow';
import type { LayersModel, NamedTensorMap, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { differenceText } from './differences.js';
import type { Position } from './position.js';

/** Which images of each batch are this process's: all where it trains alone. */
export const workerShard = (): Shard => ({ rank: currentCluster()?.task ?? 0, of: clusterSize() });

/**
 * Whether this process is the one that writes and speaks: the first of its cluster, or alone.
 * @example
 * ```ts
 * import { isFirstWorker } from '@refconv/training';
 *
 * if (isFirstWorker()) console.log('The training begins.');
 * ```
 */
export const isFirstWorker = (): boolean => workerShard().rank === 0;

/** What a step's gradients are computed from. */
export interface Computed {
  value: Scalar;
  grads: NamedTensorMap;
}

/**
 * What makes one step of the workers' steps. The parts that are functions are to be compiled.
 *
 * - `mean(compute)`: gradients and loss of the whole batch from those of each worker's share; moving statistics become the workers' mean.
 * - `share()`: all variables get the first worker's values.
 * - `askToStop()`: tells the others at the next step; `stopping()`: whether anybody has, the same in all workers.
 */
export function stepOfWorkers(model: LayersModel, state: () => Iterable<Variable>) {
  const weights = variablesOf(model.trainableWeights);
  const others = variablesOf(model.weights).filter((variable) => !weights.includes(variable));
  const flags = clusterSize() === 1 ? [] : tf.tidy(() => [0, 0].map((value) => tf.variable(tf.scalar(value), false)));
  const [wish, wishes] = flags;
  return {
    mean(compute: () => Computed): Computed {
      if (!wish || !wishes) return compute();
      const before = others.map(({ dataId }) => dataId);
      const { value, grads } = compute();
      const moved = others.filter(({ dataId, dtype }, i) => dataId !== before[i] && dtype === 'float32');
      const names = weights.map(({ name }) => name);
      const own = [wish, value, ...moved, ...names.map((name) => grads[name] as Tensor)];
      const [wanted, ...sums] = allReduceAll(own) as [Tensor, ...Tensor[]];
      wishes.assign(wanted as never);
      const [loss, ...means] = sums.map((sum) => tf.div(sum, clusterSize())) as [Scalar, ...Tensor[]];
      for (const [i, variable] of moved.entries()) variable.assign(means[i] as never);
      return {
        value: loss,
        grads: Object.fromEntries(names.map((name, i) => [name, means[moved.length + i] as Tensor])),
      };
    },
    share(): void {
      for (const variable of state()) {
        const value =
          variable.dtype === 'float32'
            ? broadcast(variable)
            : tf.cast(broadcast(tf.cast(variable, 'float32')), variable.dtype);
        variable.assign(value as never);
      }
    },
    askToStop: () => wish && tf.tidy(() => wish.assign(tf.scalar(1))),
    stopping: () => (wishes?.dataSync()[0] ?? 0) > 0,
    dispose: () => tf.dispose(flags),
  };
}

export type WorkersStep = ReturnType<typeof stepOfWorkers>;

/** Floats of one message: long ones go in several, as each length is a graph of its own. */
const MESSAGE = 2 ** 15;

const messenger = () => compile({ gather: (x: Tensor2D) => allGather(x) });
let messages: ReturnType<typeof messenger> | undefined;

/**
 * The values that the workers give, in the workers' order. All must call it equally often; a process alone gets its own.
 * @param value anything that can be cloned.
 */
export async function everyones<T>(value: T): Promise<T[]> {
  if (clusterSize() === 1) return [value];
  messages ??= messenger();
  const bytes = serialize(value);
  const text = new Uint8Array(4 + bytes.length);
  new DataView(text.buffer).setUint32(0, bytes.length);
  text.set(bytes, 4);
  const parts: Uint8Array[][] = Array.from({ length: clusterSize() }, () => []);
  for (let sent = 0, longest = 1; sent < longest; sent += 4 * MESSAGE) {
    const message = new Uint8Array(4 * MESSAGE);
    message.set(text.subarray(sent, sent + message.length));
    const own = tf.tensor2d(new Float32Array(message.buffer), [1, MESSAGE]);
    const gathered = await messages.gather.async(own);
    const all = new Uint8Array(gathered.dataSync<'float32'>().buffer);
    tf.dispose([own, gathered]);
    for (const [i, part] of parts.entries()) part.push(all.slice(i * message.length, (i + 1) * message.length));
    if (sent === 0) longest = Math.max(...parts.map(([first]) => 4 + lengthOf(first as Uint8Array)));
  }
  return parts.map((part) => {
    const whole = Buffer.concat(part);
    return deserialize(whole.subarray(4, 4 + lengthOf(whole))) as T;
  });
}

const lengthOf = (message: Uint8Array) => new DataView(message.buffer, message.byteOffset).getUint32(0);

/** The results of all workers' images in the order of the split, where each has done every `of`-th image. */
export async function everyonesResults<T>(own: T[]): Promise<T[]> {
  const parts = await everyones(own);
  if (parts.length === 1) return own;
  const count = parts.reduce((sum, { length }) => sum + length, 0);
  return Array.from({ length: count }, (_, i) => parts[i % parts.length]?.[Math.floor(i / parts.length)] as T);
}

/**
 * Where the training is, and its weights, for all workers from the first, which alone opens the folder.
 * @param identity what the training is: has to be the same for all.
 * @throws Error in all workers, where the first cannot open it or one was started with something else.
 */
export async function beginTogether(
  program: { share(): void },
  identity: object,
  open: () => Promise<Position>,
): Promise<Position> {
  if (clusterSize() === 1) return open();
  const position = isFirstWorker() ? await open().catch((error: Error) => error) : undefined;
  const failed = position instanceof Error ? position : undefined;
  const all = await everyones({ position: failed ? undefined : position, failed: failed?.message, identity });
  const [first] = all as [(typeof all)[number]];
  if (failed) throw failed;
  if (first.failed !== undefined) throw new Error(`The first worker: ${first.failed}`);
  for (const [worker, { identity: own }] of all.entries()) {
    const unlike = differenceText(first.identity, own, ['for worker 0', `for worker ${worker}`]);
    if (unlike.length > 0)
      throw new Error(
        `The workers were started with unlike settings or data: ${unlike.join('; ')}. Start all with the same.`,
      );
  }
  program.share();
  return first.position as Position;
}

/** Waits until all workers are here: one that ends earlier takes its part of the others' last step with it. */
export async function leaveTogether(): Promise<void> {
  // Whoever is through already, and gone, had been here.
  await everyones(null).catch(() => undefined);
}
