/** The fields of a spec. */
import { ATTACKS } from '@refconv/analysis/robustness/attacks';
import { BACKBONES } from '@refconv/backbones';
import { DATASETS } from '@refconv/datasets';
import { METHODS } from '@refconv/refconv';
import { specRecipeSchema as recipeSchema } from '@refconv/training/recipe';
import { z } from 'zod';
import { CLASSIFICATION, TASKS } from './tasks/registry.js';

/** Raised when changed code changes what runs result in: the runs of before then have other names. What changed: docs/experiments.md. */
export const RESULTS_VERSION: number = 2;

export { recipeSchema };

const count = z.int().min(1);
const share = z.number().min(0).max(1);

/** An id of a registry, those of a user's own included that are there by then. */
const registered = (registry: { ids(): string[] }) =>
  z.string().check(({ value: input, issues }) => {
    const values = registry.ids();
    if (!values.includes(input)) issues.push({ code: 'invalid_value', values, input });
  });

export const networkSchema = z.strictObject({
  /** Of packages/backbones. */
  id: registered(BACKBONES),
  variant: z.enum(['imagenet', 'cifar']).optional(),
  width: z.number().positive().optional(),
  activation: z.enum(['relu', 'relu6']).optional(),
  dropout: share.optional(),
  stochasticDepth: share.optional(),
  /** Height and width of images in memory that data.transform makes of another size; left out: their own. */
  inputSize: count.optional(),
});

/** What the network is for, where that is not classification. */
export const taskSchema = z.strictObject({
  id: registered({ ids: () => TASKS.ids().filter((id) => id !== CLASSIFICATION) }),
  /** Of segmentation. */
  head: z.enum(['lraspp', 'fcn', 'deeplabv3']).optional(),
  /** Of segmentation. */
  outputStride: z.union([z.literal(8), z.literal(16), z.literal(32)]).optional(),
  /** Of segmentation by fcn and deeplabv3: a second loss. Left out: none. */
  auxiliary: z.boolean().optional(),
});

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A file of a user's own, which registers what the spec names: see docs/own.md. */
export const importSchema = z.strictObject({
  /** As it was given: relative to where the launcher is started. */
  file: z.string(),
  /** Of the file; another one is refused. */
  sha256,
});

/** A file of weights that a training starts from. */
export const weightsSchema = z.strictObject({
  /** A path, or a name in the folder `weights` of REFCONV_DATA. */
  file: z.string(),
  /** Of the file; another one is refused. */
  sha256,
  /** Whether W_b is added to its map, of weights with W_r that do not say it; left out: it is. */
  identity: z.boolean().optional(),
});

/** A model folder, which a training starts or learns from. */
export const modelSchema = z.strictObject({
  folder: z.string(),
  /** Of its files; others are refused. */
  sha256,
});

const channelNumbers = z.array(z.number()).min(1);

export const dataSchema = z.strictObject({
  name: registered(DATASETS),
  /** Where it lies; left out: looked for in REFCONV_DATA and the cache. */
  folder: z.string().optional(),
  /** Training images, chosen at random, the same ones for every seed; left out: all. */
  train: count.optional(),
  /** Test images, the first ones, of files some at random; left out: all. */
  test: count.optional(),
  /** Height and width; of the synthetic set, and of images in files what they are cropped to. */
  size: count.optional(),
  /** Of sets with label images or boxes: height and width to which images are resized; left out: their own, of boxes 320×320. */
  imageSize: z.tuple([count, count]).optional(),
  /** So many images, none of which is trained on, are held out of the training set and take the place of the test images: all numbers of the run are of them. */
  validation: count.optional(),
  /** So many training images are held out, and evaluated after each epoch; the test images are evaluated once, at the end. Not together with `validation`. */
  holdOut: count.optional(),
  /** What is subtracted from each channel, where 255 is 1, and what it is then divided by; left out: those of the model folder or the weights, else of the set. */
  mean: channelNumbers.optional(),
  std: channelNumbers.optional(),
  /** How training images are changed, in place of recipe.augment: see docs/data.md. Left out: for files the paper's. */
  transform: z.string().optional(),
  /** How test images in files are prepared; left out: as for the network's published weights. */
  testTransform: z.string().optional(),
  /** Leaves out files that cannot be read, and boxes that are wrong, and tells it; left out: a run fails by them. */
  skipBroken: z.boolean().optional(),
});

export const methodSchema = z.strictObject({
  id: registered(METHODS),
  /** Of the method; a seed is none of them, as the run's is the method's too. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  start: z.enum(['pretrained', 'scratch']).default('pretrained'),
  /** Of segmenters and detectors: in the spatial convolutions of heads and extra maps too; left out: in those of the backbone. */
  everywhere: z.boolean().optional(),
  /** Only convolutions whose names match this regular expression; left out: all spatial ones. */
  select: z.string().optional(),
  withoutBatchNorm: z.enum(['refuse', 'bias']).default('refuse'),
});

/** The first so many channels of each layer; null: all. */
const channels = count.nullable().default(64);

/** Which share of the points or images: i of n, counted from 1. */
const part = z.strictObject({ i: count, n: count }).default({ i: 1, n: 1 });

/** What is done with the final model of another run, or for `cost` with the network itself, in place of training. */
export const analysisSchema = z.discriminatedUnion('id', [
  z.strictObject({ id: z.literal('connectivity'), channels }),
  z.strictObject({ id: z.literal('redundancy'), channels }),
  z.strictObject({ id: z.literal('skeletons') }),
  z.strictObject({
    id: z.literal('landscape'),
    /** Along each axis. */
    points: count,
    /** The grid goes from −range to range in both directions. */
    range: z.number().positive().default(1),
    /** The first so many of the images that the network was trained on; null: all. */
    images: count.nullable(),
    part,
  }),
  z.strictObject({
    id: z.literal('robustness'),
    attack: z.enum(ATTACKS).default('pgd'),
    /** Of pgd and apgd. */
    steps: count.default(20),
    /** Where pgd and fgsm start: at the image, or anywhere within eps, as follows from the run's seed and the image. */
    start: z.enum(['none', 'random']).default('none'),
    /** In 1/255, rising; 0 is the image itself. */
    eps: z.array(z.number().min(0)).min(1).default([0, 0.25, 0.5, 1, 2, 4, 8]),
    /** Halvings of the interval in which an image breaks. */
    bisections: z.int().min(0).default(4),
    /** The first so many of the test images; null: all. */
    images: count.nullable(),
    part,
  }),
  z.strictObject({
    id: z.literal('cost'),
    /** Rounds, in each of which the network and the plain one step in turn; 0: the cost is counted, not measured. */
    steps: z.int().min(0),
  }),
]);

export const specSchema = z.strictObject({
  resultsVersion: z.literal(RESULTS_VERSION).default(RESULTS_VERSION),
  /** Files that are imported before the run; left out: those which registered what the spec names, or none. */
  imports: z.array(importSchema).min(1).optional(),
  network: networkSchema,
  /** Left out: classification. */
  task: taskSchema.optional(),
  data: dataSchema,
  /** What the network starts from, where that is no other run: of a classifier's weights a segmenter or detector takes the body. Left out: initial weights. */
  weights: weightsSchema.optional(),
  /** In place of weights: a model folder. The rest of `network` is what is known of it. */
  model: modelSchema.optional(),
  /** Keeps the body of what it starts from, and begins with a head for the data's classes. Left out: where their number is another. */
  newHead: z.boolean().optional(),
  /** The run whose final model this one starts from, by its hash; null: initial weights. */
  from: sha256.nullable().default(null),
  /** The run whose final model this one learns from, by recipe.distillation, or a model folder; left out: none. */
  teacher: z.union([sha256, modelSchema]).optional(),
  /** Null: the plain network. */
  method: methodSchema.nullable().default(null),
  /** Batch norms keep their statistics, scale and shift, and normalise by them in training too. */
  freezeBatchNorm: z.boolean().default(false),
  recipe: recipeSchema,
  /** Of all that the run draws: initial weights, those of the method, the images' order and augmentation, dropout, a landscape's directions, an attack's starts. */
  seed: z.int().min(0),
  /** On a CPU, the threads that an operation is split among, which its last bits depend on; null: on a GPU. */
  threads: count.nullable(),
  /** That train it together, each with a share of every batch: docs/cluster.md. Left out: one. */
  processes: z.int().min(2).optional(),
  /** Left out: the run is a training. The rest of an analysis's spec is that of the network that it is about. */
  analysis: analysisSchema.optional(),
});

/** Of a model folder that does not say which network it is. */
export const UNKNOWN_NETWORK = 'unknown';
/** A spec that starts from a model folder: its network need not be one of this project's. */
export const modelSpecSchema = specSchema.extend({
  network: networkSchema.extend({ id: registered({ ids: () => [...BACKBONES.ids(), UNKNOWN_NETWORK] }) }),
});

export type Analysis = z.output<typeof analysisSchema>;
export type Spec = z.output<typeof specSchema>;
export type SpecInput = z.input<typeof specSchema>;
export type Hash = string;
