/** S^(−1/2) of symmetric positive definite matrices, with its gradient. */
import * as tf from '@tensorflow/tfjs';

/** The kernel that @refconv/tensorflow registers: eigenvalues [.., n] and eigenvectors [.., n, n], in columns, of symmetric matrices. */
const EIGENSOLVER = 'SelfAdjointEig';

/**
 * S^(−1/2) of each matrix of [g, n, n]. With @refconv/tensorflow by eigenvalues, and with the closed form of the gradient, which holds for
 * equal eigenvalues too; elsewhere by the coupled Newton–Schulz iteration, which is differentiated step by step.
 */
export function inverseSquareRoot(matrices: tf.Tensor3D): tf.Tensor3D {
  return tf.getKernel(EIGENSOLVER, tf.getBackend()) ? byEigenvalues(matrices) : byIteration(matrices);
}

/**
 * With S = U·diag(λ)·Uᵀ, r = λ^(−1/2), P = U·diag(r)·Uᵀ and A = Uᵀ·sym(∂P)·U: ∂S = U·[−A_ij·r_i²·r_j²/(r_i + r_j)]·Uᵀ, from
 * P·S·P = I, differentiated.
 */
const byEigenvalues = tf.customGrad((...given) => {
  const [matrices, save] = given as unknown as [tf.Tensor3D, tf.GradSaveFunc];
  const [values, vectors] = tf.engine().runKernel(EIGENSOLVER, { x: matrices }) as [tf.Tensor2D, tf.Tensor3D];
  const roots = tf.rsqrt(values);
  save([roots, vectors]);
  const value = tf.matMul(tf.mul(vectors, tf.expandDims(roots, 1)), vectors, false, true);
  const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
    const [r, u] = saved as [tf.Tensor2D, tf.Tensor3D];
    const symmetric = tf.mul(tf.add(dy, tf.transpose(dy, [0, 2, 1])), 0.5);
    const a = tf.matMul(tf.matMul(u, symmetric, true, false), u);
    const [rows, columns] = [tf.expandDims(r, 2), tf.expandDims(r, 1)];
    const factor = tf.div(tf.square(tf.mul(rows, columns)), tf.add(rows, columns));
    return tf.neg(tf.matMul(tf.matMul(u, tf.mul(a, factor)), u, false, true));
  };
  return { value, gradFunc };
}) as (matrices: tf.Tensor) => tf.Tensor3D;

/** Enough for a condition number of 1e4 in float32. */
const ITERATIONS = 18;

/** Y → S^(1/2)/√‖S‖, Z → S^(−1/2)·√‖S‖ (Higham, Functions of Matrices, 6.3); unlike the iteration on Z alone it is stable. */
function byIteration(matrices: tf.Tensor3D): tf.Tensor3D {
  const n = matrices.shape[1];
  const norm = tf.sqrt(tf.sum(tf.square(matrices), [1, 2], true));
  const three = tf.mul(tf.eye(n), 3);
  let y: tf.Tensor = tf.div(matrices, norm);
  let z: tf.Tensor = tf.add(tf.zerosLike(matrices), tf.eye(n));
  for (let i = 0; i < ITERATIONS; i++) {
    const t = tf.mul(tf.sub(three, tf.matMul(z, y)), 0.5);
    y = tf.matMul(y, t);
    z = tf.matMul(t, z);
  }
  return tf.div(z, tf.sqrt(norm));
}
