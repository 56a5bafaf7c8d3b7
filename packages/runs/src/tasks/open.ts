/** What a training needs of its task. Loads TensorFlow. */
import { anyTask, CLASSIFICATION, type RunTask, TASKS } from './registry.js';

const OWN: Readonly<Record<string, () => Promise<RunTask>>> = {
  [CLASSIFICATION]: async () => anyTask((await import('./classification.js')).CLASSIFICATION_TASK),
  segmentation: async () => anyTask((await import('./segmentation.js')).SEGMENTATION_TASK),
  detection: async () => anyTask((await import('./detection.js')).DETECTION_TASK),
};

/** @throws RangeError where there is none of this id. */
export async function openTask(id: string): Promise<RunTask> {
  const { load = OWN[id] as () => Promise<RunTask>, score } = TASKS.get(id);
  const opened = await load();
  const { task } = opened;
  if (task.id !== id || task.score.name !== score.name)
    throw new Error(
      `The task ${id} is called ${task.id} by itself, and compared by its ${task.score.name}; expected ${id} and ${score.name}.`,
    );
  return opened;
}

/** The task of a spec. */
export const taskOf = ({ task }: { task?: { id: string } | undefined }): Promise<RunTask> =>
  openTask(task?.id ?? CLASSIFICATION);
