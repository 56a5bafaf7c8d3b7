/** Which of a network's classes are which of the data's. */

import { matchClasses, numbersOutOfOrder } from '@refconv/datasets';
import { withNewHead } from '@refconv/refconv';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Source } from './source.js';

export const classCount = (model: LayersModel) => model.outputs[0]?.shape.at(-1) ?? undefined;

/**
 * The network's label of each of the data's classes, by name where the network's are known; warns where names seem to be numbers that
 * are in another order.
 * @throws Error where names or numbers do not agree.
 */
export function labelsFor(
  { model, notes }: Source,
  data: { name: string; classes: readonly string[] },
  log = console.error,
): number[] {
  const { classes: names } = notes;
  const count = classCount(model);
  if (names && names.length === count) return matchClasses(data.classes, names);
  if (count !== data.classes.length)
    throw new Error(`The model has ${count} classes, ${data.name} has ${data.classes.length}.`);
  if (numbersOutOfOrder(data.classes)) {
    log(
      `Warning: the classes are taken in the order of their names as text: ${data.classes.slice(0, 4).join(', ')}, … The model has no ` +
        'names of its classes to compare; if it was trained in the order of the numbers, give the folders leading zeros.',
    );
  }
  return data.classes.map((_, label) => label);
}

/** What a network is trained on: its classes, and which of them each class of the data is. */
export interface Prepared extends Source {
  classes: readonly string[];
  labels: number[];
}

/**
 * The network for a data set's classes: as it is, where it has them, or with a new head, where it has another number of them or one is
 * asked for.
 * @throws Error where its classes are others by name, and no new head is asked for.
 */
export async function forClasses(
  source: Source,
  data: { name: string; classes: readonly string[] },
  {
    newHead,
    seed,
    from,
    log = console.log,
  }: { newHead: boolean; seed: number; from: string | undefined; log?: (line: string) => void },
): Promise<Prepared> {
  const { model, notes } = source;
  const { classes: names } = notes;
  const count = classCount(model);
  const own = data.classes.map((_, label) => label);
  const hasNames = names !== undefined && names.length === count;
  if (!newHead && (hasNames || count === data.classes.length)) {
    try {
      return { ...source, classes: hasNames ? names : data.classes, labels: labelsFor(source, data) };
    } catch (error) {
      throw new Error(`${(error as Error).message} --new-head keeps the body and begins with new classes.`, {
        cause: error,
      });
    }
  }
  const changed = await withNewHead(model, { classes: data.classes.length, seed });
  model.dispose();
  if (from !== undefined)
    log(`${from} has ${count} classes, ${data.name} ${data.classes.length}: its body is taken, and a new head.`);
  const { backbone } = notes;
  const options = { ...backbone?.options, classes: data.classes.length };
  return {
    model: changed,
    notes: { ...notes, ...(backbone && { backbone: { ...backbone, options } }) },
    classes: data.classes,
    labels: own,
  };
}
