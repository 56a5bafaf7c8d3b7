import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTransform } from '@refconv/datasets';
import { expect } from 'chai';
import { trainingTransform } from '../loaders.js';
import { checkRecipe, OFFICIAL_CODE_RECIPE, PAPER_RECIPE } from '../recipe.js';
import { learningRateAt, scheduleOf } from '../schedule.js';
import { messageOf } from '../testing/tiny.js';
import { readRecipe } from './file.js';
import { RECIPES } from './named.js';

describe('recipes by name', () => {
  it('can all be used, with their transforms, and name their source', () => {
    for (const [name, { about, source, recipe, transform }] of Object.entries(RECIPES)) {
      const whole = checkRecipe({ ...recipe, seed: 3 });
      expect(about.length * source.length, name).to.be.above(0);
      expect(Object.keys(recipe), name).to.include.members(['nesterov', 'resetMomentumAfterWarmUp']);
      const test = 'resize(64)|centerCrop(56)|normalize(imagenet)';
      const { size, mean } = parseTransform(trainingTransform(test, transform));
      expect({ size, mean }, name).to.deep.equal({ size: 56, mean: parseTransform(test).mean });
      const schedule = scheduleOf(whole, 10);
      const rates = Array.from({ length: schedule.steps }, (_, step) => learningRateAt(step, schedule));
      // A staircase that counts the warm-up may have its first step within it.
      expect(Math.max(...rates) / recipe.learningRate, name).to.be.within(0.94, 1);
      expect(rates.at(-1), name).to.be.below(0.2 * recipe.learningRate);
    }
    expect({ ...RECIPES.paper?.recipe, seed: 1 }).to.deep.equal(PAPER_RECIPE);
    expect({ ...RECIPES.official?.recipe, seed: 1 }).to.deep.equal(OFFICIAL_CODE_RECIPE);
  });

  it('are read from files too, as they are printed or alone; what is wrong is told with the file’s name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'refconv-recipe-'));
    const file = join(folder, 'own.json');
    const written = (value: unknown) => {
      writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
      return readRecipe(file);
    };
    const { recipe, transform } = RECIPES.convnext ?? expect.fail();
    expect(await written(RECIPES.convnext)).to.deep.equal({ recipe, transform });
    expect(await written(PAPER_RECIPE)).to.deep.equal({ recipe: RECIPES.paper?.recipe });
    expect(await messageOf(written({ ...PAPER_RECIPE, lr: 1 }))).to.match(
      /own\.json cannot be used: .*lr is no part of a recipe/,
    );
    expect(await messageOf(written('{'))).to.match(/own\.json cannot be used/);
    expect(await messageOf(readRecipe('papre'))).to.match(/no recipe papre; there are paper, official, cifar/);
    rmSync(folder, { recursive: true });
  });
});
