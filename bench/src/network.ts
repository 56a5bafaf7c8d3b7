/** What the contestants on Node share: counting a model, and a batch to feed it with. */
import type * as tfjs from '@tensorflow/tfjs';

type Tf = Pick<typeof tfjs, 'randomNormal' | 'tensor1d'>;

/** The trainable variables of a model, which tf.layers keeps inside its own wrappers. */
export function trainableVariables(model: tfjs.LayersModel): tfjs.Variable[] {
  return model.trainableWeights.map((weight) => (weight as unknown as { val: tfjs.Variable }).val);
}

export function countParameters(variables: tfjs.Variable[]): number {
  return variables.reduce((sum, { size }) => sum + size, 0);
}

/** Multiplications of the forward pass for one image: convolutions and dense layers. */
export function multiplyAdds(model: tfjs.LayersModel): number {
  let total = 0;
  for (const layer of model.layers) {
    const [kernel] = layer.weights;
    if (!kernel) continue;
    const size = kernel.shape.reduce<number>((product, n) => product * (n as number), 1);
    const [, height, width] = layer.outputShape as number[];
    const kind = layer.getClassName();
    if (kind === 'Conv2D' || kind === 'DepthwiseConv2D') total += size * (height as number) * (width as number);
    if (kind === 'Dense') total += size;
  }
  return total;
}

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
