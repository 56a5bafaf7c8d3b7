/** Worker of the benchmark of methods: a network as it is, or re-parameterised, in compiled steps. */

import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import { buildMethod, reparameterize } from '@refconv/refconv';
import { contestantOf } from './contestant.js';

/** Which network, how it is fed, and by which method it is trained: an id of packages/refconv, or `plain`. */
export interface MethodSetting {
  network: string;
  variant: 'cifar' | 'imagenet';
  inputSize: number;
  classes: number;
  batch: number;
  method: string;
}

await serve(async ({ network, variant, inputSize, classes, ...setting }: MethodSetting) => {
  const plain = buildBackbone(network, { variant, inputSize, classes });
  const batch = { ...setting, inputSize, classes };
  if (setting.method === 'plain') return contestantOf(plain, batch);
  const model = await reparameterize(plain, buildMethod(setting.method), { start: 'scratch' });
  plain.dispose();
  return contestantOf(model, batch);
});
