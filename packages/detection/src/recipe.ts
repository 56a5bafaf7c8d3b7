/** How detection is trained where nothing else is said. */
import type { Recipe } from '@refconv/training';

/**
 * torchvision's recipe of ssdlite320 (SGD with momentum 0.9, weight decay 4e-5, a cosine) for a set as small as BCCD: batches of 16 and a
 * higher learning rate for their size. Images are changed by the transform.
 */
export const DETECTION_RECIPE: Readonly<Recipe> = Object.freeze({
  epochs: 120,
  batchSize: 16,
  dropLast: true,
  learningRate: 0.05,
  warmUpEpochs: 2,
  warmUpStart: 5e-5,
  finalLearningRate: 5e-6,
  momentum: 0.9,
  nesterov: false,
  resetMomentumAfterWarmUp: false,
  weightDecay: 4e-5,
  decayNormsAndBiases: true,
  labelSmoothing: 0,
  augment: {},
  seed: 1,
});

/**
 * The transforms of images and boxes for a network of this size, as torchvision's reference has them for SSDLite: a crop that shows enough of
 * some box, resized without keeping the aspect ratio and without antialiasing, and half of all mirrored. In evaluation whole images are
 * resized.
 * @param normalisation the transform's last steps, such as `normalize(imagenet)`.
 * @example
 * ```ts
 * const { train, test } = detectionTransforms([320, 320], 'normalize(imagenet)');
 * ```
 */
export function detectionTransforms([height, width]: readonly [number, number], normalisation: string) {
  const resize = `resize(${height}x${width},interpolation=opencv)`;
  return { train: `randomIouCrop|${resize}|flip|${normalisation}`, test: `${resize}|${normalisation}` };
}
