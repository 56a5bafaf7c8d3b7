/** Gradients of the methods against finite differences, and of OWN against its closed form in float64. */
import { variablesOf } from '@refconv/layers';
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { buildMethod, METHODS, type ReparameterizedLayer, reparameterize, reparameterizedLayers } from './index.js';
import { inverseSquareRoot } from './inverseSquareRoot.js';
import { type ConvolutionArgs, convolutionModel, setRandomWeights } from './testing.js';

const valuesOf = (layer: tf.layers.Layer) => variablesOf(layer.trainableWeights);

const CASES: Record<string, ConvolutionArgs> = {
  dense: { kind: 'dense', inputs: 3, outputs: 3, kernel: 3, stride: 1, groups: 1, batchNorm: true, size: 6 },
  grouped: { kind: 'dense', inputs: 4, outputs: 4, kernel: 3, stride: 1, groups: 2, batchNorm: true, size: 6 },
  depthwise: { kind: 'dw', inputs: 4, outputs: 4, kernel: 3, stride: 1, groups: 1, batchNorm: true, size: 6 },
};

/**
 * The loss, a random projection of the output, in training. Moving statistics are set back before each evaluation: DBB's padding is made
 * of them.
 */
async function lossOf(id: string, args: ConvolutionArgs) {
  const plain = convolutionModel(args);
  const model = await reparameterize(plain, buildMethod(id), { start: 'scratch' });
  plain.dispose();
  setRandomWeights(model, 3);
  const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
  const x = tf.randomNormal([4, 6, 6, args.inputs], 0, 1, 'float32', 9) as tf.Tensor4D;
  const projection = tf.randomNormal([4, ...(layer.outputShape.slice(1) as number[])], 0, 1, 'float32', 10);
  const moving = variablesOf(layer.nonTrainableWeights);
  const statistics = moving.map((variable) => variable.clone());
  const loss = (x: tf.Tensor4D): tf.Scalar => {
    moving.forEach((variable, i) => {
      variable.assign(statistics[i] as never);
    });
    return tf.sum(tf.mul(layer.apply(x, { training: true }) as tf.Tensor, projection));
  };
  const dispose = () => {
    tf.dispose([x, projection, statistics]);
    model.dispose();
  };
  return { layer, x, loss, dispose };
}

/** Expects the slope of f along random directions to be the gradient's. */
function expectSlope(f: (at: tf.Tensor) => tf.Scalar, at: tf.Tensor, gradient: tf.Tensor, what: string) {
  for (const seed of [1, 2]) {
    tf.tidy(() => {
      const direction = tf.randomNormal(at.shape, 0, 1, 'float32', seed);
      const step = 2e-3;
      const at1 = (sign: number) => f(tf.add(at, tf.mul(direction, sign * step))).dataSync()[0] as number;
      const slope = (at1(1) - at1(-1)) / (2 * step);
      const claimed = tf.sum(tf.mul(gradient, direction)).dataSync()[0] as number;
      const size = tf.norm(gradient).dataSync()[0] as number;
      expect(claimed, what).to.be.closeTo(slope, 1e-2 * size + 1e-2);
    });
  }
}

describe('the gradients of the methods', () => {
  // DBB's padding has no gradient, so that what lies before it is compared without any.
  for (const id of METHODS.ids())
    for (const [name, args] of Object.entries(CASES))
      for (const padding of id === 'dbb' ? (['valid', 'torch'] as const) : (['torch'] as const)) {
        it(`are those of finite differences: ${id}, ${name}${id === 'dbb' ? `, padding ${padding}` : ''}`, async () => {
          const tensors = tf.memory().numTensors;
          const { layer, x, loss, dispose } = await lossOf(id, { ...args, padding });
          const variables = valuesOf(layer);
          const before = /dbb_avg\.(conv|bn)|idconv1|conv1|bn1/;
          tf.tidy(() => {
            if (padding === 'valid' || id !== 'dbb') {
              expectSlope(loss as never, x, tf.grad(loss as never)(x) as tf.Tensor, 'the image');
            }
            const { grads } = tf.variableGrads(() => loss(x), variables);
            for (const variable of variables) {
              if (padding === 'torch' && id === 'dbb' && before.test(variable.name)) continue;
              const value = variable.clone();
              const at = (changed: tf.Tensor) => {
                variable.assign(changed as never);
                const result = loss(x);
                variable.assign(value as never);
                return result;
              };
              expectSlope(at, value, grads[variable.name] as tf.Tensor, variable.name);
            }
          });
          dispose();
          expect(tf.memory().numTensors).to.equal(tensors);
        });
      }
});

type Matrix = number[][];
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) =>
    (b[0] as number[]).map((_, j) => row.reduce((sum, value, k) => sum + value * (b[k]?.[j] as number), 0)),
  );
const transposed = (a: Matrix): Matrix => (a[0] as number[]).map((_, j) => a.map((row) => row[j] as number));
const map = (a: Matrix, f: (value: number, i: number, j: number) => number): Matrix =>
  a.map((row, i) => row.map((value, j) => f(value, i, j)));
const centred = (a: Matrix): Matrix =>
  a.map((row) => {
    const mean = row.reduce((sum, value) => sum + value) / row.length;
    return row.map((value) => value - mean);
  });

/** Eigenvalues and eigenvectors (in columns) of a symmetric matrix, by Jacobi's rotations in float64. */
function eigen(matrix: Matrix): { values: number[]; vectors: Matrix } {
  const n = matrix.length;
  let a = map(matrix, (value) => value);
  let vectors: Matrix = map(matrix, (_, i, j) => Number(i === j));
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p]?.[q] as number;
        if (Math.abs(apq) < 1e-300) continue;
        const angle = 0.5 * Math.atan2(2 * apq, (a[q]?.[q] as number) - (a[p]?.[p] as number));
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        const rotate = (rows: Matrix): Matrix =>
          rows.map((row) =>
            row
              .with(p, c * (row[p] as number) - s * (row[q] as number))
              .with(q, s * (row[p] as number) + c * (row[q] as number)),
          );
        a = rotate(transposed(rotate(a)));
        vectors = rotate(vectors);
      }
  return { values: a.map((row, i) => row[i] as number), vectors };
}

/** OWN without scale and its gradient for dW = G, as closed form. */
function whitening(v: Matrix, g: Matrix): { w: Matrix; dv: Matrix } {
  const z = centred(v);
  const { values, vectors: u } = eigen(product(z, transposed(z)));
  const s = values.map(Math.sqrt);
  const p = product(
    map(u, (value, _, j) => value / (s[j] as number)),
    transposed(u),
  );
  const gz = product(g, transposed(z));
  const symmetric = map(gz, (value, i, j) => (value + (gz[j]?.[i] as number)) / 2);
  const a = product(product(transposed(u), symmetric), u);
  const inner = map(a, (value, i, j) => {
    const [si, sj] = [s[i], s[j]] as [number, number];
    return -value / (si * sj * (si + sj));
  });
  const ds = product(product(u, inner), transposed(u));
  const both = product(p, g);
  const through = product(ds, z);
  return { w: product(p, z), dv: centred(map(both, (value, i, j) => value + 2 * (through[i]?.[j] as number))) };
}

function expectClose(actual: tf.Tensor, expected: Matrix, tolerance: number) {
  const wanted = expected.flat();
  const largest = Math.max(...wanted.map(Math.abs));
  const worst = [...actual.dataSync()].reduce(
    (max, value, i) => Math.max(max, Math.abs(value - (wanted[i] as number))),
    0,
  );
  expect(worst).to.be.at.most(tolerance * largest);
}

describe('OWN', () => {
  const rows = 8;
  for (const backend of ['tensorflow', 'cpu']) {
    it(`has the gradient of the closed form in float64, on the backend ${backend}`, async () => {
      const tensors = tf.memory().numTensors;
      const plain = convolutionModel({ ...(CASES.dense as ConvolutionArgs), outputs: rows });
      const model = await reparameterize(plain, buildMethod('own', { rowsPerGroup: rows, scale: 1 }));
      await tf.setBackend(backend);
      try {
        const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
        const [kernel] = valuesOf(layer) as [tf.Variable];
        tf.tidy(() => {
          const asRows = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [-1, rows]));
          const dw = tf.randomNormal(kernel.shape, 0, 1, 'float32', 4);
          const { w, dv } = whitening(asRows(kernel).arraySync() as Matrix, asRows(dw).arraySync() as Matrix);
          expectClose(asRows(layer.mergedWeights().kernel), w, 1e-5);
          const { grads } = tf.variableGrads(() => tf.sum(tf.mul(layer.block.merged().kernel, dw)), [kernel]);
          expectClose(asRows(grads[kernel.name] as tf.Tensor), dv, 1e-4);
        });
      } finally {
        await tf.setBackend('tensorflow');
      }
      plain.dispose();
      model.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });

    it(`whitens, also where eigenvalues are equal, on the backend ${backend}`, async () => {
      await tf.setBackend(backend);
      const tensors = tf.memory().numTensors;
      tf.tidy(() => {
        const equal = tf.tile(tf.expandDims(tf.mul(tf.eye(4), 5), 0), [2, 1, 1]) as tf.Tensor3D;
        const z = tf.randomNormal([2, 9, 4], 0, 1, 'float32', 1) as tf.Tensor3D;
        const random = tf.matMul(z, z, true, false) as tf.Tensor3D;
        for (const s of [equal, random]) {
          const root = inverseSquareRoot(s);
          const identity = tf.matMul(tf.matMul(root, s), root);
          expect(tf.max(tf.abs(tf.sub(identity, tf.eye(4)))).dataSync()[0]).to.be.at.most(2e-5);
          const gradient = tf
            .grad((s: tf.Tensor) => tf.sum(inverseSquareRoot(s as tf.Tensor3D)))(s)
            .dataSync();
          expect(gradient.every(Number.isFinite)).to.equal(true);
        }
      });
      expect(tf.memory().numTensors).to.equal(tensors);
      await tf.setBackend('tensorflow');
    });
  }

  it('takes 64 rows together, fewer where they would be ill-conditioned', async () => {
    const sizeOf = async (args: Partial<ConvolutionArgs>) => {
      const plain = convolutionModel({ ...(CASES.dense as ConvolutionArgs), ...args });
      const model = await reparameterize(plain, buildMethod('own'));
      const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
      const { kernelSize } = layer;
      const length =
        args.kind === 'dw' ? kernelSize[0] * kernelSize[1] : kernelSize[0] * kernelSize[1] * (args.inputs as number);
      const size = layer.trainingMacs().step / (2 * (args.outputs as number) * length);
      plain.dispose();
      model.dispose();
      return size;
    };
    expect(await sizeOf({ inputs: 64, outputs: 128 })).to.equal(64);
    expect(await sizeOf({ inputs: 3, outputs: 32 })).to.equal(8);
    expect(await sizeOf({ kind: 'dw', inputs: 24, outputs: 24 })).to.equal(4);
  });
});
