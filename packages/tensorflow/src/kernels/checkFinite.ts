/** An error where a value is infinite or no number, also from within a compiled function. */
import type { TensorInfo } from '@tensorflow/tfjs';
import { attribute, operation, replaceKernel } from './operation.js';

/** The kernel's name; packages/segmentation looks for it. Input x, which is the output too; attribute `message`. It has no gradient. */
export const CHECK_FINITE = 'CheckFinite';

export function registerCheckFinite(): void {
  replaceKernel(CHECK_FINITE, ({ inputs, attrs }) => {
    const { x } = inputs as { x: TensorInfo };
    const { message } = attrs as { message: string };
    return operation('CheckNumerics', [x], [attribute.type('T', x), attribute.string('message', message)]);
  });
}
