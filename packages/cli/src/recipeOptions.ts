/** The options of `refconv train` that change its recipe: made of the recipe's schema. */
import { RECIPE_OPTIONS, type Recipe, type RecipeOption } from '@refconv/training/recipe';
import { type Command, InvalidArgumentError, Option } from 'commander';

export function withRecipe(command: Command): Command {
  command.option(
    '--recipe <name>',
    'by its name (`refconv recipe` lists them), or a .json file of your own; default: paper, for segmentation and detection one for small sets (docs/segmentation.md, docs/detection.md)',
  );
  for (const entry of RECIPE_OPTIONS) command.addOption(optionOf(entry));
  return command.option(
    '--set <path=value>',
    'any other entry of the recipe, such as optimiser.options.beta2=0.95; can be repeated. See docs/training.md',
    (text: string, before: string[] = []) => [...before, text],
  );
}

function optionOf({ option: flags, about, schema }: RecipeOption): Option {
  const option = new Option(flags, about);
  return option.required ? option.argParser((text) => parsed(schema, text)) : option;
}

/** The value that a text is by the schema: as it is, or as a number. */
function parsed(schema: RecipeOption['schema'], text: string): unknown {
  const forms = [text, text.trim() === '' ? Number.NaN : Number(text)].map((value) => schema.safeParse(value));
  const found = forms.find(({ success }) => success);
  if (found) return found.data;
  const expected = forms[0]?.error?.issues[0]?.message.replace(/^e/, 'E');
  throw new InvalidArgumentError(`${expected}; given '${text}'.`);
}

/**
 * What the options change in a recipe: entries, and whole groups of entries.
 * @param flags what was given, by the options' names: `batchSize` of `--batch-size`.
 */
export function changesOf(flags: object): Partial<Recipe> {
  const changes: Record<string, unknown> = {};
  for (const { path, option: text, turns } of RECIPE_OPTIONS) {
    const option = new Option(text);
    const given = (flags as Record<string, unknown>)[option.attributeName()];
    // A switch: `--keep-last-batch` is true where it is given, `--no-flip` false.
    const value = option.required ? given : given === !option.negate ? turns : undefined;
    if (value === undefined) continue;
    const [name = '', within] = path;
    changes[name] = within === undefined ? value : { ...(changes[name] as object | undefined), [within]: value };
  }
  return changes;
}
