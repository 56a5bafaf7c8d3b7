/** Worker of the contestants `compiled` and `eager`: the same function, with and without compile(). */

import { serve } from '@refconv/analysis/measurement/serve';
import { mobilenetv1 } from '@refconv/backbones';
import { contestantOf } from './contestant.js';
import { multiplyAdds } from './network.js';
import type { Setting } from './protocol.js';

await serve((setting: Setting) => {
  const { variant, inputSize, classes, width } = setting;
  const model = mobilenetv1({ variant, inputSize, classes, width });
  return contestantOf(model, setting, { multiplyAdds: multiplyAdds(model), eager: process.argv[3] === 'eager' });
});
