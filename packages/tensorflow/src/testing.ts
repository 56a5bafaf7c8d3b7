/** Helpers of this package's tests. */
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tf } from './load.js';

/**
 * A test body that must leave as many tensors as it found.
 * @param surplus tensors that the body is known to leave, for the cases that test exactly that.
 */
export function withoutLeaks(body: () => void | Promise<void>, surplus = 0): () => Promise<void> {
  return async () => {
    const before = tf.memory().numTensors;
    tf.engine().startScope();
    try {
      await body();
    } finally {
      tf.engine().endScope();
    }
    expect(tf.memory().numTensors - before, 'tensors left').to.equal(surplus);
  };
}

/** Expects a tensor's values to equal others within `tolerance` times the largest of them. */
export function expectClose(actual: Tensor, expected: Tensor | ArrayLike<number>, tolerance = 1e-6): void {
  const given = actual.dataSync();
  const wanted = expected instanceof tf.Tensor ? expected.dataSync() : Array.from(expected);
  expect(given.length, 'number of values').to.equal(wanted.length);
  let scale = 0;
  for (const value of wanted) scale = Math.max(scale, Math.abs(value as number));
  // One expectation for all: chai's takes microseconds for each value.
  const allowed = tolerance * Math.max(scale, 1e-3);
  const worst = given.findIndex((value, i) => !(Math.abs((value as number) - (wanted[i] as number)) <= allowed));
  if (worst >= 0) expect(given[worst], `value ${worst}`).to.be.closeTo(wanted[worst] as number, allowed);
}
