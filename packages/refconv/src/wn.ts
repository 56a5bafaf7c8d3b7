/**
 * WN, weight normalisation (Salimans and Kingma, NIPS 2016, arXiv 1602.07868): w = g·v/‖v‖ for each output. `weight_norm` of PyTorch trains
 * g and has no ε; the WN of huangleiBuaa's ONI (BSD-2-Clause), which CWN and OWN are compared with, has the fixed scale 1.414 and ε = 1e-5.
 */
import * as tf from '@tensorflow/tfjs';
import { defineMethod } from './method.js';
import { checkFinite, fromRows, norms, OFFICIAL_SCALE, rowShape, toRows } from './rows.js';

export interface WNOptions {
  /** Whose: `torch` trains g, which starts as ‖v‖, so that the kernel stays; `oni` has g = 1.414. Default: 'torch'. */
  variant: 'torch' | 'oni';
  /** Added to ‖v‖. Default: 0, for oni 1e-5. */
  epsilon: number;
}

/**
 * WN.
 * @example
 * ```ts
 * const model = await reparameterize(plain, wn()); // computes what the plain model does
 * ```
 */
export const wn = defineMethod<WNOptions>({
  name: 'WN',
  prefix: 'WN',
  complete({ variant = 'torch', epsilon = variant === 'oni' ? 1e-5 : 0 }) {
    if (!['torch', 'oni'].includes(variant))
      throw new RangeError(`variant must be 'torch' or 'oni'; given '${variant}'.`);
    checkFinite('epsilon', epsilon, 0);
    return { variant, epsilon };
  },
  refusal: () => undefined,
  build(site) {
    const { convolution, kernel, options } = site;
    const { rows } = rowShape(convolution);
    const magnitude =
      options.variant === 'torch' ? site.weight('weight_g', [1, rows], tf.initializers.ones()) : undefined;
    const lengths = () => tf.add(norms(toRows(kernel.read(), convolution)), options.epsilon) as tf.Tensor2D;
    return {
      merged() {
        const factor = tf.div(magnitude?.read() ?? OFFICIAL_SCALE, lengths());
        return { kernel: fromRows(tf.mul(toRows(kernel.read(), convolution), factor), convolution) };
      },
      async start() {
        const given = tf.tidy(lengths);
        const zero = (await given.data()).indexOf(0);
        if (zero < 0) magnitude?.write(given);
        given.dispose();
        if (zero < 0) return;
        throw new RangeError(
          `WN cannot take the layer ${site.layer.name}: output ${zero} has only zeros; give an \`epsilon\`.`,
        );
      },
    };
  },
});
