/** Worker of the contestants `compiled` and `eager`: the same function, with and without compile(). */

import { serve } from '@refconv/analysis/measurement/serve';
import { buildBackbone } from '@refconv/backbones';
import { contestantOf } from './contestant.js';
import type { Setting } from './protocol.js';

await serve((setting: Setting) => {
  const { network, variant, inputSize, classes, width } = setting;
  const model = buildBackbone(network, { variant, inputSize, classes, ...(width !== 1 && { width }) });
  return contestantOf(model, setting, { eager: process.argv[3] === 'eager' });
});
