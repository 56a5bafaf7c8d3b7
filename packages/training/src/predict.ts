/** What a network makes of each image of a split. */
import type { ImageSplit, Loader } from '@refconv/datasets';
import { compile, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { CompileChoice } from './classifier.js';
import { type Normalisation, nothingRead, testFeed } from './feed.js';
import type { Prediction } from './predictions.js';

/**
 * Predictions in evaluation mode, in the order of the split.
 * @param model images [n, h, w, c] to logits [n, classes].
 */
export async function predict(
  model: LayersModel,
  split: ImageSplit | Loader,
  { eager, ...normalisation }: Normalisation & CompileChoice,
): Promise<Prediction[]> {
  const classify = (images: Tensor4D) => {
    const logits = model.apply(images, { training: false }) as Tensor2D;
    return { prediction: tf.argMax(logits, 1) as Tensor1D, confidence: tf.max(tf.softmax(logits), 1) as Tensor1D };
  };
  const program = compile({ classify }, { eager });
  const feed = testFeed(split, normalisation);
  const found: Prediction[] = [];
  try {
    for await (const batch of feed.epoch(0, 0)) {
      const images = tf.tensor4d(batch.images, [batch.size, ...feed.shape]);
      const { prediction, confidence } = await program.classify.async(images);
      const [classes, shares] = [prediction.dataSync(), confidence.dataSync()];
      for (const [i, label] of batch.labels.entries())
        found.push({ label, prediction: classes[i] as number, confidence: shares[i] as number });
      tf.dispose([images, prediction, confidence]);
    }
  } finally {
    program.dispose();
  }
  if (found.length === 0) throw nothingRead('of the images', feed);
  return found;
}
