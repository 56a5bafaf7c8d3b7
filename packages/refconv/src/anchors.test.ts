/** The methods against what the official code computes in float64 from generated weights. */
import '@refconv/tensorflow';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { generatedState, uniform } from '../../backbones/dist/testing/oracle.js';
import {
  acb,
  cwn,
  dbb,
  merge,
  own,
  type ReparameterizedLayer,
  reparameterize,
  reparameterizedLayers,
  repvgg,
  wn,
} from './index.js';
import { convolutionModel, generatedImage, setOfficialWeights, torchLayout } from './testing.js';

type Numbers = number[];
type Structural = [
  method: 'ACB' | 'RepVGG' | 'DBB',
  kind: 'dense' | 'dw',
  inputs: number,
  outputs: number,
  stride: number,
  kernel: Numbers,
  kernelL2: number,
  bias: Numbers,
  out: Numbers,
  outL2: number,
  outSum: number,
];

/** 3×3; first values and norms. */
const STRUCTURAL: Structural[] = [
  [
    'ACB',
    'dense',
    4,
    6,
    1,
    [-0.2569895227, -0.1482262581, -0.04944429917],
    6.989989619,
    [-0.3631450343, -0.001550654787, 0.254698204],
    [-0.859089759, 0.2878466042, 1.672117513],
    33.94219072,
    68.62872662,
  ],
  [
    'ACB',
    'dense',
    6,
    6,
    1,
    [-0.2098310666, -0.1210262329, -0.04037110122],
    6.588729172,
    [-0.3631450343, -0.001550654787, 0.254698204],
    [-0.1718466377, -0.06696126429, 2.277892882],
    32.88700416,
    81.93265265,
  ],
  [
    'ACB',
    'dense',
    4,
    6,
    2,
    [-0.2569895227, -0.1482262581, -0.04944429917],
    6.989989619,
    [-0.3631450343, -0.001550654787, 0.254698204],
    [-0.859089759, 1.672117513, 0.6359914104],
    19.79558959,
    -7.331954018,
  ],
  [
    'ACB',
    'dw',
    8,
    8,
    1,
    [-0.5139790455, -0.2964525162, -0.09888859834],
    8.23245458,
    [-0.3631450343, -0.001550654787, 0.254698204],
    [-0.325279552, 1.432649067, 3.329277083],
    40.7205767,
    69.87816218,
  ],
  [
    'ACB',
    'dw',
    8,
    8,
    2,
    [-0.5139790455, -0.2964525162, -0.09888859834],
    8.23245458,
    [-0.3631450343, -0.001550654787, 0.254698204],
    [-0.325279552, 3.329277083, 0.9528395958],
    22.95934101,
    27.36382409,
  ],
  [
    'RepVGG',
    'dense',
    4,
    6,
    1,
    [-0.3499041323, 0.226724504, -0.2687670993],
    6.045271733,
    [0.03442844742, 0.09228152088, -0.004702025885],
    [1.04909444, -1.37520537, -0.9579955186],
    28.58118874,
    -10.42619624,
  ],
  [
    'RepVGG',
    'dense',
    6,
    6,
    1,
    [-0.2856955277, 0.1851197823, -0.2194474176],
    7.267675123,
    [0.09249637526, 0.1052936179, 0.08154375192],
    [2.240385786, -2.970257425, -1.352940632],
    36.88175365,
    6.608993555,
  ],
  [
    'RepVGG',
    'dense',
    4,
    6,
    2,
    [-0.3499041323, 0.226724504, -0.2687670993],
    6.045271733,
    [0.03442844742, 0.09228152088, -0.004702025885],
    [1.04909444, -0.9579955186, 1.104304072],
    15.64397531,
    0.2006810611,
  ],
  [
    'RepVGG',
    'dw',
    8,
    8,
    1,
    [-0.6998082646, 0.453449008, -0.5375341986],
    7.604695274,
    [0.09249637526, 0.1052936179, 0.08154375192],
    [3.56971739, -2.606863364, -3.645714598],
    38.04187713,
    16.87871976,
  ],
  [
    'RepVGG',
    'dw',
    8,
    8,
    2,
    [-0.6998082646, 0.453449008, -0.5375341986],
    6.854387308,
    [0.03442844742, 0.09228152088, -0.004702025885],
    [2.513072675, -2.242876666, 1.755410674],
    17.84799606,
    36.02985796,
  ],
  [
    'DBB',
    'dense',
    4,
    6,
    1,
    [-0.9009340859, 2.443919141, 1.137269412],
    11.09231926,
    [0.4705232908, -0.2530147397, -0.1418239917],
    [0.7255827704, -1.239558221, -1.619312197],
    55.34358723,
    68.21765755,
  ],
  [
    'DBB',
    'dense',
    6,
    6,
    1,
    [-0.5431679169, 1.699656652, 0.4040319414],
    8.679681936,
    [0.4439030124, -0.264685652, -0.1112671792],
    [2.449252154, -0.2677258728, 1.54659161],
    40.43173151,
    36.68113643,
  ],
  [
    'DBB',
    'dense',
    4,
    6,
    2,
    [-0.9009340859, 2.443919141, 1.137269412],
    11.09231926,
    [0.4705232908, -0.2530147397, -0.1418239917],
    [0.7255827704, -1.619312197, -1.32248797],
    29.6306298,
    27.11401867,
  ],
  [
    'DBB',
    'dw',
    8,
    8,
    1,
    [1.855308213, 0.02800987048, 1.501246074],
    7.734680921,
    [0.02729383007, 0.261957725, -0.08614723927],
    [0.2781717437, -2.171214901, -0.2040346034],
    37.39579822,
    48.18125148,
  ],
  [
    'DBB',
    'dw',
    8,
    8,
    2,
    [1.855308213, 0.02800987048, 1.501246074],
    7.734680921,
    [0.02729383007, 0.261957725, -0.08614723927],
    [0.2781717437, -0.2040346034, 1.285154163],
    20.85014045,
    7.901007229,
  ],
];

type Weight = [
  method: 'WN' | 'CWN' | 'OWN',
  shape: [number, number, number, number],
  groups: number,
  first: Numbers,
  l2: number,
  sum: number,
];

const WEIGHT: Weight[] = [
  ['CWN', [64, 64, 3, 3], 0, [0.07314347934, -0.04624651516, 0.03527672528], 11.31192048, -1.154631946e-14],
  ['OWN', [64, 64, 3, 3], 1, [0.07098085507, -0.03652014787, 0.03195234884], 11.312, -6.217248938e-15],
  ['WN', [64, 64, 3, 3], 0, [0.05521343663, -0.03244253737, 0.02741171653], 8.173461438, 0.5888565159],
  ['CWN', [96, 1, 3, 3], 0, [0.5352987198, -0.4308626363, 0.2288627023], 13.85420498, 2.220446049e-16],
  ['OWN', [96, 1, 3, 3], 12, [0.7353014265, -0.2680666007, 0.3704775137], 13.85431399, 1.243449788e-14],
  ['WN', [96, 1, 3, 3], 0, [0.4417797058, -0.25958273, 0.2193295836], 10.19599891, 13.09375144],
  ['CWN', [16, 4, 3, 3], 0, [0.277888789, -0.2122732486, 0.1224247955], 5.655959829, 4.440892099e-16],
  ['OWN', [16, 4, 3, 3], 2, [0.2649050948, -0.1852336948, 0.1354241504], 5.656, -9.992007222e-16],
  ['WN', [16, 4, 3, 3], 0, [0.2249002958, -0.1321478375, 0.1116558493], 4.188318102, 2.885797149],
];

const norm = (x: tf.Tensor) => tf.norm(x).dataSync()[0] as number;
const total = (x: tf.Tensor) => tf.sum(x).dataSync()[0] as number;

function expectFirst(actual: ArrayLike<number>, expected: Numbers, tolerance: number) {
  expected.forEach((value, i) => {
    expect(actual[i]).to.be.closeTo(value, tolerance);
  });
}

describe('the structural methods against the official blocks', () => {
  for (const [name, kind, inputs, outputs, stride, kernel, kernelL2, bias, out, outL2, outSum] of STRUCTURAL) {
    it(`${name} ${kind} ${inputs}->${outputs} stride ${stride}`, async () => {
      const tensors = tf.memory().numTensors;
      const plain = convolutionModel({ kind, inputs, outputs, kernel: 3, stride, groups: 1, batchNorm: true });
      const method = { ACB: acb, RepVGG: repvgg, DBB: dbb }[name]();
      const model = await reparameterize(plain, method, { start: 'scratch' });
      const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
      setOfficialWeights(layer);
      const merged = await merge(model);
      tf.tidy(() => {
        const { kernel: mergedKernel, bias: mergedBias } = layer.mergedWeights();
        const torch = torchLayout(mergedKernel, kind);
        expectFirst(torch.dataSync(), kernel, 1e-5 * Math.max(1, ...kernel.map(Math.abs)));
        expect(norm(torch)).to.be.closeTo(kernelL2, 1e-5 * kernelL2);
        expectFirst((mergedBias as tf.Tensor).dataSync(), bias, 1e-5);
        for (const either of [model, merged]) {
          const y = either.apply(generatedImage(inputs), { training: false }) as tf.Tensor4D;
          expectFirst(tf.transpose(y, [0, 3, 1, 2]).dataSync(), out, 1e-5 * Math.max(...out.map(Math.abs)));
          expect(norm(y)).to.be.closeTo(outL2, 1e-5 * outL2);
          expect(total(y)).to.be.closeTo(outSum, 1e-5 * outL2);
        }
      });
      for (const each of [plain, model, merged]) each.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});

describe('the weight methods against the official modules', () => {
  for (const [name, shape, groups, first, l2, sum] of WEIGHT) {
    it(`${name} of [${shape}]${groups ? ` in ${groups} groups` : ''}`, async () => {
      const tensors = tf.memory().numTensors;
      const [rows, perGroup, size] = shape;
      const kind = perGroup === 1 ? 'dw' : 'dense';
      const inputs = kind === 'dw' ? rows : perGroup;
      const plain = convolutionModel({
        kind,
        inputs,
        outputs: rows,
        kernel: size,
        stride: 1,
        groups: 1,
        batchNorm: false,
      });
      const [v] = [...generatedState([['weight', shape]]).values()];
      const value = tf.tensor(v?.data as Float32Array, shape);
      const kernel = tf.transpose(value, kind === 'dw' ? [2, 3, 0, 1] : [2, 3, 1, 0]);
      plain.layers.at(-1)?.setWeights([kernel]);
      const method = name === 'OWN' ? own({ rowsPerGroup: rows / groups }) : { WN: wn, CWN: cwn }[name]();
      const model = await reparameterize(plain, method, { select: () => true });
      const [layer] = reparameterizedLayers(model) as [ReparameterizedLayer];
      const magnitude = layer.weights.find(({ originalName }) => originalName.endsWith('weight_g'));
      tf.tidy(() => {
        const g = Float32Array.from(uniform('weight_g', rows), (u) => 0.5 + u);
        (magnitude as unknown as { val: tf.Variable } | undefined)?.val.assign(tf.tensor(g, [1, rows]));
        const torch = torchLayout(layer.mergedWeights().kernel, kind);
        const tolerance = name === 'OWN' ? 1e-4 : 1e-5;
        expectFirst(torch.dataSync(), first, tolerance * Math.max(...first.map(Math.abs)));
        expect(norm(torch)).to.be.closeTo(l2, tolerance * l2);
        expect(total(torch)).to.be.closeTo(sum, tolerance * l2);
      });
      for (const each of [plain, model, value, kernel]) each.dispose();
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});
