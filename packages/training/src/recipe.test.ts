import { expect } from 'chai';
import { checkRecipe, OFFICIAL_CODE_RECIPE, PAPER_RECIPE, type Recipe, recipeHash } from './recipe.js';

describe('recipes', () => {
  it('has valid presets, which differ in the batch and the new optimiser', () => {
    expect(checkRecipe(PAPER_RECIPE)).to.deep.equal(PAPER_RECIPE);
    expect(checkRecipe(OFFICIAL_CODE_RECIPE)).to.deep.equal({
      ...PAPER_RECIPE,
      batchSize: 512,
      resetMomentumAfterWarmUp: true,
    });
  });

  it('names everything that is wrong at once', () => {
    const wrong = {
      ...PAPER_RECIPE,
      epochs: 1.5,
      momentum: 1,
      weightDecay: -1,
      augment: { crop: -1, cutout: 1 } as never,
      lr: 0.1,
    };
    expect(() => checkRecipe(wrong as Recipe)).to.throw(
      RangeError,
      /epochs must be an integer from 1; given 1.5.*momentum.*weightDecay.*augment\.crop.*augment\.cutout.*warmUpEpochs must be at most.*lr is no part/,
    );
    const { learningRate: _, ...missing } = PAPER_RECIPE;
    expect(() => checkRecipe(missing as Recipe)).to.throw('learningRate must be a number above 0; given undefined');
    expect(() => checkRecipe({ ...PAPER_RECIPE, learningRate: Number.NaN })).to.throw('learningRate');
    expect(() => checkRecipe({ ...PAPER_RECIPE, finalLearningRate: 1 })).to.throw('at most learningRate');
  });

  it('has a hash that depends on values, not on their order or on options left out', () => {
    const { nesterov: _, ...rest } = PAPER_RECIPE;
    const reversed = Object.fromEntries(Object.entries(rest).reverse()) as unknown as Recipe;
    expect(recipeHash(reversed)).to.equal(recipeHash(PAPER_RECIPE));
    expect(recipeHash({ ...PAPER_RECIPE, seed: 2 })).to.not.equal(recipeHash(PAPER_RECIPE));
  });
});
