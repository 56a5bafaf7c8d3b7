/**
 * OWN, orthogonal weight normalisation (Huang et al., AAAI 2018, arXiv 1709.06079; huangleiBuaa/OthogonalWN, BSD-2-Clause): in groups of
 * rows, W = s·(Z·Zᵀ)^(−1/2)·Z with Z the centred rows of V, so that W·Wᵀ = s²·I.
 *
 * n centred rows of length d are linearly dependent where n ≥ d, and the inverse square root is then noise.
 */
import * as tf from '@tensorflow/tfjs';
import type { Convolution } from './convolution.js';
import { inverseSquareRoot } from './inverseSquareRoot.js';
import { defineMethod } from './method.js';
import { centredRows, checkFinite, fromRows, OFFICIAL_SCALE, rowShape, toRows } from './rows.js';

export interface OWNOptions {
  /**
   * Rows whitened together; it must divide the rows. The PyTorch module takes all rows, the Torch7 scripts 64. Default: 'auto', the
   * largest divisor that is at most 64 and at most half of d − 1, beyond which random rows are ill-conditioned: 4 for a depthwise 3×3.
   */
  rowsPerGroup: number | 'auto' | 'all';
  /** s. Default: 1.414, as in the PyTorch module; the Torch7 code has 1. */
  scale: number;
  /** Whether s is trained, one for each output. Default: false. */
  trainableScale: boolean;
  /** Added to the diagonal of Z·Zᵀ/d. Default: 0, as in the PyTorch module; the Torch7 code has 1e-8. */
  epsilon: number;
}

const LARGEST_GROUP = 64;

function groupSize(convolution: Convolution, { rowsPerGroup }: OWNOptions): number {
  const { length, rows } = rowShape(convolution);
  if (rowsPerGroup === 'all') return rows;
  if (rowsPerGroup !== 'auto') return rowsPerGroup;
  let size = Math.max(1, Math.min(LARGEST_GROUP, Math.floor((length - 1) / 2), rows));
  while (rows % size) size--;
  return size;
}

/**
 * OWN. The function of trained kernels is not kept.
 * @example
 * ```ts
 * const model = await reparameterize(plain, own(), { start: 'scratch' });
 * ```
 */
export const own = defineMethod<OWNOptions>({
  name: 'OWN',
  prefix: 'OWN',
  complete({ rowsPerGroup = 'auto', scale = OFFICIAL_SCALE, trainableScale = false, epsilon = 0 }) {
    if (
      !['auto', 'all'].includes(rowsPerGroup as string) &&
      !(Number.isInteger(rowsPerGroup) && Number(rowsPerGroup) > 0)
    ) {
      throw new RangeError(`rowsPerGroup must be a positive integer, 'auto' or 'all'; given ${rowsPerGroup}.`);
    }
    checkFinite('scale', scale, 0);
    checkFinite('epsilon', epsilon, 0);
    return { rowsPerGroup, scale, trainableScale, epsilon };
  },
  refusal(convolution, options) {
    const { length, rows } = rowShape(convolution);
    const size = groupSize(convolution, options);
    if (size > length - 1) {
      return `${size} rows of ${length} numbers cannot be orthogonal and centred; at most ${length - 1} can. Give fewer \`rowsPerGroup\`.`;
    }
    return rows % size ? `its ${rows} outputs cannot be divided into groups of ${size} \`rowsPerGroup\`.` : undefined;
  },
  build({ convolution, kernel, options, weight }) {
    const { scale, trainableScale, epsilon } = options;
    const { length, rows } = rowShape(convolution);
    const size = groupSize(convolution, options);
    const groups = rows / size;
    const trained = trainableScale
      ? weight('WNScale', [1, rows], tf.initializers.constant({ value: scale }))
      : undefined;
    return {
      merged() {
        const centred = centredRows(toRows(kernel.read(), convolution));
        // [groups, d, n]: a group's columns are its rows.
        const z = tf.transpose(tf.reshape(centred, [length, groups, size]), [1, 0, 2]);
        const products = tf.matMul(z, z, true, false) as tf.Tensor3D;
        const s = epsilon ? tf.add(products, tf.mul(tf.eye(size), length * epsilon)) : products;
        const whitened = tf.matMul(z, inverseSquareRoot(s as tf.Tensor3D));
        const together = tf.reshape(tf.transpose(whitened, [1, 0, 2]), [length, rows]);
        return { kernel: fromRows(tf.mul(together, trained?.read() ?? scale), convolution) };
      },
      macs: ({ output }) => ({ image: kernel.read().size * output, step: 2 * rows * size * length }),
    };
  },
});
