/** Worker of the benchmark of optimisers: a network in compiled training steps by a recipe. */
import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import { tf } from '@refconv/tensorflow';
import { classifier, PAPER_RECIPE, type Recipe } from '@refconv/training';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { multiplyAdds } from './network.js';

/** Which network, how it is fed, and what of the recipe is another than the paper's. */
export interface OptimiserSetting {
  network: string;
  width?: number;
  inputSize: number;
  batch: number;
  recipe: Partial<Recipe>;
}

await serve(({ network, width, inputSize, batch, recipe }: OptimiserSetting) => {
  const cifar = inputSize < 64;
  const classes = cifar ? 10 : 1000;
  const variant = cifar ? ('cifar' as const) : ('imagenet' as const);
  const model = buildBackbone(network, { variant, inputSize, classes, ...(width !== undefined && { width }) });
  const program = classifier(model, { ...PAPER_RECIPE, ...recipe });
  const images: Tensor4D = tf.randomNormal([batch, inputSize, inputSize, 3], 0, 1, 'float32', 1);
  const labels = tf.tensor1d(
    Array.from({ length: batch }, (_, i) => i % classes),
    'int32',
  ) as Tensor1D;
  const seed = tf.tensor1d([1, 2], 'int32');
  return {
    parameters: model.trainableWeights.reduce(
      (sum, { shape }) => sum + shape.reduce<number>((n, size) => n * (size ?? 1), 1),
      0,
    ),
    multiplyAdds: multiplyAdds(model),
    step: () => {
      const loss = program.train(images, labels, 1e-4, seed);
      const [value] = loss.dataSync();
      loss.dispose();
      return value as number;
    },
  };
});
