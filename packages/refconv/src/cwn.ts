/**
 * CWN, centred weight normalisation (Huang et al., ICCV 2017; huangleiBuaa/CenteredWN, BSD-2-Clause): w = s·c/(‖c‖ + ε) for each output,
 * with c = v − mean(v). A centred depthwise kernel cannot blur or pass its channel on. (The Torch7 code writes c back over v at every
 * step, which changes the function in nothing; it has neither ε nor scale.)
 */
import * as tf from '@tensorflow/tfjs';
import { defineMethod } from './method.js';
import { centredRows, checkFinite, fromRows, norms, OFFICIAL_SCALE, rowShape, toRows } from './rows.js';

export interface CWNOptions {
  /** s. Default: 1.414, as in the PyTorch module. */
  scale: number;
  /** Whether s is trained, one for each output. Default: false. */
  trainableScale: boolean;
  /** ε. Default: 1e-5, as in the PyTorch module; the Torch7 code has 0. */
  epsilon: number;
}

/**
 * CWN. The function of trained kernels is not kept.
 * @example
 * ```ts
 * const model = await reparameterize(plain, cwn(), { start: 'scratch' });
 * ```
 */
export const cwn = defineMethod<CWNOptions>({
  name: 'CWN',
  prefix: 'CWN',
  complete({ scale = OFFICIAL_SCALE, trainableScale = false, epsilon = 1e-5 }) {
    checkFinite('scale', scale, 0);
    checkFinite('epsilon', epsilon, 0);
    return { scale, trainableScale, epsilon };
  },
  refusal(convolution) {
    return rowShape(convolution).length > 1
      ? undefined
      : 'its outputs have one weight each, which would be centred to 0.';
  },
  build({ convolution, kernel, options, weight }) {
    const { scale, trainableScale, epsilon } = options;
    const trained = trainableScale
      ? weight('WNScale', [1, convolution.outputs], tf.initializers.constant({ value: scale }))
      : undefined;
    return {
      merged() {
        const rows = centredRows(toRows(kernel.read(), convolution));
        const factor = tf.div(trained?.read() ?? scale, tf.add(norms(rows), epsilon));
        return { kernel: fromRows(tf.mul(rows, factor), convolution) };
      },
    };
  },
});
