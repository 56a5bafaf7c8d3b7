/** Softmax cross entropy as one operation; TensorFlow's has the gradient as its second output, ours an operation of its own for it. */
import type { Tensor, Tensor1D, Tensor2D, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../load.js';
import { usesCpuKernels } from './cpu.js';
import { attribute, operation, operations, replaceGradient, replaceKernel } from './operation.js';

const SPARSE = 'SparseSoftmaxCrossEntropy';
const DENSE = 'SoftmaxCrossEntropy';

export function registerCrossEntropy(): void {
  const types = [attribute.typeNumber('T', 1)];
  replaceKernel(SPARSE, ({ inputs }) => {
    const { logits, labels } = inputs as { logits: TensorInfo; labels: TensorInfo };
    if (usesCpuKernels()) return [operation('RefconvSparseCrossEntropy', [logits, labels], [])];
    const attributes = [...types, attribute.type('Tlabels', labels)];
    return operations('SparseSoftmaxCrossEntropyWithLogits', [logits, labels], attributes, 2);
  });
  replaceKernel(DENSE, ({ inputs }) => {
    const { logits, labels } = inputs as { logits: TensorInfo; labels: TensorInfo };
    return operations('SoftmaxCrossEntropyWithLogits', [logits, labels], types, 2);
  });
  for (const kernelName of [SPARSE, DENSE]) {
    replaceGradient({
      kernelName,
      inputsToSave: ['logits', 'labels'],
      outputsToSave: [false, true],
      gradFunc: (dys, saved) => {
        const [dy] = [dys].flat() as [Tensor];
        const [logits, labels, slope] = saved as [Tensor, Tensor, Tensor?];
        return {
          logits: () =>
            slope
              ? tf.mul(tf.expandDims(dy, 1), slope)
              : operation('RefconvSparseCrossEntropyGrad', [dy, logits, labels], []),
        };
      },
    });
  }
}

export interface CrossEntropyOptions {
  /** ε of label smoothing: the target is 1 − ε on the label plus ε spread evenly over all classes (PyTorch's form). Default: 0. */
  labelSmoothing?: number;
}

/**
 * Softmax cross entropy of each image.
 * @param logits [n, classes].
 * @param labels class numbers, int32 [n], or probabilities, float32 [n, classes].
 * @returns losses [n]; differentiable with respect to the logits.
 * @throws where the labels' shape or type is neither, or label smoothing is not within [0, 1).
 * @example
 * ```ts
 * const losses = softmaxCrossEntropy(model.predict(images) as tf.Tensor2D, labels, { labelSmoothing: 0.1 }); // [n]
 * ```
 */
export function softmaxCrossEntropy(
  logits: Tensor2D,
  labels: Tensor1D | Tensor2D,
  options: CrossEntropyOptions = {},
): Tensor1D {
  const { labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new Error(`Label smoothing must be at least 0 and less than 1; given ${labelSmoothing}.`);
  }
  const [n, classes] = logits.shape;
  const sparse = labels.dtype === 'int32' && labels.rank === 1 && labels.shape[0] === n;
  const dense = labels.dtype === 'float32' && labels.rank === 2 && labels.shape[0] === n && labels.shape[1] === classes;
  if (!sparse && !dense) {
    throw new Error(
      `softmaxCrossEntropy was given logits [${logits.shape}] and labels ${labels.dtype} [${labels.shape}]; expected labels ` +
        `int32 [${n}] or float32 [${n},${classes}].`,
    );
  }
  return tf.tidy(() => {
    const run = (name: string, targets: Tensor) =>
      (tf.engine().runKernel(name, { logits, labels: targets } as never) as Tensor[])[0] as Tensor1D;
    if (sparse && labelSmoothing === 0) return run(SPARSE, labels);
    const targets = sparse ? tf.oneHot(labels as Tensor1D, classes) : labels;
    if (labelSmoothing === 0) return run(DENSE, targets);
    return run(DENSE, tf.add(tf.mul(targets, 1 - labelSmoothing), labelSmoothing / classes));
  });
}
