/** Classification as a run has it. */
import { classification, type Evaluation, PAPER_RECIPE, type Prediction, writePredictions } from '@refconv/training';
import { percent } from '../text.js';
import type { RunTask } from './registry.js';

export const CLASSIFICATION_TASK: RunTask<Prediction, Evaluation> = {
  task: classification,
  recipe: PAPER_RECIPE,
  write: (folder, results) => writePredictions(folder, results),
  measures: ({ top1, top5 }) => ({ top1, top5 }),
  text: ({ top1, top5 }) => `top-1 ${percent(top1)}, top-5 ${percent(top5)}`,
};
