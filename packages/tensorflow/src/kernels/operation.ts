/** Helpers to run TensorFlow operations that tfjs has no name for, and to put them in the place of tfjs's own. */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { backend } from '../backend.js';
import { tf } from '../load.js';
import { Attr, type Attribute, dtypeNumber } from '../native.js';

type GradientConfig = Parameters<typeof tf.registerGradient>[0];

export const attribute = {
  type: (name: string, tensor: TensorInfo): Attribute => ({ name, type: Attr.type, value: dtypeNumber(tensor.dtype) }),
  typeNumber: (name: string, value: number): Attribute => ({ name, type: Attr.type, value }),
  int: (name: string, value: number | number[]): Attribute => ({ name, type: Attr.int, value }),
  float: (name: string, value: number): Attribute => ({ name, type: Attr.float, value }),
  bool: (name: string, value: boolean): Attribute => ({ name, type: Attr.bool, value }),
  string: (name: string, value: string): Attribute => ({ name, type: Attr.string, value }),
};

/** Runs any TensorFlow operation with one output; in a compiled function it becomes a node. */
export function operation(type: string, inputs: TensorInfo[], attributes: Attribute[]): Tensor {
  return backend.executeSingleOutput(type, attributes, inputs);
}

/** Runs any TensorFlow operation with several outputs. */
export function operations(type: string, inputs: TensorInfo[], attributes: Attribute[], outputs: number): Tensor[] {
  return backend.executeMultipleOutputs(type, attributes, inputs, outputs);
}

/** Registers a kernel of the tensorflow backend, in place of one that tfjs-node brought. */
export function replaceKernel(
  kernelName: string,
  kernelFunc: Parameters<typeof tf.registerKernel>[0]['kernelFunc'],
): void {
  if (tf.getKernel(kernelName, 'tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc });
}

/** How many gradients are being taken, each of a function that takes the next. */
function gradientDepth(): number {
  return (tf.engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth;
}

/** Whether fused gradients cannot serve: a gradient of a gradient is being taken, or another backend is in use. */
export function needsPlainGradients(): boolean {
  return gradientDepth() > 1 || tf.getBackend() !== 'tensorflow';
}

/**
 * Registers a gradient in place of tfjs's own. Fused gradients cannot be differentiated again, so another one is used where a
 * second derivative is taken. (tfjs reads all three properties when the forward operation runs.)
 * @param composed the gradient for that, made of operations that have gradients. Default: tfjs's own; a kernel for which it
 *   has none throws.
 */
export function replaceGradient(fused: GradientConfig, composed?: GradientConfig): void {
  const { kernelName } = fused;
  const stock = tf.getGradient(kernelName) as GradientConfig | undefined;
  if (stock) tf.unregisterGradient(kernelName);
  const twice = composed ?? stock ?? refusing(fused);
  const chosen = () => (needsPlainGradients() ? twice : fused);
  tf.registerGradient({
    kernelName,
    get inputsToSave() {
      return chosen().inputsToSave;
    },
    get outputsToSave() {
      return chosen().outputsToSave;
    },
    get saveAllInputs() {
      return chosen().saveAllInputs;
    },
    get gradFunc() {
      return chosen().gradFunc;
    },
  } as GradientConfig);
}

/** The gradient, which throws where it would be differentiated: tfjs would take it for a constant without a word. */
function refusing(fused: GradientConfig): GradientConfig {
  const { kernelName, gradFunc } = fused;
  return {
    ...fused,
    gradFunc: (...given) => {
      if (gradientDepth() === 0) return gradFunc(...given);
      throw new Error(
        `${kernelName} has no second derivative; write the function out in plain tfjs operations where one is needed.`,
      );
    },
  };
}
