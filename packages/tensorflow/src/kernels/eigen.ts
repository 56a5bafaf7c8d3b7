/** Eigenvalues and eigenvectors of symmetric matrices, which tfjs lacks. */
import type { TensorInfo } from '@tensorflow/tfjs';
import { attribute, operations, replaceKernel } from './operation.js';

/** The kernel's name; packages/refconv looks for it. Input x [.., n, n]; outputs the values [.., n], rising, and the vectors in columns. */
export const SELF_ADJOINT_EIG = 'SelfAdjointEig';

/** It has no gradient: that of eigenvectors is infinite where eigenvalues are equal. */
export function registerEigen(): void {
  replaceKernel(SELF_ADJOINT_EIG, ({ inputs }) => {
    const { x } = inputs as Record<string, TensorInfo>;
    const attributes = [attribute.bool('compute_v', true), attribute.typeNumber('T', 1)];
    return operations('SelfAdjointEigV2', [x as TensorInfo], attributes, 2);
  });
}
