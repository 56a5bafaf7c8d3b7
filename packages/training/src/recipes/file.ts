/** A recipe in a file: as `refconv recipe NAME` prints it, or its entry `recipe` alone. */
import { parseJson, readBytes } from '@refconv/files';
import { checkRecipe } from '../recipe.js';
import { type NamedRecipe, RECIPES } from './named.js';

/**
 * The recipe of a name or of a .json file.
 * @throws Error that names the file or the name, and all that is wrong.
 * @example
 * ```ts
 * const { recipe, transform } = await readRecipe('recipe.json'); // or a name of RECIPES
 * ```
 */
export async function readRecipe(nameOrFile: string): Promise<Pick<NamedRecipe, 'recipe' | 'transform'>> {
  if (!nameOrFile.endsWith('.json')) {
    const named = Object.hasOwn(RECIPES, nameOrFile) ? RECIPES[nameOrFile] : undefined;
    if (named) return named;
    throw new RangeError(
      `There is no recipe ${nameOrFile}; there are ${Object.keys(RECIPES).join(', ')}, and files whose names end in .json.`,
    );
  }
  try {
    const value = parseJson(new TextDecoder().decode(await readBytes(nameOrFile)));
    if (typeof value !== 'object' || value === null) throw new RangeError('It holds no object.');
    const whole = ('recipe' in value ? value : { recipe: value }) as {
      recipe: NamedRecipe['recipe'];
      transform?: unknown;
    };
    const { recipe, transform } = whole;
    checkRecipe({ ...recipe, seed: 0 });
    if (transform !== undefined && typeof transform !== 'string') throw new RangeError('Its transform is no text.');
    const { seed: _, ...rest } = recipe as NamedRecipe['recipe'] & { seed?: number };
    return { recipe: rest, ...(transform !== undefined && { transform }) };
  } catch (error) {
    throw new Error(`The recipe ${nameOrFile} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
