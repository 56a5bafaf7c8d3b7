/** In what two descriptions differ, as text. */
import { differences } from '@refconv/files';

const json = (value: unknown) => JSON.stringify(value) ?? 'not set';

/** Such as `recipe.batchSize is 64 there, 128 here`. */
export const differenceText = (
  there: unknown,
  here: unknown,
  [where, who]: readonly [string, string] = ['there', 'here'],
): string[] =>
  differences(there, here).map(
    ({ path, before, after }) => `${path} is ${json(before)} ${where}, ${json(after)} ${who}`,
  );
