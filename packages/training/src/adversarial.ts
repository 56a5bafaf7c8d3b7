/** Adversarial training: images that are attacked before each step, by FGSM with a random start (Wong, Rice and Kolter, "Fast is better than free", 2020). */
import type { Statistics } from '@refconv/datasets';
import { logitsOf } from '@refconv/layers';
import { logitMargin, statelessUniform, tf } from '@refconv/tensorflow';
import type { LayersModel, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Adversarial } from './recipe.js';

export interface AttackedImages {
  /** How the images are normalised, so that eps is one of pixels. */
  pixels?: Statistics;
  /** Of the random start: another one for each step. */
  seed?: Tensor1D;
}

/** Tells the draw of starts from those of dropout, which count from the same seed. */
const PLACE = 0x6a09e667;

/**
 * Images of which each pixel is moved by at most eps, and stays one, so that the network is wronger about them. The attack sees the network in
 * evaluation mode, as TRADES' does: batch norms keep their statistics, and nothing is dropped.
 * @param images [n, h, w, c], normalised by mean and std.
 * @param labels class numbers, int32 [n].
 * @throws Error where labels are mixed, or the normalisation or the seed is missing.
 * @example
 * ```ts
 * const attacked = adversarialImages(model, images, labels, { eps: 8 }, { pixels: { mean, std } });
 * ```
 */
export function adversarialImages(
  model: LayersModel,
  images: Tensor4D,
  labels: Tensor1D | Tensor2D,
  { eps, step = 1.25 * eps }: Adversarial,
  { pixels, seed }: AttackedImages,
): Tensor4D {
  if (!seed || !pixels) {
    throw new Error(
      'Adversarial training starts at random in the ball of pixels: it needs a seed for each step, and how the images are normalised (pixels).',
    );
  }
  const { mean, std } = pixels;
  if (labels.rank !== 1)
    throw new Error(
      'Adversarial training needs one label for each image: leave mixup and cutmix out of the transform.',
    );
  return tf.tidy(() => {
    const inChannels = (value: (mean: number, std: number) => number) =>
      tf.tensor1d(mean.map((each, c) => value(each, std[c] as number)));
    const [black, white] = [inChannels((mean, std) => -mean / std), inChannels((mean, std) => (1 - mean) / std)];
    const [radius, stride] = [eps, step].map((size) => inChannels((_, std) => size / 255 / std)) as [Tensor, Tensor];
    const [low, high] = [tf.maximum(tf.sub(images, radius), black), tf.minimum(tf.add(images, radius), white)];
    const project = (x: Tensor) => tf.minimum(tf.maximum(x, low), high);
    const place = tf.add(seed, tf.tensor1d([PLACE, 0], 'int32')) as Tensor1D;
    const start = project(tf.add(images, tf.mul(radius, statelessUniform(images.shape, place, -1, 1))));
    const margin = (x: Tensor) => tf.sum(logitMargin(logitsOf(model, x), labels as Tensor1D));
    return project(tf.add(start, tf.mul(stride, tf.sign(tf.grad(margin)(start))))) as Tensor4D;
  });
}
