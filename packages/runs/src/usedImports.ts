/** The files of a user's own that a spec needs. */
import { BACKBONES } from '@refconv/backbones';
import { DATASETS, STEPS } from '@refconv/datasets';
import { type Import, importsOf, type Registration } from '@refconv/files';
import { METHODS } from '@refconv/refconv';
import { OPTIMISERS } from '@refconv/training/recipe';
import type { Spec } from './specSchema.js';
import { TASKS } from './tasks/registry.js';

/** The imported files which registered what the spec names; undefined where there are none, so that other specs' hashes stay. */
export function usedImports({ network, method, data, recipe, task }: Spec): Import[] | undefined {
  const steps = [data.transform, data.testTransform].flatMap((text) => text?.match(/[A-Za-z][\w-]*/g) ?? []);
  const used = (registry: { kind: string }, id: string | undefined): Registration[] =>
    id === undefined ? [] : [{ kind: registry.kind, id }];
  const imports = importsOf([
    ...used(BACKBONES, network.id),
    ...used(METHODS, method?.id),
    ...used(TASKS, task?.id),
    ...used(DATASETS, data.name),
    ...used(OPTIMISERS, recipe.optimiser?.id),
    ...steps.flatMap((name) => used(STEPS, name)),
  ]);
  return imports.length > 0 ? imports : undefined;
}
