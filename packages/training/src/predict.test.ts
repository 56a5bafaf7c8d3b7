import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@refconv/tensorflow';
import { expect } from 'chai';
import { evaluate } from './evaluate.js';
import { predict } from './predict.js';
import { PREDICTIONS_FILE, writePredictions } from './predictions.js';
import { CLASSES, tinyData, tinyModel } from './testing/tiny.js';

describe('predictions', () => {
  it('agree with the accuracy, have probabilities, and become a file', async () => {
    const before = tf.memory().numTensors;
    const [model, { test, mean, std }] = [tinyModel(), tinyData()];
    const predictions = await predict(model, test, { mean, std });
    const { correct } = await evaluate(model, test, { mean, std });
    model.dispose();
    expect(tf.memory().numTensors).to.equal(before);
    expect(predictions.map(({ label }) => label)).to.deep.equal([...test.labels]);
    expect(predictions.filter(({ label, prediction }) => label === prediction).length).to.equal(correct);
    for (const { confidence } of predictions) expect(confidence).to.be.within(1 / CLASSES, 1);

    const folder = await mkdtemp(join(tmpdir(), 'refconv-predictions-'));
    try {
      await writePredictions(folder, predictions);
      const [header, first, ...others] = (await readFile(join(folder, PREDICTIONS_FILE), 'utf8')).trim().split('\n');
      expect(header).to.equal('index,label,prediction,confidence');
      const { label, prediction, confidence } = predictions[0] as (typeof predictions)[number];
      expect(first).to.equal(`0,${label},${prediction},${confidence.toFixed(6)}`);
      expect(others.length).to.equal(predictions.length - 1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
