/** Recipes by name, each with its source and with what of it is not here. Plain values, without TensorFlow. */
import { OFFICIAL_CODE_RECIPE, PAPER_RECIPE, type Recipe } from '../recipe.js';

/** A recipe as `refconv recipe NAME` prints it, and as a file may have it. */
export interface NamedRecipe {
  about: string;
  source: string;
  /** What the source has, and this has not or has otherwise. */
  differences: readonly string[];
  recipe: Omit<Recipe, 'seed'>;
  /** How training images in files are changed, with SIZE and NORMALIZE for what the test images' transform has. */
  transform?: string;
}

const without = ({ seed: _, ...recipe }: Recipe): Omit<Recipe, 'seed'> => recipe;
const paper = without(PAPER_RECIPE);
const plain = { nesterov: false, resetMomentumAfterWarmUp: false };
const network = 'Dropout and stochastic depth are the network’s options, not the recipe’s';

export const RECIPES: Readonly<Record<string, NamedRecipe>> = {
  paper: {
    about: 'RefConv’s paper: SGD, 5 epochs of warm-up, a cosine over 100',
    source: 'arXiv 2310.10563, section 4.1',
    differences: ['Where warm-up and cosine start and end the paper does not say: the official code’s values'],
    recipe: paper,
  },
  official: {
    about: 'RefConv’s official code: batch 512, a new optimiser after the warm-up',
    source: 'github.com/Aiolus-X/RefConv',
    differences: [],
    recipe: without(OFFICIAL_CODE_RECIPE),
  },
  cifar: {
    about: 'ResNet’s on CIFAR-10: SGD, batch 128, the rate divided by 10 twice',
    source: 'He et al., arXiv 1512.03385, section 4.2',
    differences: ['64,000 steps are 164 epochs, and 32,000 and 48,000 are the ends of epochs 82 and 123'],
    recipe: {
      ...paper,
      ...{ epochs: 164, batchSize: 128, warmUpEpochs: 0, warmUpStart: 0, finalLearningRate: 0, weightDecay: 1e-4 },
      schedule: { id: 'milestones', epochs: [82, 123], factor: 0.1 },
    },
  },
  convnext: {
    about: 'ConvNeXt-T’s: AdamW, batch 4096 by accumulation, mixup and cutmix, averages of the weights',
    source: 'Liu et al., arXiv 2201.03545, appendix A; github.com/facebookresearch/ConvNeXt, main.py and TRAINING.md',
    differences: [
      network,
      'RandAugment of a fixed magnitude: there it varies by 0.5, and grows in strength for all operations',
      'Erased rectangles are filled with the mean, there with noise',
      'An image is mixed with the one before it, there with that at the same place from the batch’s end',
    ],
    recipe: {
      ...{ epochs: 300, batchSize: 128, accumulate: 32, dropLast: true, learningRate: 4e-3 },
      ...{ warmUpEpochs: 20, warmUpStart: 0, finalLearningRate: 1e-6, momentum: 0, ...plain },
      ...{ weightDecay: 0.05, decayNormsAndBiases: false, labelSmoothing: 0.1 },
      optimiser: { id: 'adamw' },
      averaging: { decay: 0.9999 },
      augment: { crop: 0, flip: true, mixup: 0.8, cutmix: 1 },
    },
    transform: 'randomResizedCrop(SIZE,interpolation=bicubic)|flip|randAugment(2,9)|NORMALIZE|randomErasing(0.25)',
  },
  efficientnet: {
    about: 'EfficientNet’s: TensorFlow’s RMSprop, the rate times 0.97 every 2.4 epochs, averages of the weights',
    source: 'Tan and Le, arXiv 1905.11946, section 5.2; github.com/tensorflow/tpu, models/official/efficientnet',
    differences: [
      network,
      'RandAugment in place of AutoAugment',
      'Batch 128 by accumulation to 4096: batch norms see 128 images, there a core’s share',
      'Label smoothing, ε 0.001 and the warm-up are the code’s; the paper does not say',
    ],
    recipe: {
      ...{ epochs: 350, batchSize: 128, accumulate: 32, dropLast: true, learningRate: 0.256 },
      ...{ warmUpEpochs: 5, warmUpStart: 0, finalLearningRate: 0, momentum: 0.9, ...plain },
      ...{ weightDecay: 1e-5, decayNormsAndBiases: false, labelSmoothing: 0.1 },
      optimiser: { id: 'rmsprop-tf', options: { decay: 0.9, epsilon: 1e-3 } },
      averaging: { decay: 0.9999, warmUp: true },
      schedule: { id: 'step', every: 2.4, factor: 0.97, countWarmUp: true },
      augment: { crop: 0, flip: true },
    },
    transform: 'randomResizedCrop(SIZE,interpolation=bicubic)|flip|randAugment(2,9)|NORMALIZE',
  },
  mobilenetv3: {
    about: 'MobileNetV3’s: TensorFlow’s RMSprop, the rate times 0.99 every 3 epochs, averages of the weights',
    source: 'Howard et al., arXiv 1905.02244, section 6.1.1',
    differences: [
      network,
      'The paper does not say how many epochs, nor ε and the warm-up: 600 as torchvision’s training, 0.002, and 5 epochs',
      'Batch 128 by accumulation to 4096: batch norms see 128 images, as the paper’s cores did',
      'Inception’s changes of colour by a transform’s jitter',
    ],
    recipe: {
      ...{ epochs: 600, batchSize: 128, accumulate: 32, dropLast: true, learningRate: 0.1 },
      ...{ warmUpEpochs: 5, warmUpStart: 0, finalLearningRate: 0, momentum: 0.9, ...plain },
      ...{ weightDecay: 1e-5, decayNormsAndBiases: true, labelSmoothing: 0 },
      optimiser: { id: 'rmsprop-tf', options: { decay: 0.9, epsilon: 0.002 } },
      averaging: { decay: 0.9999, warmUp: true },
      schedule: { id: 'step', every: 3, factor: 0.99, countWarmUp: true },
      augment: { crop: 0, flip: true },
    },
    transform: 'randomResizedCrop(SIZE)|flip|colorJitter(0.125,0.5,0.5,0.2)|NORMALIZE',
  },
  a3: {
    about:
      'timm’s short one, “ResNet strikes back” A3: LAMB, binary cross entropy, mixup and cutmix, for images of 160 pixels',
    source: 'Wightman et al., arXiv 2110.00476, table 2, procedure A3',
    differences: [
      'RandAugment of magnitude 6, which there varies by 0.5 and grows in strength for all operations',
      'Batch 128 by accumulation to 2048: batch norms see 128 images',
      'Train with --input-size 160 and evaluate at 224: the test transform "resize(236)|centerCrop(224)|…" is not changed by itself',
      'Where the warm-up starts and the cosine ends is not said: 1e-6',
    ],
    recipe: {
      ...{ epochs: 100, batchSize: 128, accumulate: 16, dropLast: true, learningRate: 8e-3 },
      ...{ warmUpEpochs: 5, warmUpStart: 1e-6, finalLearningRate: 1e-6, momentum: 0, ...plain },
      ...{ weightDecay: 0.02, decayNormsAndBiases: false, labelSmoothing: 0 },
      optimiser: { id: 'lamb' },
      loss: { id: 'binary-cross-entropy', threshold: 0.2 },
      augment: { crop: 0, flip: true, mixup: 0.1, cutmix: 1 },
    },
    transform: 'randomResizedCrop(SIZE,interpolation=bicubic)|flip|randAugment(2,6)|NORMALIZE',
  },
};
