/** What the contestants on Node share: a batch to feed a model with, and versions. */
import type * as tfjs from '@tensorflow/tfjs';

type Tf = Pick<typeof tfjs, 'randomNormal' | 'tensor1d'>;

/** One batch, which every step trains on: images [n, size, size, 3] and class numbers [n]. */
export function randomBatch(
  tf: Tf,
  { batch, inputSize, classes }: { batch: number; inputSize: number; classes: number },
) {
  const x = tf.randomNormal([batch, inputSize, inputSize, 3], 0, 1, 'float32', 1) as tfjs.Tensor4D;
  const labels = tf.tensor1d(
    Array.from({ length: batch }, (_, i) => (i * 7) % classes),
    'int32',
  );
  return { x, labels };
}

export function versions(tf: { version: Record<string, string>; backend(): unknown }): Record<string, string> {
  const { binding } = tf.backend() as { binding: { TF_Version: string } };
  return { node: process.versions.node, tfjs: tf.version['tfjs-core'] as string, TensorFlow: binding.TF_Version };
}
