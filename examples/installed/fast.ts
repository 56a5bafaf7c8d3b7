/** The engine alone: a training step of tfjs, operation by operation and as one graph. */
import { compile, softmaxCrossEntropy, tf } from '@refconv/tensorflow';

const model: tf.LayersModel = tf.sequential({
  layers: [
    tf.layers.conv2d({ inputShape: [32, 32, 3], filters: 16, kernelSize: 3, padding: 'same' }),
    tf.layers.batchNormalization(),
    tf.layers.reLU(),
    tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same' }),
    tf.layers.batchNormalization(),
    tf.layers.reLU(),
    tf.layers.globalAveragePooling2d({}),
    tf.layers.dense({ units: 10 }),
  ],
});
const optimiser = tf.train.momentum(0.1, 0.9);

function step(images: tf.Tensor4D, labels: tf.Tensor1D): tf.Scalar {
  return optimiser.minimize(() => {
    const logits = model.apply(images, { training: true }) as tf.Tensor2D;
    return tf.mean<tf.Scalar>(softmaxCrossEntropy(logits, labels));
  }, true) as tf.Scalar;
}

const images: tf.Tensor4D = tf.randomNormal([32, 32, 32, 3]);
const labels: tf.Tensor1D = tf.randomUniformInt([32], 0, 10);

/** Milliseconds of a step, and the loss of the last. The first steps, which record the graph, do not count. */
function timed({ eager }: { eager: boolean }) {
  const program = compile({ step }, { eager });
  let start = 0;
  let loss = Number.NaN;
  for (let i = -5; i < 20; i++) {
    if (i === 0) start = performance.now();
    const value = program.step(images, labels);
    [loss] = value.dataSync();
    value.dispose();
  }
  program.dispose();
  return { ms: (performance.now() - start) / 20, loss };
}

console.log(JSON.stringify({ eager: timed({ eager: true }), compiled: timed({ eager: false }) }));
