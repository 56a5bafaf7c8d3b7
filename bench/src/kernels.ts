/** `npm run bench:kernels`: dilated depthwise convolution against the undilated one of the same size, and resizing against TensorFlow's. */

import { bilinearResize } from '@refconv/layers';
import { compile, tf } from '@refconv/tensorflow';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';

const ROUNDS = 15;

type Contestant = (...inputs: Tensor4D[]) => Tensor;
type Shape = [number, number, number, number];

interface Comparison {
  name: string;
  /** The shapes of what the contestants take. */
  inputs: Shape[];
  /** The first is the one to compare with. */
  contestants: Record<string, Contestant>;
}

const depthwise =
  (dilation: number): Contestant =>
  (...[x, kernel]) =>
    tf.depthwiseConv2d(x as Tensor4D, kernel as Tensor4D, 1, 'same', 'NHWC', dilation);

const convolutions = (name: string, [h, w, c]: [number, number, number], size: number): Comparison => ({
  name,
  inputs: [
    [8, h, w, c],
    [size, size, c, 1],
  ],
  contestants: { undilated: depthwise(1), 'dilated by 2': depthwise(2) },
});

const COMPARISONS: Comparison[] = [
  convolutions('MobileNetV1 at 360×480', [23, 30, 1024], 3),
  convolutions('MobileNetV1 ×0.25 at 360×480', [23, 30, 256], 3),
  convolutions('MobileNetV3-L at 360×480', [23, 30, 960], 5),
  {
    name: 'logits 45×60 to 360×480, 11 classes',
    inputs: [[8, 45, 60, 11]],
    contestants: {
      TensorFlow: (...[x]) => tf.image.resizeBilinear(x as Tensor4D, [360, 480], false, true),
      'packages/layers': (...[x]) => bilinearResize(x as Tensor4D, [360, 480]),
    },
  },
];

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

/** Milliseconds of a call, the mean over as many as take a tenth of a second. */
function time(call: () => void): number {
  const start = performance.now();
  let calls = 0;
  do call();
  while (++calls && performance.now() - start < 100);
  return (performance.now() - start) / calls;
}

for (const { name, inputs, contestants } of COMPARISONS) {
  const given = inputs.map((shape) => tf.randomNormal(shape) as Tensor4D);
  console.log(`${name}: [${inputs.join('], [')}]`);
  const programs = Object.values(contestants).map((f) =>
    compile({
      forward: (...given: Tensor4D[]) => tf.sum(f(...given)),
      both: (...given: Tensor4D[]) =>
        tf
          .grads((...x) => tf.sum(tf.square(f(...(x as Tensor4D[])))))(given)
          .map((gradient) => tf.sum(gradient)),
    }),
  );
  for (const kind of ['forward', 'both'] as const) {
    const times = programs.map(() => [] as number[]);
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [i, program] of programs.entries()) {
        const taken = time(() => tf.dispose(program[kind](...given)));
        // The first round warms up.
        if (round > 0) times[i]?.push(taken);
      }
    }
    const [base = [], own = []] = times;
    const ratios = own.map((value, round) => value / (base[round] as number));
    const labels = Object.keys(contestants).map((label, i) => `${label} ${median(times[i] as number[]).toFixed(2)} ms`);
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    const what = kind === 'both' ? 'with gradients' : 'forward';
    console.log(`  ${what}: ${labels.join(', ')}; ratio ${median(ratios).toFixed(2)} (${range})`);
  }
  for (const program of programs) program.dispose();
  tf.dispose(given);
}
