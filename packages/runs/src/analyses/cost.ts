/** What a training step costs: counted, and measured in this process, which does nothing else. */
import { cost, stepCost, trainingCost } from '@refconv/analysis';
import { spread } from '@refconv/analysis/statistics';
import { merge } from '@refconv/refconv';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import type { LayersModel, SymbolicTensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { startingModel } from '../network.js';
import type { AnalysisRow } from '../result.js';
import type { Spec } from '../spec.js';
import type { Analyse } from './analyse.js';

/** Shapes of the sets, so that no image is needed. */
const SETS: Record<string, { classes: number; height: number }> = {
  imagenet: { classes: 1000, height: 224 },
  cifar10: { classes: 10, height: 32 },
  cifar100: { classes: 100, height: 32 },
  synthetic: { classes: 10, height: 32 },
};

/** Steps before those that are measured: the first builds the graph. */
const WARM_UP = 2;

export const analyseCost: Analyse<'cost'> = async ({ root, spec, analysis: { steps }, signal }) => {
  const set = SETS[spec.data.name];
  if (!set)
    throw new RangeError(`The cost of ${spec.data.name} is not known: choose of ${Object.keys(SETS).join(', ')}.`);
  const { classes, height } = set;
  const model = await startingModel(root, spec, { classes, height: spec.data.size ?? height });
  try {
    const training = trainingCost(model);
    const step = stepCost(model, spec.recipe.batchSize);
    const plain = spec.method ? await merge(model) : model;
    const { trainable, macs } = cost(plain);
    if (plain !== model) plain.dispose();
    const measured = steps === 0 ? {} : await measure(model, spec, steps, signal);
    return (
      measured && [
        {
          batch_size: spec.recipe.batchSize,
          parameters_in_training: training.trainable,
          parameters: trainable,
          macs_of_image: macs,
          macs_of_image_in_training: training.macs.image,
          macs_once_a_step: training.macs.step,
          flops_per_step: step.total,
          flops_of_weights: step.weights,
          ...measured,
        },
      ]
    );
  } finally {
    model.dispose();
  }
};

/** The median, least and largest time of a training step on random images, and the process's largest memory. */
async function measure(
  model: LayersModel,
  { recipe }: Spec,
  steps: number,
  signal?: AbortSignal,
): Promise<AnalysisRow | undefined> {
  const [input] = model.inputs as [SymbolicTensor];
  const [, height, width, channels] = input.shape as [null, number, number, number];
  const program = classifier(model, recipe);
  const images: Tensor4D = tf.randomNormal([recipe.batchSize, height, width, channels], 0, 1, 'float32', 1);
  const labels: Tensor1D = tf.zeros([recipe.batchSize], 'int32');
  const seed = tf.tensor1d([1, 2], 'int32');
  const times: number[] = [];
  try {
    for (let step = 0; step < WARM_UP + steps; step++) {
      if (signal?.aborted) return undefined;
      const begin = performance.now();
      const loss = await program.train.async(images, labels, 1e-3, seed);
      loss.dataSync();
      loss.dispose();
      if (step >= WARM_UP) times.push(performance.now() - begin);
    }
  } finally {
    tf.dispose([images, labels, seed]);
    program.dispose();
  }
  const { median, min, max } = spread(times);
  const short = (time: number) => Number(time.toFixed(2));
  return {
    milliseconds: short(median),
    milliseconds_least: short(min),
    milliseconds_largest: short(max),
    peak_memory: 1024 * process.resourceUsage().maxRSS,
  };
}
