/**
 * A training in a process of its own, which the tests kill: `node train.js FOLDER EPOCHS [STEPS BETWEEN CHECKPOINTS]`.
 * Prints the number of each step, and at the end the hash of the weights.
 */
import { writeSync } from 'node:fs';
import { fit } from '../fit.js';
import { tinyData, tinyModel, tinyRecipe, weightsHash } from './tiny.js';

const [folder, epochs, steps = '3'] = process.argv.slice(2);
const data = tinyData();
const model = tinyModel();
const { stopped, step } = await fit({
  model,
  data,
  recipe: tinyRecipe({ epochs: Number(epochs), resetMomentumAfterWarmUp: true }),
  folder: folder as string,
  checkpointEvery: { steps: Number(steps) },
  stopOnInterrupt: true,
  showProgress: false,
  log: () => {},
  onStep: (done) => {
    writeSync(1, `step ${done}\n`);
  },
});
writeSync(1, stopped ? `stopped ${step}\n` : `weights ${weightsHash(model)}\n`);
