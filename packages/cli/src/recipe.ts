/** The recipe of a command: one by name or from a file, with what the command line changes. */
import { withSettings } from '@refconv/runs';
import { checkRecipe, type NamedRecipe, type Recipe, readRecipe } from '@refconv/training';
import { changesOf } from './recipeOptions.js';

/** Which recipe, and what is changed in it besides what {@link changesOf} reads. */
export interface RecipeFlags {
  /** A name, or a .json file. Default: the task's. */
  recipe?: string;
  set?: string[];
  distillation?: number;
  temperature?: number;
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
  if (flags.temperature !== undefined && flags.distillation === undefined)
    throw new Error('--temperature is of --distillation; give that too.');
  const { augment, ...changes } = changesOf(flags);
  const { epochs = recipe.epochs } = changes;
  const schedule = stretched(recipe.schedule, epochs / recipe.epochs);
  const changed = {
    ...recipe,
    ...(schedule && { schedule }),
    // A short training has a warm-up of at most a tenth, unless it is told otherwise.
    ...(changes.epochs !== undefined && { warmUpEpochs: Math.min(recipe.warmUpEpochs, epochs / 10) }),
    ...changes,
    augment: { ...recipe.augment, ...augment },
    seed: flags.seed,
  };
  const set = withSettings(changed, flags.set ?? []) as Recipe;
  checkRecipe(set);
  return { recipe: set, ...(transform !== undefined && { transform }) };
}
