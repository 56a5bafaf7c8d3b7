/** Gradients of activations as the single operations that TensorFlow has for them. */
import type { Tensor } from '@tensorflow/tfjs';
import { attribute, operation, replaceGradient } from './operation.js';

/** Kernels whose gradient takes (dy, input) or (dy, output), or the output first. */
const GRADIENTS: { kernelName: string; op: string; saves: 'input' | 'output'; order: 'dy first' | 'dy last' }[] = [
  { kernelName: 'Relu', op: 'ReluGrad', saves: 'output', order: 'dy first' },
  { kernelName: 'Relu6', op: 'Relu6Grad', saves: 'output', order: 'dy first' },
  { kernelName: 'Selu', op: 'SeluGrad', saves: 'output', order: 'dy first' },
  { kernelName: 'Elu', op: 'EluGrad', saves: 'output', order: 'dy first' },
  { kernelName: 'Softplus', op: 'SoftplusGrad', saves: 'input', order: 'dy first' },
  { kernelName: 'Sigmoid', op: 'SigmoidGrad', saves: 'output', order: 'dy last' },
  { kernelName: 'Tanh', op: 'TanhGrad', saves: 'output', order: 'dy last' },
  { kernelName: 'Sqrt', op: 'SqrtGrad', saves: 'output', order: 'dy last' },
  { kernelName: 'Rsqrt', op: 'RsqrtGrad', saves: 'output', order: 'dy last' },
];

export function registerActivations(): void {
  for (const { kernelName, op, saves, order } of GRADIENTS) {
    replaceGradient({
      kernelName,
      ...(saves === 'input' ? { inputsToSave: ['x'] } : { outputsToSave: [true] }),
      gradFunc: (dy, saved) => {
        const kept = saved[0] as Tensor;
        const gradient = dy as Tensor;
        const inputs = order === 'dy first' ? [gradient, kept] : [kept, gradient];
        return { x: () => operation(op, inputs, [attribute.type('T', kept)]) };
      },
    });
  }
  replaceGradient({
    kernelName: 'LeakyRelu',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => {
      const x = saved[0] as Tensor;
      const alpha = attribute.float('alpha', attrs['alpha'] as number);
      return { x: () => operation('LeakyReluGrad', [dy as Tensor, x], [attribute.type('T', x), alpha]) };
    },
  });
}
