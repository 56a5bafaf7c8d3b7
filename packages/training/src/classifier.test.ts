import { tf } from '@refconv/tensorflow';
import type { Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { classifier } from './classifier.js';
import { withModel } from './testing/tiny.js';
import { variablesOf } from './variables.js';

const OPTIONS = { momentum: 0.9, weightDecay: 0.1, decayNormsAndBiases: true, labelSmoothing: 0 };

/** Runs a body with a batch of random images and their labels. */
async function withBatch(body: (images: Tensor4D, labels: Tensor1D) => void | Promise<void>) {
  const images = tf.randomNormal([8, 16, 16, 3], 0, 1, 'float32', 5) as Tensor4D;
  const labels = tf.tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32');
  await body(images, labels);
  tf.dispose([images, labels]);
}

const values = (variables: Variable[]) => variables.map((variable) => Array.from(variable.dataSync()));

function expectClose(actual: number[][], expected: number[][]) {
  actual.forEach((list, i) => {
    const worst = Math.max(...list.map((value, j) => Math.abs(value - (expected[i]?.[j] as number))));
    expect(worst, `variable ${i}`).to.be.below(1e-5);
  });
}

describe('classifier', () => {
  for (const decayNormsAndBiases of [true, false]) {
    it(
      `makes PyTorch's SGD steps, norms and biases ${decayNormsAndBiases ? '' : 'not '}decayed`,
      withModel((model) =>
        withBatch((images, labels) => {
          const weights = variablesOf(model.trainableWeights);
          const program = classifier(model, { ...OPTIONS, decayNormsAndBiases });
          for (let step = 0; step < 2; step++) {
            const expected = tf.tidy(() => {
              const cost = () => {
                const logits = model.apply(images, { training: true }) as never;
                return tf.mean(tf.losses.softmaxCrossEntropy(tf.oneHot(labels, 4), logits)) as never;
              };
              const statistics = model.nonTrainableWeights.map((weight) => tf.clone(weight.read()));
              const { grads } = tf.variableGrads(cost, weights);
              model.nonTrainableWeights.forEach((weight, i) => {
                weight.write(statistics[i] as never);
              });
              return weights.map((weight, i) => {
                const decay = decayNormsAndBiases || weight.rank > 1 ? 0.1 : 0;
                const gradient = tf.add(grads[weight.name] as never, tf.mul(weight, decay));
                const buffer = tf.add(tf.mul(program.momentumBuffers[i] as Variable, 0.9), gradient);
                return Array.from(tf.sub(weight, tf.mul(buffer, 0.05)).dataSync());
              });
            });
            program.train(images, labels, 0.05).dispose();
            expectClose(values(weights), expected);
          }
          program.resetMomentum();
          expect(
            values(program.momentumBuffers)
              .flat()
              .every((value) => value === 0),
          ).to.equal(true);
          program.dispose();
        }),
      ),
    );
  }

  it(
    'gives of each image the prediction, its probability, the rank of the label and the loss without label smoothing',
    withModel((model) =>
      withBatch((images, labels) => {
        const program = classifier(model, { ...OPTIONS, labelSmoothing: 0.1 });
        const { prediction, confidence, rank, loss } = program.evaluate(images, labels);
        tf.tidy(() => {
          const logits = model.predict(images) as Tensor2D;
          const shares = tf.softmax(logits).arraySync();
          const highest = Array.from(tf.argMax(logits, 1).dataSync());
          expect(Array.from(prediction.dataSync())).to.deep.equal(highest);
          const own = labels.arraySync();
          shares.forEach((row, i) => {
            const share = row[own[i] as number] as number;
            expect(rank.arraySync()[i]).to.equal(row.filter((other) => other > share).length);
            expect(confidence.arraySync()[i]).to.be.closeTo(Math.max(...row), 1e-5);
            expect(loss.arraySync()[i]).to.be.closeTo(-Math.log(share), 1e-4);
          });
        });
        tf.dispose([prediction, confidence, rank, loss]);
        program.dispose();
      }),
    ),
  );
});
