/** The recipe of a command: one by name or from a file, with what the command line changes. */
import { withSettings } from '@refconv/runs';
import { checkRecipe, type NamedRecipe, type Recipe, readRecipe } from '@refconv/training';

/** Options that change a recipe. */
export interface RecipeFlags {
  /** A name, or a .json file. Default: the task's. */
  recipe?: string;
  set?: string[];
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  refocusingRate?: number | 'matched';
  warmUpEpochs?: number;
  momentum?: number;
  weightDecay?: number;
  keepLastBatch?: boolean;
  spareNormsAndBiases?: boolean;
  labelSmoothing?: number;
  adversarial?: number;
  optimiser?: string;
  clipNorm?: number;
  accumulate?: number;
  average?: number;
  mixup?: number;
  cutmix?: number;
  distillation?: number;
  temperature?: number;
  freeze?: string;
  rateByDepth?: number;
  crop?: number;
  flip: boolean;
}

/** Schedules that count in epochs move with the length of the training. */
function stretched(schedule: Recipe['schedule'], factor: number): Recipe['schedule'] {
  if (schedule?.id === 'milestones') return { ...schedule, epochs: schedule.epochs.map((epoch) => epoch * factor) };
  if (schedule?.id === 'step') return { ...schedule, every: schedule.every * factor };
  return schedule;
}

/**
 * The recipe with what the command line changes, and its transform of training images.
 * @throws Error where the recipe is not found or cannot be used.
 */
export async function recipeOf(
  flags: RecipeFlags & { seed: number },
  usual: Recipe,
): Promise<{ recipe: Recipe } & Pick<NamedRecipe, 'transform'>> {
  const { recipe, transform }: Pick<NamedRecipe, 'recipe' | 'transform'> =
    flags.recipe === undefined ? { recipe: usual } : await readRecipe(flags.recipe);
  const { epochs = recipe.epochs, seed, adversarial, average, distillation, temperature } = flags;
  const { batchSize, learningRate, refocusingRate, momentum, weightDecay, labelSmoothing } = flags;
  const { clipNorm, accumulate, freeze, rateByDepth, crop, mixup, cutmix } = flags;
  const schedule = stretched(recipe.schedule, epochs / recipe.epochs);
  const changes = {
    ...{ batchSize, learningRate, refocusingRate, momentum, weightDecay, labelSmoothing },
    ...{ clipNorm, accumulate, freeze, rateByDepth, schedule },
    optimiser: flags.optimiser === undefined ? undefined : { id: flags.optimiser },
    averaging: average === undefined ? undefined : { decay: average },
    adversarial: adversarial === undefined ? undefined : { eps: adversarial },
    distillation: distillation === undefined ? undefined : defined({ weight: distillation, temperature }),
    // A short training has a warm-up of at most a tenth, unless it is told otherwise.
    warmUpEpochs:
      flags.warmUpEpochs ?? (flags.epochs === undefined ? undefined : Math.min(recipe.warmUpEpochs, epochs / 10)),
    dropLast: flags.keepLastBatch ? false : undefined,
    decayNormsAndBiases: flags.spareNormsAndBiases ? false : undefined,
  };
  if (temperature !== undefined && distillation === undefined)
    throw new Error('--temperature is of --distillation; give that too.');
  const changed = {
    ...{ ...recipe, ...defined(changes), epochs },
    augment: {
      ...recipe.augment,
      ...defined({ crop, mixup, cutmix }),
      ...(!flags.flip && { flip: false }),
    },
    seed,
  };
  const set = withSettings(changed, flags.set ?? []) as Recipe;
  checkRecipe(set);
  return { recipe: set, ...(transform !== undefined && { transform }) };
}

/** Without the entries that are not given. */
const defined = <T extends object>(entries: T) =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]: Exclude<T[Name], undefined>;
  };
