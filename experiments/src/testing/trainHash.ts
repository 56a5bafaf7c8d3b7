/** Trains a little and prints a hash of every weight, for the test that two processes agree to the last bit. */
import { createHash } from 'node:crypto';
import { mobilenetv1 } from '@refconv/backbones';
import { batches, channelStatistics, syntheticDataset } from '@refconv/datasets';
import { tf } from '@refconv/tensorflow';
import { classifier } from '@refconv/training';

const { train } = syntheticDataset({ train: 320, test: 10, seed: 3 });
const model = mobilenetv1({ variant: 'cifar', width: 0.25, seed: 1 });
const program = classifier(model, { momentum: 0.9, weightDecay: 5e-4, decayNormsAndBiases: true, labelSmoothing: 0 });
for (const { images, labels } of batches(train, {
  batchSize: 32,
  ...channelStatistics(train),
  seed: 1,
  epoch: 0,
  shuffle: true,
})) {
  program.train(tf.tensor4d(images, [32, 32, 32, 3]), tf.tensor1d(labels, 'int32'), 0.05);
}
const hash = createHash('sha256');
for (const weight of model.getWeights())
  hash.update(new Uint8Array((weight.dataSync() as Float32Array).slice().buffer));
process.stdout.write(hash.digest('hex'));
