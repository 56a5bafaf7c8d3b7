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
export function replaceKernel(kernelName: string, kernelFunc: Parameters<typeof tf.registerKernel>[0]['kernelFunc']): void {
  if (tf.getKernel(kernelName, 'tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc });
}

/** Whether a gradient is being taken of something that itself takes a gradient. */
function takesSecondDerivative(): boolean {
  return (tf.engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth > 1;
}

/**
 * Registers a gradient in place of tfjs's own. Fused gradients cannot be differentiated again, so tfjs's own stays in use where
 * a second derivative is taken. (tfjs reads all three properties when the forward operation runs.)
 */
export function replaceGradient(fused: GradientConfig): void {
  const { kernelName } = fused;
  const stock = tf.getGradient(kernelName) as GradientConfig | undefined;
  if (!stock) {
    tf.registerGradient(fused);
    return;
  }
  tf.unregisterGradient(kernelName);
  const chosen = () => (takesSecondDerivative() ? stock : fused);
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
