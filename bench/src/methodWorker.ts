/** Worker of the benchmark of methods: a network as it is, or re-parameterised, in compiled steps. */

import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import { buildMethod, reparameterize, reparameterizedLayers } from '@refconv/refconv';
import { contestantOf } from './contestant.js';
import { multiplyAdds } from './network.js';

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
  const counted = multiplyAdds(plain);
  if (setting.method === 'plain') return contestantOf(plain, batch, { multiplyAdds: counted });
  const model = await reparameterize(plain, buildMethod(setting.method), { start: 'scratch' });
  const added = reparameterizedLayers(model).reduce((sum, layer) => {
    const { image, step } = layer.trainingMacs();
    const [kernel] = plain.getLayer(layer.name).weights.map(({ shape }) => shape as number[]);
    const [, height, width] = layer.outputShape as number[];
    const before = (kernel ?? []).reduce((product, size) => product * size, (height as number) * (width as number));
    return sum + image - before + step / batch.batch;
  }, 0);
  plain.dispose();
  return contestantOf(model, batch, { multiplyAdds: counted + added });
});
