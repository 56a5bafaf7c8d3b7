import { variablesOf } from '@refconv/layers';
import { tf } from '@refconv/tensorflow';
import type { LayersModel, SymbolicTensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { expect } from 'chai';
import { classifier, evaluator } from './classifier.js';
import { withModel } from './testing/tiny.js';

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
          const momentum = program.optimiser.slots.momentum as Variable[];
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
                const buffer = tf.add(tf.mul(momentum[i] as Variable, 0.9), gradient);
                return Array.from(tf.sub(weight, tf.mul(buffer, 0.05)).dataSync());
              });
            });
            program.train(images, labels, 0.05).dispose();
            expectClose(values(weights), expected);
          }
          program.optimiser.reset();
          expect(
            values(momentum)
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

describe('a classifier that ends in a softmax', () => {
  const plain = () =>
    tf.sequential({
      layers: [
        tf.layers.globalAveragePooling2d({ inputShape: [16, 16, 3] }),
        tf.layers.dense({ units: 4, kernelInitializer: tf.initializers.glorotNormal({ seed: 3 }) }),
      ],
    });

  it('is trained and evaluated as the same network without it, eager and compiled', () =>
    withBatch((images, labels) => {
      for (const eager of [true, false]) {
        const [logits, probabilities] = [plain(), plain()];
        probabilities.add(tf.layers.softmax());
        const rate = tf.scalar(0.5);
        const results = [logits, probabilities].map((model) => {
          const program = classifier(model, OPTIONS, { eager });
          const losses = [0, 1, 2].map(() => {
            const loss = program.train(images, labels, rate);
            const [value] = loss.dataSync();
            loss.dispose();
            return value as number;
          });
          const found = program.evaluate(images, labels);
          const numbers = [losses, ...Object.values(found).map((tensor) => Array.from(tensor.dataSync()))];
          tf.dispose(found);
          program.dispose();
          return numbers;
        });
        expectClose(results[1] as number[][], results[0] as number[][]);
        rate.dispose();
        logits.dispose();
        probabilities.dispose();
      }
    }));

  it('is told from what is no classifier, which is named', () => {
    const x = tf.input({ shape: [16, 16, 3] });
    const y = tf.input({ shape: [16, 16, 3] });
    const flat = tf.layers.flatten().apply(x) as SymbolicTensor;
    const dense = () => tf.layers.dense({ units: 10 }).apply(flat) as SymbolicTensor;
    const joined = tf.layers
      .dense({ units: 2 })
      .apply(tf.layers.flatten().apply(tf.layers.add().apply([x, y]) as SymbolicTensor));
    const wrong: [LayersModel, RegExp][] = [
      [
        tf.model({ inputs: x, outputs: [dense(), dense()], name: 'twoheads' }),
        /twoheads .*gives \[n,10\] and \[n,10\]; expected/,
      ],
      [tf.model({ inputs: [x, y], outputs: joined as SymbolicTensor }), /takes \[n,16,16,3\] and \[n,16,16,3\]/],
      [
        tf.model({ inputs: x, outputs: tf.layers.conv2d({ filters: 2, kernelSize: 1 }).apply(x) as SymbolicTensor }),
        /gives \[n,16,16,2\]/,
      ],
    ];
    for (const [model, message] of wrong) {
      expect(() => classifier(model, OPTIONS)).to.throw(message);
      expect(() => evaluator(model)).to.throw(message);
    }
    const sigmoid = tf.layers.dense({ units: 3, activation: 'sigmoid' }).apply(flat) as SymbolicTensor;
    expect(() => classifier(tf.model({ inputs: x, outputs: sigmoid }), OPTIONS)).to.throw(
      /ends in a sigmoid.*expected logits/,
    );
  });
});
