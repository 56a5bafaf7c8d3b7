/** Classes by their names: the same name is the same class, wherever it stands in a list. */
import type { ImageSplit } from './dataset.js';
import { type ImageSource, shared } from './loader/source.js';

/** Names that are nothing but places: 0, 1, … in any order. */
const arePlaces = (names: readonly string[], count: number) =>
  names.every((name) => /^(0|[1-9]\d*)$/.test(name) && Number(name) < count);

const some = (names: readonly string[]) =>
  names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : '');

/**
 * For each of a data set's classes, which of a model's classes it is: by name. Where the names of one side are only 0, 1, … and say
 * nothing that the other's names know, they are places.
 * @param model the model's classes, in the order of its logits.
 * @throws {Error} that names the classes which the model does not have.
 * @example
 * ```ts
 * matchClasses(['cat', 'dog'], ['bird', 'cat', 'dog']); // [1, 2]
 * ```
 */
export function matchClasses(data: readonly string[], model: readonly string[]): number[] {
  const labelOf = new Map(model.map((name, label) => [name, label]));
  const unknown = data.filter((name) => !labelOf.has(name));
  if (unknown.length === 0) return data.map((name) => labelOf.get(name) as number);
  if (arePlaces(data, model.length)) return data.map(Number);
  if (arePlaces(model, model.length) && data.length === model.length) return data.map((_, label) => label);
  throw new Error(
    `The model does not know ${unknown.length} of the data's ${data.length} classes: ${some(unknown)}. ` +
      `It has ${model.length}: ${some(model)}.`,
  );
}

/**
 * Whether numbers among the names stand in another order than people count: 10 before 2.
 * @example
 * ```ts
 * numbersOutOfOrder(['1', '10', '2']); // true: folders sorted as text
 * ```
 */
export function numbersOutOfOrder(names: readonly string[]): boolean {
  const numbers = names.map(Number);
  return (
    names.every((name) => /^\d+$/.test(name)) &&
    numbers.some((number, i) => i > 0 && number < (numbers[i - 1] as number))
  );
}

/**
 * The images with other numbers of their classes: `labels[i]` for what was `i`.
 * @example
 * ```ts
 * const test = relabelled(data.test, matchClasses(data.classes, ['dog', 'cat']));
 * ```
 */
export function relabelled<T extends ImageSplit | ImageSource>(images: T, labels: readonly number[]): T {
  if (labels.every((label, i) => label === i)) return images;
  const to = shared(Int32Array, images.count);
  images.labels.forEach((label, i) => {
    to[i] = labels[label] as number;
  });
  return { ...images, labels: to };
}
