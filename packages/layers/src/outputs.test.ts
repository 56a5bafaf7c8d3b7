import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { headOf, outputActivation } from './outputs.js';

type Activation = NonNullable<Parameters<typeof tf.layers.dense>[0]['activation']>;

const body = () => tf.layers.flatten({ inputShape: [4, 4, 3] });
const dense = (activation?: Activation) => tf.layers.dense({ units: 2, name: 'head', activation });

describe("a network's output", () => {
  const cases: [string, () => tf.LayersModel, string][] = [
    ['logits', () => tf.sequential({ layers: [body(), dense()] }), 'linear'],
    ['an activation of the head', () => tf.sequential({ layers: [body(), dense('softmax')] }), 'softmax'],
    ['a Softmax layer', () => tf.sequential({ layers: [body(), dense(), tf.layers.softmax()] }), 'softmax'],
    [
      'an activation layer, and a shape after it',
      () =>
        tf.sequential({
          layers: [
            body(),
            dense(),
            tf.layers.activation({ activation: 'softmax' }),
            tf.layers.reshape({ targetShape: [2] }),
          ],
        }),
      'softmax',
    ],
    [
      'a model inside',
      () =>
        tf.sequential({
          layers: [
            body(),
            tf.sequential({
              layers: [tf.layers.dense({ units: 2, name: 'head', inputShape: [48], activation: 'softmax' })],
            }),
          ],
        }),
      'softmax',
    ],
    ['a sigmoid', () => tf.sequential({ layers: [body(), dense('sigmoid')] }), 'sigmoid'],
    [
      'a softmax that is not at the end',
      () => tf.sequential({ layers: [body(), tf.layers.softmax(), dense()] }),
      'linear',
    ],
  ];
  for (const [name, make, activation] of cases) {
    it(`of ${name}: ${activation}`, () => {
      const model = make();
      expect(outputActivation(model)).to.equal(activation);
      expect(headOf(model)?.name).to.equal('head');
      model.dispose();
    });
  }

  it('without weights has no head', () => {
    expect(headOf(tf.sequential({ layers: [body()] }))).to.equal(undefined);
  });
});
