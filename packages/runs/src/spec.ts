/** A run as a value: a spec says everything that decides its result, and its hash is its name. */
import { hashOf } from '@refconv/files';
import { PAPER_RECIPE } from '@refconv/training/recipe';
import { parse } from './parse.js';
import { checkSpec } from './specChecks.js';
import { type Hash, modelSpecSchema, recipeSchema, type Spec, specSchema } from './specSchema.js';
import { usedImports } from './usedImports.js';

export { shortHash } from './folder.js';
export { type Analysis, type Hash, RESULTS_VERSION, type Spec, type SpecInput } from './specSchema.js';

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
  const starts = (value as Partial<Spec> | undefined)?.model !== undefined;
  const spec = parse(starts ? modelSpecSchema : specSchema, value, 'The spec');
  checkSpec(spec);
  const imports = spec.imports ?? usedImports(spec);
  return imports ? { ...spec, imports } : spec;
}

/** The runs whose models a run needs: the one that it starts from, and its teacher. */
export const neededRuns = ({ from, teacher }: Pick<Spec, 'from' | 'teacher'>): Hash[] =>
  [from, teacher].filter((hash) => typeof hash === 'string');

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
