/** The network that another one learns from. */
import { requireClassifier } from '@refconv/layers';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Recipe } from './recipe.js';
import { startingWeights } from './startingWeights.js';
import { namedState, readState } from './tensors.js';

/** @throws Error where recipe and teacher do not go together, or the teacher has other classes or images than the model. */
export function checkTeacher(
  model: LayersModel,
  teacher: LayersModel | undefined,
  { distillation }: Pick<Recipe, 'distillation'>,
): void {
  if (!distillation && !teacher) return;
  if (!teacher) throw new Error('The recipe distils, and there is no teacher: give one, or leave distillation out.');
  if (!distillation)
    throw new Error('A teacher is given, and the recipe has no distillation: set it, such as { weight: 0.5 }.');
  requireClassifier(teacher);
  const classes = (of: LayersModel) => of.outputs[0]?.shape.at(-1);
  if (classes(teacher) !== classes(model))
    throw new Error(
      `The teacher has ${classes(teacher)} classes and the model ${classes(model)}; they must be the same.`,
    );
  const images = (of: LayersModel) => of.inputs[0]?.shape.slice(1) ?? [];
  const taken = images(model);
  if (images(teacher).some((size, i) => size !== null && taken[i] !== null && size !== taken[i]))
    throw new Error(
      `The teacher takes images of [${images(teacher)}] and the model of [${taken}]; they must be the same.`,
    );
}

/** What tells one teacher from another. */
export const teacherHash = (teacher: LayersModel): string =>
  startingWeights(readState(namedState(teacher, new Map()))).hash;
