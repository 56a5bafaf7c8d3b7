/** One task of the tests of clusters: `node clusterTask.js WHAT`; the first prints what it found as JSON. */
import { clusterFromEnvironment } from '../clusterEnvironment.js';
import { isLost, WORKER_FAILED } from '../clusterProtocol.js';
import { allGather, allReduce, allReduceAll, broadcast, compile, joinCluster, tf } from '../index.js';

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
