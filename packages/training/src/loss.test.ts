import { readFileSync } from 'node:fs';
import { tf } from '@refconv/tensorflow';
import type { Tensor2D } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { classifier } from './classifier.js';
import { fit } from './fit.js';
import { lossOf } from './loss.js';
import { checkRecipe, type Recipe } from './recipe.js';
import type { LossOptions } from './task.js';
import { messageOf, tinyData, tinyModel, tinyRecipe, weightsHash } from './testing/tiny.js';

const [N, CLASSES] = [3, 4];

/** Made by bench/pytorch/losses.py. */
interface Golden {
  options: LossOptions;
  labels: number[] | number[][];
  loss: number;
  gradient: number[];
}
const GOLDENS = JSON.parse(readFileSync(new URL('../goldens/losses.json', import.meta.url), 'utf8')) as Golden[];

const logits = (start: number) =>
  tf.tensor2d(
    Array.from({ length: N * CLASSES }, (_, k) => 3 * ((((start + k) * 7919) % 1009) / 504.5 - 1)),
    [N, CLASSES],
  );

describe('a loss', () => {
  for (const { options, labels, loss, gradient } of GOLDENS) {
    it(`is PyTorch's, with its gradient: ${JSON.stringify({ ...options, labels })}`, () => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const targets = Array.isArray(labels[0])
          ? tf.tensor2d(labels as number[][])
          : tf.tensor1d(labels as number[], 'int32');
        const of = (student: Tensor2D) => lossOf(student, targets, options, logits(500));
        expect(of(logits(1)).dataSync()[0]).to.be.closeTo(loss, 1e-6);
        const found = tf
          .grad((student) => of(student as Tensor2D))(logits(1))
          .dataSync();
        gradient.forEach((value, i) => {
          expect(found[i]).to.be.closeTo(value, 1e-6);
        });
      });
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it('is finite for logits of any size, and has a slope at zero', () => {
    const options: LossOptions = { labelSmoothing: 0, loss: { id: 'binary-cross-entropy', sumClasses: true } };
    tf.tidy(() => {
      const slope = (value: number) =>
        Array.from(
          tf
            .grad((z) => lossOf(z as Tensor2D, tf.tensor1d([0], 'int32'), options))(tf.tensor2d([[value, value]]))
            .dataSync(),
        );
      expect(slope(0)).to.deep.equal([-0.5, 0.5]);
      expect(slope(1000)).to.deep.equal([0, 1]);
      expect(slope(-1000)).to.deep.equal([-1, 0]);
    });
  });

  it('that cannot be is refused', () => {
    const wrong: [Partial<Recipe>, RegExp][] = [
      [{ loss: { id: 'focal' } as never }, /loss\.id must be \{ id: 'cross-entropy' \} or .*given "focal"/],
      [
        { loss: { id: 'cross-entropy', threshold: 0.1 } as never },
        /loss\.threshold must be left out: it is unknown; there are id; given 0\.1/,
      ],
      [{ distillation: { weight: 0 } }, /distillation\.weight must be a number above 0 to 1; given 0/],
      [{ augment: { mixup: 0 } }, /augment\.mixup must be a number above 0; given 0/],
      [{ augment: { cutmix: 1 }, adversarial: { eps: 8 } }, /adversarial must be left out/],
    ];
    for (const [changes, message] of wrong)
      expect(() => checkRecipe(tinyRecipe(changes))).to.throw(RangeError, message);
  });
});

describe('a training with mixed images and a teacher', () => {
  const data = tinyData(64);
  const train = async (recipe: Recipe, teacher?: ReturnType<typeof tinyModel>) => {
    const model = tinyModel();
    const options = { model, data, recipe, showProgress: false, log: () => {} };
    try {
      const { last } = await fit({ ...options, ...(teacher && { teacher }) });
      return { hash: weightsHash(model), trainLoss: last?.trainLoss as number };
    } finally {
      model.dispose();
    }
  };

  it('learns from images mixed in memory, by binary cross entropy too', async () => {
    const augment = { crop: 1, flip: true, mixup: 0.2, cutmix: 1 };
    const recipe = tinyRecipe({ epochs: 1, augment, loss: { id: 'binary-cross-entropy', threshold: 0.2 } });
    const [first, again] = [await train(recipe), await train(recipe)];
    expect(again).to.deep.equal(first);
    expect(first.trainLoss).to.be.within(0.01, 1.5);
  });

  it('comes nearer to its teacher than without one; needs one, with as many classes', async () => {
    const before = tf.memory().numTensors;
    const teacher = tinyModel(2);
    const own = weightsHash(teacher);
    const recipe = tinyRecipe({ epochs: 2, distillation: { weight: 1, temperature: 2 } });
    const one = await train({ ...recipe, epochs: 1, warmUpEpochs: 0 }, teacher);
    const two = await train({ ...recipe, epochs: 3, warmUpEpochs: 0 }, teacher);
    expect(two.trainLoss).to.be.below(one.trainLoss);
    expect(weightsHash(teacher)).to.equal(own);
    expect(await messageOf(train(recipe))).to.match(/recipe distils, and there is no teacher/);
    expect(await messageOf(train(tinyRecipe(), teacher))).to.match(
      /teacher is given, and the recipe has no distillation/,
    );
    const other = tf.sequential({
      layers: [tf.layers.flatten({ inputShape: [16, 16, 3] }), tf.layers.dense({ units: 7 })],
    });
    expect(await messageOf(train(recipe, other as never))).to.match(/teacher has 7 classes and the model 4/);
    expect(() => classifier(other, recipe)).to.throw(/no teacher/);
    other.dispose();
    teacher.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
