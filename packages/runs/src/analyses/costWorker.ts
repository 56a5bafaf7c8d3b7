/** A process that does training steps of a cost's network on random images, when it is told: `node costWorker.js '{"root": …, "spec": …}'`. */
import { cost, trainingCost } from '@refconv/analysis';
import { serve } from '@refconv/analysis/measurement/serve';
import { importAgain } from '@refconv/files';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';
import type { SymbolicTensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Spec } from '../spec.js';
import { costModel } from './cost.js';

await serve(async ({ root, spec }: { root: string; spec: Spec }) => {
  const { recipe } = spec;
  await importAgain(spec.imports, import.meta.url);
  const model = await costModel(root, spec);
  const [input] = model.inputs as [SymbolicTensor];
  const [, height, width, channels] = input.shape as [null, number, number, number];
  const program = classifier(model, recipe);
  const images: Tensor4D = tf.randomNormal([recipe.batchSize, height, width, channels], 0, 1, 'float32', 1);
  const labels: Tensor1D = tf.zeros([recipe.batchSize], 'int32');
  const seed = tf.tensor1d([1, 2], 'int32');
  return {
    parameters: trainingCost(model).trainable,
    multiplyAdds: cost(model).macs,
    step: () => {
      const loss = program.train(images, labels, 1e-3, seed);
      const [value] = loss.dataSync();
      loss.dispose();
      return value as number;
    },
  };
});
