import { writeFileSync } from 'node:fs';
import { PAPER_RECIPE } from '@refconv/training';
import { RECIPE_OPTIONS } from '@refconv/training/recipe';
import { expect } from 'chai';
import { type RecipeFlags, recipeOf } from './recipe.js';
import { fail, succeed, temporaryFolder } from './testing/commands.js';

const FLAGS = { recipe: 'paper', flip: true, seed: 5 };
const recipe = async (flags: RecipeFlags & Record<string, unknown>) =>
  (await recipeOf({ ...FLAGS, ...flags }, PAPER_RECIPE)).recipe;
const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('nothing was thrown'),
    (error: Error) => error.message,
  );

describe('refconv recipe', () => {
  const path = temporaryFolder();

  it('prints recipes that --recipe reads again; lists them; names what there is for another name', async () => {
    expect(succeed('recipe')).to.match(/^paper .*\n(.*\n)*a3 /);
    for (const name of ['paper', 'convnext', 'a3']) {
      const printed = succeed('recipe', name);
      const file = path(`${name}.json`);
      writeFileSync(file, printed);
      const [own, named] = [file, name].map((recipe) => recipeOf({ ...FLAGS, recipe }, PAPER_RECIPE));
      expect(await own).to.deep.equal(await named);
      expect(JSON.parse(printed)).to.include.keys('source', 'differences');
    }
    expect(fail('recipe', 'a4')).to.match(/no recipe a4; there are paper, official, cifar/);
  });

  it('is changed by the options of train, and by --set', async () => {
    const changed = await recipe({
      ...{ optimiser: 'adamw', clipNorm: 1, accumulate: 4, average: 0.99, mixup: 0.2, cutmix: 1, distillation: 0.5 },
      ...{ temperature: 4, freeze: '^conv', rateByDepth: 0.9, spareNormsAndBiases: true, flip: false },
      set: [
        'optimiser.options.beta2=0.95',
        'loss={"id":"binary-cross-entropy"}',
        'schedule={"id":"polynomial","power":0.9}',
      ],
    });
    expect(changed).to.deep.include({
      optimiser: { id: 'adamw', options: { beta2: 0.95 } },
      averaging: { decay: 0.99 },
      augment: { crop: 4, flip: false, mixup: 0.2, cutmix: 1 },
      distillation: { weight: 0.5, temperature: 4 },
      loss: { id: 'binary-cross-entropy' },
      schedule: { id: 'polynomial', power: 0.9 },
      decayNormsAndBiases: false,
      freeze: '^conv',
      seed: 5,
    });
  });

  it('keeps what a recipe says unless told otherwise, and shortens warm-up and steps with it', async () => {
    expect(await recipe({ recipe: 'convnext' })).to.include({ warmUpEpochs: 20, decayNormsAndBiases: false });
    expect(await recipe({ epochs: 20 })).to.include({ epochs: 20, warmUpEpochs: 2 });
    expect(await recipe({ epochs: 20, warmUpEpochs: 5 })).to.include({ warmUpEpochs: 5 });
    const { schedule } = await recipe({ recipe: 'cifar', epochs: 41 });
    expect(schedule).to.deep.equal({ id: 'milestones', epochs: [20.5, 30.75], factor: 0.1 });
  });

  it('has an option of train for each entry that the schema names, with its values and what it says of others', async () => {
    const help = succeed('train', '--help').replaceAll(/\s+/g, ' ');
    for (const { option } of RECIPE_OPTIONS) expect(help).to.contain(` ${option} `);
    expect(RECIPE_OPTIONS.length).to.be.above(20);
    const wrong = (...given: string[]) => fail('train', '--output', path('none'), '--data', 'synthetic', ...given);
    expect(wrong('--batch-size', '0')).to.contain("Expected an integer from 1; given '0'.");
    expect(wrong('--refocusing-rate', 'mached')).to.contain("Expected a number above 0, or 'matched'; given 'mached'.");
    expect(wrong('--freeze', '(')).to.contain("Expected a regular expression; given '('.");
    expect(wrong('--adversarial', '')).to.contain("Expected a number above 0, in 1/255; given ''.");
  });

  it('replaces a group of entries, but for augment, and turns off by switches', async () => {
    expect(await recipe({ recipe: 'efficientnet', average: 0.9 })).to.deep.include({ averaging: { decay: 0.9 } });
    expect(await recipe({ recipe: 'efficientnet', optimiser: 'adam' })).to.deep.include({ optimiser: { id: 'adam' } });
    expect((await recipe({ crop: 2 })).augment).to.deep.equal({ crop: 2, flip: true });
    expect(await recipe({ keepLastBatch: true })).to.include({ dropLast: false, decayNormsAndBiases: true });
    expect(await recipe({})).to.deep.equal({ ...PAPER_RECIPE, seed: 5 });
  });

  it('tells what is wrong', async () => {
    expect(await messageOf(recipe({ optimiser: 'adamx' }))).to.match(/with one of sgd, adam, adamw/);
    expect(await messageOf(recipe({ set: ['lr=1'] }))).to.match(/lr is no part of a recipe/);
    expect(await messageOf(recipe({ temperature: 2 }))).to.match(/--temperature is of --distillation/);
  });
});
