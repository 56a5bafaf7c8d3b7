/** One task of the tests of clusters: `node clusterTask.js WHAT`; the first prints what it found as JSON. */
import { clusterFromEnvironment } from '../clusterEnvironment.js';
import { isLost, WORKER_FAILED } from '../clusterProtocol.js';
import {
  allGather,
  allReduce,
  allReduceAll,
  broadcast,
  compile,
  joinCluster,
  tf,
  withSyncBatchNorm,
} from '../index.js';
import { CHANNEL_MOMENTS } from '../kernels/moments.js';

const momentsOf = (x: tf.Tensor) => tf.engine().runKernel(CHANNEL_MOMENTS, { x } as never) as tf.Tensor[];

const WHAT: Record<string, (task: number) => unknown> = {
  collectives(task) {
    const weights = tf.variable(tf.fill([3], 10 * (task + 1)));
    const program = compile({
      sum: (x: tf.Tensor) => allReduce(x),
      all: (x: tf.Tensor, y: tf.Tensor) => allReduceAll([x, y]),
      share: () => weights.assign(broadcast(weights)),
      gather: (x: tf.Tensor) => allGather(x),
      slope: (x: tf.Tensor) => tf.grad((value) => tf.sum(tf.mul(allReduce(value), task + 1)))(x),
    });
    const values = (x: tf.Tensor) => Array.from(x.dataSync());
    program.share();
    const before = tf.memory().numTensors;
    const found = tf.tidy(() => ({
      sum: values(program.sum(tf.tensor1d([task, 2]))),
      // Two buckets and a half.
      all: program
        .all(tf.fill([1200, 1000], task), tf.fill([1300, 1000], 2))
        .map((x) => [x.shape, x.min().dataSync()[0], x.max().dataSync()[0]]),
      share: values(weights),
      gather: program.gather(tf.tensor2d([[task, 9]])).arraySync(),
      slope: values(program.slope(tf.tensor1d([1, 1]))),
      sums: program.sum
        .profile(tf.tensor1d([1, 2]))
        .filter(({ bytes }) => bytes)
        .map(({ operation, count, bytes }) => [operation, count, bytes]),
    }));
    return { ...found, tensors: tf.memory().numTensors - before };
  },
  /** Moments of all tasks' images and their gradients, beside those of the whole in one task: the largest differences. */
  moments(task) {
    const whole = tf.randomNormal([6, 2, 3, 5], 1, 2, 'float32', 1) as tf.Tensor4D;
    const own = tf.slice(whole, [2 * task, 0, 0, 0], [2, 2, 3, 5]);
    const weights = (of: number) => [of + 1, (of + 2) ** 2];
    const loss = (of: number, [mean, variance]: tf.Tensor[]): tf.Scalar => {
      const [first, second] = weights(of) as [number, number];
      const channels = tf.range(1, 6);
      return tf.sum(tf.mul(channels, tf.add(tf.mul(mean as tf.Tensor, first), tf.mul(variance as tf.Tensor, second))));
    };
    const program = compile({
      moments: (x: tf.Tensor) => withSyncBatchNorm(() => momentsOf(x)),
      slope: (x: tf.Tensor) => withSyncBatchNorm(() => tf.grad((x) => loss(task, momentsOf(x)))(x)),
    });
    const { mean, variance } = tf.moments(whole, [0, 1, 2]);
    const all = tf.grad((x) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.addN([0, 1, 2].map((of) => loss(of, [mean, variance])));
    })(whole);
    const difference = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0];
    const [ownMean, ownVariance, unbiased] = program.moments(own) as [tf.Tensor, tf.Tensor, tf.Tensor];
    return [
      difference(ownMean, mean),
      difference(ownVariance, variance),
      difference(unbiased, tf.mul(variance, 36 / 35)),
      difference(program.slope(own), tf.slice(all, [2 * task, 0, 0, 0], own.shape)),
    ];
  },
  /** Programs of one process share no variables, although they have one server. */
  programs() {
    const of = (value: number) => {
      const variable = tf.variable(tf.scalar(value));
      return compile({ next: () => void variable.assign(tf.add(variable, 1)), read: () => tf.clone(variable) });
    };
    const [first, second] = [of(1), of(100)];
    first.next();
    second.next();
    return [first.read().dataSync()[0], second.read().dataSync()[0]];
  },
  'unlike shapes'(task) {
    return compile({ sum: (x: tf.Tensor) => allReduce(x) }).sum(tf.ones([2 + task]));
  },
  'unlike shapes in a profile'(task) {
    return compile({ sum: (x: tf.Tensor) => allReduce(x) }).sum.profile(tf.ones([2 + task]));
  },
  'unlike order'(task) {
    const { sum, gather } = compile({ sum: (x: tf.Tensor) => allReduce(x), gather: (x: tf.Tensor) => allGather(x) });
    return task === 0 ? sum(tf.ones([1, 4])) : gather(tf.ones([1, 4]));
  },
};

const cluster = clusterFromEnvironment();
const { task } = await joinCluster(cluster as NonNullable<typeof cluster>);
try {
  const found = WHAT[process.argv[2] as string]?.(task);
  if (task === 0) console.log(JSON.stringify(found));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = isLost(error) ? WORKER_FAILED : 1;
}
