/** What the fields of a spec ask of one another. */
import { BACKBONES } from '@refconv/backbones';
import { DATASETS, type DatasetDefinition, needsFolder } from '@refconv/datasets';
import { checkRecipe } from '@refconv/training/recipe';
import { type Spec, UNKNOWN_NETWORK } from './specSchema.js';
import { CLASSIFICATION, TASKS, type TaskFacts } from './tasks/registry.js';

function fail(why: string): never {
  throw new RangeError(`The spec cannot be used: ${why}.`);
}

/** @throws RangeError for the first fields that do not go together. */
export function checkSpec(spec: Spec): void {
  const { network, data, method, recipe, teacher } = spec;
  const { id, inputSize: _, ...options } = network;
  const { options: known = [] } = BACKBONES.find(id) ?? {};
  const wrong = Object.keys(options).find((name) => !(known as readonly string[]).includes(name));
  if (wrong) fail(`${id} takes no option '${wrong}'; it takes ${known.join(', ')}`);
  if (data.size !== undefined && data.name.startsWith('cifar'))
    fail(`data.size is for the synthetic set and images in files; given with ${data.name}`);
  checkTask(spec);
  checkStart(spec);
  if (needsFolder(data.name) && data.folder === undefined) fail('data.folder is not set; it says where the images lie');
  if (method && 'seed' in method.options)
    fail('method.options.seed is no option; a run has one seed, the field `seed` of the spec');
  checkRecipe({ ...recipe, seed: spec.seed });
  if ((teacher === undefined) !== (recipe.distillation === undefined))
    fail(
      teacher === undefined
        ? 'recipe.distillation needs a teacher, the hash of a run or a model folder'
        : 'a teacher needs recipe.distillation',
    );
  checkProcesses(spec);
  checkAnalysis(spec);
}

function checkProcesses({ processes, recipe, analysis, data }: Spec): void {
  if (processes === undefined) return;
  if (analysis) fail('processes is of trainings; an analysis has one');
  if (recipe.batchSize % processes !== 0)
    fail(
      `${processes} workers cannot share a batchSize of ${recipe.batchSize} evenly: give one that is a multiple of ${processes}`,
    );
  if (data.skipBroken) fail('several processes leave out no broken files: mend them, or leave processes out');
}

/** The task that a set's images are for, where that is not classification. */
function madeFor({ annotations }: Partial<DatasetDefinition>): [id: string, what: string] | undefined {
  const found = TASKS.entries().find(([, task]) => annotations && task.annotations?.kind === annotations);
  return found && [found[0], (found[1].annotations as NonNullable<TaskFacts['annotations']>).what];
}

function checkTask({ task, data, analysis, recipe, method }: Spec): void {
  const set: Partial<DatasetDefinition> = DATASETS.find(data.name) ?? {};
  const [own, marks] = madeFor(set) ?? [];
  const { annotations } = TASKS.get(task?.id ?? CLASSIFICATION);
  const { crop = 0, flip = false } = recipe.augment;
  if (annotations && annotations.kind !== set.annotations) {
    const sets = DATASETS.entries().flatMap(([name, each]) => (each.annotations === annotations.kind ? [name] : []));
    fail(`${data.name} has no ${annotations.what}, which ${task?.id} needs; there are ${sets.join(', ')}`);
  }
  if (!annotations && own)
    fail(
      `the images of ${data.name} have ${marks}: set task to {"id":"${own}"}, and not ${task?.id ?? CLASSIFICATION}`,
    );
  if (!own && data.imageSize) fail('data.imageSize is for sets with label images or boxes; data.size is for others');
  if (annotations && (recipe.labelSmoothing > 0 || recipe.adversarial))
    fail(`the loss of ${task?.id} has no labelSmoothing and no adversarial images`);
  if (annotations && (crop > 0 || flip))
    fail(
      `images with ${annotations.what} are changed by data.transform; set recipe.augment to {"crop":0,"flip":false}`,
    );
  if (method?.everywhere !== undefined && !annotations) fail('method.everywhere is of segmenters and detectors');
  if (task && task.id !== 'segmentation' && (task.head ?? task.outputStride ?? task.auxiliary) !== undefined)
    fail(`head, outputStride and auxiliary are of segmentation, and the task is ${task.id}`);
  if (task && analysis && analysis.id !== 'cost') fail(`the analysis ${analysis.id} is of classifiers`);
}

/** What a training starts from, and how its images are held out and normalised. */
function checkStart({ weights, from, model, newHead, network, data, analysis }: Spec): void {
  const starts = Object.entries({ weights, from, model }).filter(([, each]) => each !== undefined && each !== null);
  if (starts.length > 1)
    fail(`${starts.map(([name]) => name).join(' and ')} are both set; a run starts from one of them`);
  if (newHead && starts.length === 0)
    fail('newHead keeps the body of what a run starts from; set weights, from or model');
  if (model && analysis) fail('model is of trainings; an analysis is of a run');
  if (network.id === UNKNOWN_NETWORK && !model) fail(`there is no network ${UNKNOWN_NETWORK}`);
  if (data.validation !== undefined && data.holdOut !== undefined)
    fail('data.validation takes the place of the test images, and what is held out stands beside them: leave one out');
  if ((data.mean === undefined) !== (data.std === undefined)) fail('give data.mean and data.std together');
}

function checkAnalysis({ analysis, from, data, recipe }: Spec): void {
  if (!analysis) return;
  const needsRun = analysis.id !== 'cost';
  if (needsRun !== (from !== null)) {
    fail(
      `${analysis.id} ${needsRun ? 'is of another run, and from is null' : 'is of initial weights; from must be null'}`,
    );
  }
  if (analysis.id === 'cost' && (recipe.adversarial || recipe.distillation))
    fail('a cost is of training on images as they are; leave recipe.adversarial and distillation out');
  if (!('part' in analysis)) return;
  const { i, n } = analysis.part;
  if (i > n) fail(`analysis.part is ${i} of ${n}`);
  if (DATASETS.find(data.name)?.inFiles)
    fail(`the analysis ${analysis.id} needs images in memory, and those of ${data.name} stay in files`);
}
