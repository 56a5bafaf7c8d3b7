/** Recipes by name. */
import { RECIPES } from '@refconv/training/recipes';

/** @throws RangeError where there is none of the name. */
export function recipe(name: string | undefined): void {
  if (name === undefined) {
    for (const [id, { about, source }] of Object.entries(RECIPES)) console.log(`${id.padEnd(14)}${about} (${source})`);
    return;
  }
  const found = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (!found) throw new RangeError(`There is no recipe ${name}; there are ${Object.keys(RECIPES).join(', ')}.`);
  console.log(JSON.stringify({ name, ...found }, undefined, 2));
}
