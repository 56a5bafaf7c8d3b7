/** How segmentation is trained where nothing else is said. */
import type { Recipe } from '@refconv/training';

/**
 * torchvision's reference (SGD with momentum 0.9, weight decay 1e-6 of MobileNets) for a set as small as CamVid: batches of 8 and a higher
 * learning rate, which falls by a cosine. Images are changed by the transform.
 */
export const SEGMENTATION_RECIPE: Readonly<Recipe> = Object.freeze({
  epochs: 60,
  batchSize: 8,
  dropLast: true,
  learningRate: 0.05,
  warmUpEpochs: 1,
  warmUpStart: 5e-4,
  finalLearningRate: 5e-6,
  momentum: 0.9,
  nesterov: false,
  resetMomentumAfterWarmUp: false,
  weightDecay: 1e-6,
  decayNormsAndBiases: true,
  labelSmoothing: 0,
  augment: {},
  seed: 1,
});

/**
 * The transforms of images and label images for a network of this size, as torchvision's reference has them: the short side becomes half to
 * twice the network's, a part is cut out, which padding fills up where it is smaller, and half of all are mirrored. In evaluation whole images are
 * resized.
 * @param normalisation the transform's last steps, such as `normalize(imagenet)`.
 * @example
 * ```ts
 * const { train, test } = segmentationTransforms([360, 480], 'normalize(imagenet)');
 * ```
 */
export function segmentationTransforms([height, width]: readonly [number, number], normalisation: string) {
  const side = Math.min(height, width);
  const size = `${height}x${width}`;
  return {
    train: `randomResize(${Math.ceil(side / 2)}..${2 * side})|randomCrop(${size},padIfSmaller=1)|flip|${normalisation}`,
    test: `resize(${size})|${normalisation}`,
  };
}
