/** What the fields of a spec ask of one another. */
import { BACKBONES } from '@refconv/backbones';
import { DATASETS, type DatasetDefinition, needsFolder } from '@refconv/datasets';
import { checkRecipe } from '@refconv/training/recipe';
import type { Spec } from './specSchema.js';

/** What a set's images have, by what they are for. */
const TASKS = {
  segmentation: { annotations: 'labelImages', what: 'label images' },
  detection: { annotations: 'boxes', what: 'boxes' },
} as const satisfies Record<string, { annotations: DatasetDefinition['annotations']; what: string }>;

function fail(why: string): never {
  throw new RangeError(`The spec cannot be used: ${why}.`);
}

/** @throws RangeError for the first fields that do not go together. */
export function checkSpec(spec: Spec): void {
  const { network, data, method, recipe, teacher } = spec;
  const { id, ...options } = network;
  const { options: known = [] } = BACKBONES.find(id) ?? {};
  const wrong = Object.keys(options).find((name) => !(known as readonly string[]).includes(name));
  if (wrong) fail(`${id} takes no option '${wrong}'; it takes ${known.join(', ')}`);
  if (data.size !== undefined && data.name.startsWith('cifar'))
    fail(`data.size is for the synthetic set and images in files; given with ${data.name}`);
  checkTask(spec);
  if (needsFolder(data.name) && data.folder === undefined) fail('data.folder is not set; it says where the images lie');
  if (method && 'seed' in method.options)
    fail('method.options.seed is no option; a run has one seed, the field `seed` of the spec');
  checkRecipe({ ...recipe, seed: spec.seed });
  if ((teacher === undefined) !== (recipe.distillation === undefined))
    fail(
      teacher === undefined
        ? 'recipe.distillation needs a teacher, the hash of a run'
        : 'a teacher needs recipe.distillation',
    );
  checkProcesses(spec);
  checkAnalysis(spec);
}

function checkProcesses({ processes, recipe, analysis, data }: Spec): void {
  if (processes === undefined) return;
  if (analysis) fail('processes is of trainings; an analysis has one');
  if (recipe.batchSize % processes !== 0)
    fail(`a batch of ${recipe.batchSize} is shared out, and must be a multiple of processes, ${processes}`);
  if (data.skipBroken) fail('several processes leave out no broken files: mend them, or leave processes out');
}

/** The task that a set's images are for, where that is not classification. */
function taskOf({ annotations }: Partial<DatasetDefinition>): keyof typeof TASKS | undefined {
  return (Object.keys(TASKS) as (keyof typeof TASKS)[]).find((id) => TASKS[id].annotations === annotations);
}

function checkTask({ task, data, weights, from, analysis, recipe, method }: Spec): void {
  const own = taskOf(DATASETS.find(data.name) ?? {});
  if (task && task.id !== own) {
    const sets = DATASETS.entries().flatMap(([name, set]) => (taskOf(set) === task.id ? [name] : []));
    fail(`${data.name} has no ${TASKS[task.id].what}, which ${task.id} needs; there are ${sets.join(', ')}`);
  }
  if (!task && own) fail(`the images of ${data.name} have ${TASKS[own].what}: set task to {"id":"${own}"}`);
  if (!own && data.imageSize) fail('data.imageSize is for sets with label images or boxes; data.size is for others');
  if (task && (recipe.labelSmoothing > 0 || recipe.adversarial))
    fail(`the loss of ${task.id} has no label smoothing and no adversarial images`);
  if (task && (recipe.augment.crop > 0 || recipe.augment.flip))
    fail(
      `images with ${TASKS[task.id].what} are changed by data.transform; set recipe.augment to {"crop":0,"flip":false}`,
    );
  if (method?.everywhere !== undefined && !task) fail('method.everywhere is of segmenters and detectors');
  if (weights && from) fail('weights and from are both set; a run starts from one of them');
  if (task && analysis && analysis.id !== 'cost') fail(`the analysis ${analysis.id} is of classifiers`);
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
