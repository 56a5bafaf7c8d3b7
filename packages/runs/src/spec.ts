/** A run as a value: a spec says everything that decides its result, and its hash is its name. */
import { ATTACKS } from '@refconv/analysis/robustness/attacks';
import { BACKBONES } from '@refconv/backbones';
import { hashOf } from '@refconv/files';
import { METHODS } from '@refconv/refconv';
import { checkRecipe, type LossChoice, PAPER_RECIPE, type ScheduleChoice } from '@refconv/training/recipe';
import { distance } from 'fastest-levenshtein';
import { z } from 'zod';

export { shortHash } from './folder.js';

/** Raised when changed code changes what runs result in: the runs of before then have other names. What changed: docs/experiments.md. */
export const RESULTS_VERSION: number = 2;

const count = z.int().min(1);
const share = z.number().min(0).max(1);

export const networkSchema = z.strictObject({
  /** Of packages/backbones. */
  id: z.enum(Object.keys(BACKBONES)),
  variant: z.enum(['imagenet', 'cifar']).optional(),
  width: z.number().positive().optional(),
  activation: z.enum(['relu', 'relu6']).optional(),
  dropout: share.optional(),
  stochasticDepth: share.optional(),
});

/** What the network is for, where that is not classification. */
export const taskSchema = z.discriminatedUnion('id', [
  z.strictObject({
    id: z.literal('segmentation'),
    head: z.enum(['lraspp', 'fcn', 'deeplabv3']).optional(),
    outputStride: z.union([z.literal(8), z.literal(16), z.literal(32)]).optional(),
  }),
  z.strictObject({ id: z.literal('detection') }),
]);

/** A file of weights that a training starts from. */
export const weightsSchema = z.strictObject({
  /** A path, or a name in the folder `weights` of REFCONV_DATA. */
  file: z.string(),
  /** Of the file; another one is refused. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The sets of each task but classification, and what their images have. */
const ANNOTATED = {
  segmentation: { sets: ['camvid', 'segmentation', 'scenes'], what: 'label images' },
  detection: { sets: ['voc', 'coco', 'objects'], what: 'boxes' },
} as const;
type AnnotatedTask = keyof typeof ANNOTATED;

/** Sets that are wherever somebody put them. */
const IN_FOLDERS: readonly string[] = ['folder', 'segmentation', 'voc', 'coco'];

const DATA_SETS = [
  ...(['cifar10', 'cifar100', 'synthetic', 'imagenet', 'folder'] as const),
  ...ANNOTATED.segmentation.sets,
  ...ANNOTATED.detection.sets,
] as const;

export const dataSchema = z.strictObject({
  name: z.enum(DATA_SETS),
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
  /** How training images are changed, in place of recipe.augment: see docs/data.md. Left out: for files the paper's. */
  transform: z.string().optional(),
  /** How test images in files are prepared; left out: as for the network's published weights. */
  testTransform: z.string().optional(),
  /** Leaves out files that cannot be read, and boxes that are wrong, and tells it; left out: a run fails by them. */
  skipBroken: z.boolean().optional(),
});

export const recipeSchema = z.strictObject({
  epochs: count,
  batchSize: count,
  dropLast: z.boolean(),
  learningRate: z.number().positive(),
  /** Left out: 1. */
  refocusingRate: z.union([z.number().positive(), z.literal('matched')]).optional(),
  warmUpEpochs: z.number().min(0),
  warmUpStart: z.number().min(0),
  finalLearningRate: z.number().min(0),
  momentum: z.number().min(0).lt(1),
  nesterov: z.boolean(),
  resetMomentumAfterWarmUp: z.boolean(),
  weightDecay: z.number().min(0),
  decayNormsAndBiases: z.boolean(),
  labelSmoothing: z.number().min(0).lt(1),
  /** `mixup` and `cutmix`: α of the share by which an image is mixed with another. */
  augment: z.strictObject({
    crop: z.int().min(0),
    flip: z.boolean(),
    mixup: z.number().positive().optional(),
    cutmix: z.number().positive().optional(),
  }),
  /** Left out: SGD. What there is: docs/training.md. */
  optimiser: z
    .strictObject({ id: z.string(), options: z.record(z.string(), z.union([z.number(), z.boolean()])).optional() })
    .optional(),
  clipNorm: z.number().positive().optional(),
  accumulate: count.optional(),
  averaging: z.strictObject({ decay: z.number().min(0).lt(1), warmUp: z.boolean().optional() }).optional(),
  groups: z
    .array(
      z.strictObject({
        match: z.string(),
        rate: z.number().min(0).optional(),
        weightDecay: z.number().min(0).optional(),
      }),
    )
    .optional(),
  rateByDepth: z.number().positive().max(1).optional(),
  /** Layers whose names match are not trained. */
  freeze: z.string().optional(),
  /** Left out: a cosine. */
  schedule: z.custom<ScheduleChoice>().optional(),
  /** Left out: softmax cross entropy. */
  loss: z.custom<LossChoice>().optional(),
  /** From the run that the spec's `teacher` names. */
  distillation: z.strictObject({ weight: z.number(), temperature: z.number().optional() }).optional(),
  /** Trains on attacked images: eps and step in 1/255. */
  adversarial: z.strictObject({ eps: z.number().positive(), step: z.number().positive().optional() }).optional(),
});

export const methodSchema = z.strictObject({
  id: z.enum(Object.keys(METHODS)),
  /** Of the method; a seed is none of them, as the run's is the method's too. */
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  start: z.enum(['pretrained', 'scratch']).default('pretrained'),
  /** Of segmenters and detectors: in the spatial convolutions of heads and extra maps too; left out: in those of the backbone. */
  everywhere: z.boolean().optional(),
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
  network: networkSchema,
  /** Left out: classification. */
  task: taskSchema.optional(),
  data: dataSchema,
  /** What the network starts from, where that is no other run: of a classifier's weights a segmenter or detector takes the body. Left out: initial weights. */
  weights: weightsSchema.optional(),
  /** The run whose final model this one starts from, by its hash; null: initial weights. */
  from: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .default(null),
  /** The run whose final model this one learns from, by recipe.distillation; left out: none. */
  teacher: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** Null: the plain network. */
  method: methodSchema.nullable().default(null),
  /** Batch norms keep their statistics, scale and shift, and normalise by them in training too. */
  freezeBatchNorm: z.boolean().default(false),
  recipe: recipeSchema,
  /** Of all that the run draws: initial weights, those of the method, the images' order and augmentation, dropout, a landscape's directions, an attack's starts. */
  seed: z.int().min(0),
  /** On a CPU, the threads that an operation is split among, which its last bits depend on; null: on a GPU. */
  threads: count.nullable(),
  /** Left out: the run is a training. The rest of an analysis's spec is that of the network that it is about. */
  analysis: analysisSchema.optional(),
});

export type Analysis = z.output<typeof analysisSchema>;
export type Spec = z.output<typeof specSchema>;
export type SpecInput = z.input<typeof specSchema>;
export type Hash = string;

/**
 * A whole spec of what was given.
 * @throws RangeError naming every field that is unknown, with the nearest known name, or wrong.
 * @example
 * ```ts
 * const network = { id: 'mobilenetv1', variant: 'cifar', width: 0.25 };
 * const spec = parseSpec({ network, data: { name: 'cifar10' }, recipe: paperRecipe(), seed: 1, threads: 2 });
 * ```
 */
export function parseSpec(value: unknown): Spec {
  const spec = parse(specSchema, value, 'The spec');
  const { id, ...options } = spec.network;
  const { options: known = [] } = BACKBONES[id] ?? {};
  const wrong = Object.keys(options).find((name) => !(known as readonly string[]).includes(name));
  if (wrong)
    throw new RangeError(`The spec cannot be used: ${id} takes no option '${wrong}'; it takes ${known.join(', ')}.`);
  if (spec.data.size !== undefined && spec.data.name.startsWith('cifar'))
    throw new RangeError(
      `The spec cannot be used: data.size is for the synthetic set and images in files; given with ${spec.data.name}.`,
    );
  checkTask(spec);
  if (IN_FOLDERS.includes(spec.data.name) && spec.data.folder === undefined)
    throw new RangeError('The spec cannot be used: data.folder is not set; it says where the images lie.');
  if (spec.method && 'seed' in spec.method.options)
    throw new RangeError(
      'The spec cannot be used: method.options.seed is no option; a run has one seed, the field `seed` of the spec.',
    );
  checkRecipe({ ...spec.recipe, seed: spec.seed });
  if ((spec.teacher === undefined) !== (spec.recipe.distillation === undefined))
    throw new RangeError(
      `The spec cannot be used: ${spec.teacher === undefined ? 'recipe.distillation needs a teacher, the hash of a run' : 'a teacher needs recipe.distillation'}.`,
    );
  checkAnalysis(spec);
  return spec;
}

function checkTask({ task, data, weights, from, analysis, recipe, method }: Spec): void {
  const fail = (why: string): never => {
    throw new RangeError(`The spec cannot be used: ${why}.`);
  };
  const own = (Object.keys(ANNOTATED) as AnnotatedTask[]).find((id) =>
    (ANNOTATED[id].sets as readonly string[]).includes(data.name),
  );
  if (task && task.id !== own) {
    const { sets, what } = ANNOTATED[task.id];
    fail(`${data.name} has no ${what}, which ${task.id} needs; there are ${sets.join(', ')}`);
  }
  if (!task && own) fail(`the images of ${data.name} have ${ANNOTATED[own].what}: set task to {"id":"${own}"}`);
  if (!own && data.imageSize) fail('data.imageSize is for sets with label images or boxes; data.size is for others');
  if (task && (recipe.labelSmoothing > 0 || recipe.adversarial))
    fail(`the loss of ${task.id} has no label smoothing and no adversarial images`);
  if (task && (recipe.augment.crop > 0 || recipe.augment.flip))
    fail(
      `images with ${ANNOTATED[task.id].what} are changed by data.transform; set recipe.augment to {"crop":0,"flip":false}`,
    );
  if (method?.everywhere !== undefined && !task) fail('method.everywhere is of segmenters and detectors');
  if (weights && from) fail('weights and from are both set; a run starts from one of them');
  if (task && analysis && analysis.id !== 'cost') fail(`the analysis ${analysis.id} is of classifiers`);
}

function checkAnalysis({ analysis, from, data, recipe }: Spec): void {
  if (!analysis) return;
  const needsRun = analysis.id !== 'cost';
  if (needsRun !== (from !== null)) {
    throw new RangeError(
      `The spec cannot be used: ${analysis.id} ${needsRun ? 'is of another run, and from is null' : 'is of initial weights; from must be null'}.`,
    );
  }
  if (analysis.id === 'cost' && (recipe.adversarial || recipe.distillation))
    throw new RangeError(
      'The spec cannot be used: a cost is of training on images as they are; leave recipe.adversarial and distillation out.',
    );
  if (!('part' in analysis)) return;
  const { i, n } = analysis.part;
  if (i > n) throw new RangeError(`The spec cannot be used: analysis.part is ${i} of ${n}.`);
  if (data.name === 'imagenet' || data.name === 'folder')
    throw new RangeError(
      `The spec cannot be used: the analysis ${analysis.id} needs images in memory, and those of ${data.name} stay in files.`,
    );
}

/** The runs whose models a run needs: the one that it starts from, and its teacher. */
export const neededRuns = ({ from, teacher }: Pick<Spec, 'from' | 'teacher'>): Hash[] =>
  [from, teacher].filter((hash) => hash !== null && hash !== undefined);

/**
 * The name of a run.
 * @example
 * ```ts
 * const [spec] = Object.values(grid.runs);
 * const folder = runFolder('results', hashOfSpec(spec));
 * ```
 */
export const hashOfSpec = (spec: Spec): Hash => hashOf(spec);

/**
 * The paper's recipe as specs hold it: the seed stands beside it.
 * @example
 * ```ts
 * const recipe = paperRecipe({ epochs: 30, warmUpEpochs: 2 });
 * ```
 */
export function paperRecipe(changes: Partial<Spec['recipe']> = {}): Spec['recipe'] {
  const { seed: _, ...recipe } = PAPER_RECIPE;
  return recipeSchema.parse({ ...recipe, ...changes });
}

/**
 * A value checked by a schema.
 * @param forms examples of fields that are more than a number or a word, for who gives them another form.
 * @throws RangeError with a line of all that is wrong, and for an unknown name the nearest known one.
 * @example
 * ```ts
 * parse(dataSchema, { name: 'cifar10' }, 'data'); // throws a list of all that is wrong
 * ```
 */
export function parse<T extends z.ZodType>(
  schema: T,
  value: unknown,
  what: string,
  forms: Readonly<Record<string, string>> = {},
): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => {
    const path = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, issue.path);
      return issue.keys.map((key) => `${path ? `${path}.` : ''}${key} is unknown${nearest(key, known)}`);
    }
    const given = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    if (issue.code === 'invalid_value') {
      const known = issue.values.map(String);
      const hint =
        known.length > 4 && typeof given === 'string' ? nearest(given, known) : `; expected ${known.join(', ')}`;
      return [`${path} is ${JSON.stringify(given) ?? 'not set'}${hint}`];
    }
    const form = forms[path] && ` (such as ${forms[path]})`;
    return [`${path || 'it'} is ${JSON.stringify(given) ?? 'not set'}: ${issue.message}${form ?? ''}`];
  });
  throw new RangeError(`${what} cannot be used: ${problems.join('; ')}.`);
}

function nearest(name: string, known: readonly string[]): string {
  const byDistance = known.map((other) => ({ other, distance: distance(name.toLowerCase(), other.toLowerCase()) }));
  const [best] = byDistance.sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, name.length / 3)
    ? `; did you mean ${best.other}?`
    : `; there are ${known.join(', ')}`;
}

/** The names that an object within a schema has. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const unwrapped = (type: unknown): SchemaParts => {
    const parts = type as SchemaParts;
    return parts.def?.innerType ? unwrapped(parts.def.innerType) : parts;
  };
  // Of a union, all forms.
  const forms = (type: unknown) => {
    const whole = unwrapped(type);
    return whole.options ? whole.options.map(unwrapped) : [whole];
  };
  const within = (type: unknown, key: PropertyKey) =>
    forms(type).flatMap(({ def, shape }) => def?.element ?? def?.valueType ?? shape?.[key] ?? []);
  const found = path.reduce<unknown[]>((types, key) => types.flatMap((type) => within(type, key)), [schema]);
  return [...new Set(found.flatMap(forms).flatMap(({ shape }) => Object.keys(shape ?? {})))];
}

/** What of zod's types leads to those within. */
interface SchemaParts {
  def?: { innerType?: unknown; element?: unknown; valueType?: unknown };
  shape?: Record<PropertyKey, unknown>;
  options?: unknown[];
}
