/** Helpers of the kernels' tests: one function against another, against finite differences, and against itself compiled. */
import type { Tensor } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { compile } from '../compile.js';
import { tf } from '../load.js';
import { expectClose } from '../testing.js';

/** A function of float32 tensors whose gradients with respect to all of them are tested. */
export type Differentiable = (...inputs: Tensor[]) => Tensor;

/** The same normal numbers at every run; drawn in JavaScript, so that no kernel under test takes part. */
export function normal(shape: number[], seed: number, mean = 0, deviation = 1): Tensor {
  return tf.randomNormal(shape, mean, deviation, 'float32', seed);
}

/** The factors of a random projection of f's result: the dy of all gradients here. */
function projection(f: Differentiable, inputs: Tensor[]): Tensor {
  return normal(tf.tidy(() => f(...inputs)).shape, 99);
}

function evaluate(f: Differentiable, inputs: Tensor[], dy: Tensor): Tensor[] {
  return [f(...inputs), ...tf.grads(f)(inputs, dy)];
}

/** Expects value and gradients to be those of `reference`, within 1e-5 and 1e-4 of the largest element of each. */
export function expectSame(f: Differentiable, reference: Differentiable, inputs: Tensor[]): void {
  tf.tidy(() => {
    const dy = projection(reference, inputs);
    const expected = evaluate(reference, inputs, dy);
    for (const [i, actual] of evaluate(f, inputs, dy).entries()) {
      const wanted = expected[i] as Tensor;
      expect(actual.shape).to.deep.equal(wanted.shape);
      expectClose(actual, wanted, i === 0 ? 1e-5 : 1e-4);
    }
  });
}

/**
 * Expects each element of each gradient to be the central difference of a random projection of f's result, which is summed in
 * double precision.
 * @param options.step large where f is linear in each input, where the difference is exact; small where f bends.
 */
export function expectFiniteDifferences(
  f: Differentiable,
  inputs: Tensor[],
  options: { step?: number; tolerance?: number } = {},
): void {
  const { step = 1e-2, tolerance = 2e-3 } = options;
  tf.tidy(() => {
    const dy = projection(f, inputs);
    const factors = dy.dataSync();
    const projected = (changed: Tensor[]) =>
      tf
        .tidy(() => f(...changed).dataSync<'float32'>())
        .reduce((sum, value, i) => sum + value * (factors[i] as number), 0);
    const [, ...gradients] = evaluate(f, inputs, dy);
    for (const [i, gradient] of gradients.entries()) {
      const input = inputs[i] as Tensor;
      const values = input.dataSync();
      const differences = Array.from(values, (value, element) => {
        const sides = [value + step, value - step].map((moved) => Math.fround(moved));
        const results = sides.map((side) =>
          tf.tidy(() => {
            const moved = tf.tensor(values.with(element, side), input.shape);
            return projected(inputs.map((other, j) => (j === i ? moved : other)));
          }),
        );
        return ((results[0] as number) - (results[1] as number)) / ((sides[0] as number) - (sides[1] as number));
      });
      expectClose(gradient, differences, tolerance);
    }
  });
}

/** Expects value and gradients to be the same inside one compiled function. */
export function expectSameCompiled(f: Differentiable, inputs: Tensor[]): void {
  tf.tidy(() => {
    const dy = projection(f, inputs);
    const expected = evaluate(f, inputs, dy);
    const program = compile({ all: (dy: Tensor, ...inputs: Tensor[]) => evaluate(f, inputs, dy) });
    // Twice: the first call records.
    for (let call = 0; call < 2; call++) {
      const actual = program.all(dy, ...inputs);
      for (const [i, wanted] of expected.entries()) expectClose(actual[i] as Tensor, wanted, 1e-5);
    }
    program.dispose();
  });
}

/** How many tensors `body` leaves where no tidy around it would sweep them up. */
export function tensorsLeft(body: () => void): number {
  const before = tf.memory().numTensors;
  body();
  return tf.memory().numTensors - before;
}

/** The names of the kernels that `body` runs. */
export async function kernelsOf(body: () => Tensor): Promise<string[]> {
  const { kernels } = await tf.profile(() => tf.tidy(body));
  return kernels.map(({ name }) => name);
}

/** The TensorFlow operations that f and its gradients run, compiled; oneDNN's by the name of what they stand for. */
export function operationsOf(f: Differentiable, inputs: Tensor[]): string[] {
  return Object.keys(operationCounts(f, inputs));
}

/** How many there are of each. */
export function operationCounts(f: Differentiable, inputs: Tensor[]): Record<string, number> {
  return tf.tidy(() => {
    const dy = projection(f, inputs);
    const program = compile({ all: (dy: Tensor, ...inputs: Tensor[]) => evaluate(f, inputs, dy) });
    const counts = program.all
      .profile(dy, ...inputs)
      .map(({ operation, count }) => [operation.replace('_MklNative', ''), count]);
    program.dispose();
    return Object.fromEntries(counts);
  });
}
