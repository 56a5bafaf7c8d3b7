/** Worker of the benchmark of optimisers: a network in compiled training steps by a recipe. */
import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import type { Recipe } from '@refconv/training';
import { contestantOf } from './contestant.js';

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
  return contestantOf(model, { batch, inputSize, classes }, { recipe });
});
