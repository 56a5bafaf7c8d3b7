/** A test image's prediction, and the file of them: reports read it. */
import { join } from 'node:path';
import { writeAtomically } from '@refconv/files';
import { stringify } from 'csv-stringify/sync';

export interface Prediction {
  /** The right class, and the one with the highest logit. */
  label: number;
  prediction: number;
  /** The latter's probability, 0 to 1. */
  confidence: number;
}

export const PREDICTIONS_FILE = 'predictions.csv';

/** Writes predictions.csv: index, label, prediction, confidence of each image, in the order of the split. */
export async function writePredictions(folder: string, predictions: readonly Prediction[]): Promise<void> {
  const rows = predictions.map(({ label, prediction, confidence }, index) => ({
    ...{ index, label, prediction },
    confidence: confidence.toFixed(6),
  }));
  await writeAtomically(join(folder, PREDICTIONS_FILE), [stringify(rows, { header: true })]);
}
