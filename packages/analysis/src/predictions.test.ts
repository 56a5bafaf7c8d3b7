import { expect } from 'chai';
import { predictionReport, reportPredictions } from './predictions.js';

describe('predictionReport', () => {
  it('counts confusions, accuracies and calibration', () => {
    // Confidences 0.8, 0.8, 0.6 and 0.8; the second is wrong.
    const [sure, unsure] = [Math.log(4), Math.log(1.5)];
    const found = predictionReport(Float32Array.of(sure, 0, sure, 0, 0, unsure, 0, sure), [0, 1, 1, 1], 2);
    expect(found.top1).to.equal(0.75);
    expect([...found.confusion.values]).to.deep.equal([1, 0, 1, 2]);
    expect(found.perClass).to.deep.equal([1, 2 / 3]);
    expect(found.bins.reduce((sum, { count }) => sum + count, 0)).to.equal(4);
    expect(found.calibrationError).to.be.closeTo((Math.abs(2.4 - 2) + Math.abs(0.6 - 1)) / 4, 1e-6);
  });

  it('says what does not fit', () => {
    expect(() => predictionReport(new Float32Array(5), [0, 1], 2)).to.throw(/need 4 logits; given 5/);
    expect(() => predictionReport(new Float32Array(4), [0, 2], 2)).to.throw(/from 0 to 1; label 1 is 2/);
    expect(() => reportPredictions([], 2)).to.throw(/There are no predictions/);
    const wrong = { label: 0, prediction: Number.NaN, confidence: 1 };
    expect(() => reportPredictions([wrong], 2)).to.throw(/from 0 to 1; prediction 0 is NaN/);
    expect(() => reportPredictions([{ ...wrong, prediction: 0, confidence: Number.NaN }], 2)).to.throw(
      /Confidences must be from 0 to 1; that of prediction 0 is NaN/,
    );
    expect(() => predictionReport(Float32Array.of(1, 0, Number.NaN, 0), [0, 1], 2)).to.throw(
      /logits of image 1 were NaN or infinite/,
    );
  });
});
