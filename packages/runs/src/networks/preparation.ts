/** How images become a network's, where a spec or the command line does not say it. */
import { evaluationTransform, publishedPreprocessing } from '@refconv/backbones';
import { parseTransform, type Statistics } from '@refconv/datasets';
import type { ModelNotes } from '@refconv/training';
import type { LayersModel } from '@tensorflow/tfjs';
import type { SourceOptions } from './options.js';

/** The normalisation given on the command line, else the model's own, else the data set's. */
export function normalisation(given: Partial<Statistics>, notes: Partial<Statistics>, data: Statistics): Statistics {
  return first(given, notes) ?? { mean: data.mean, std: data.std };
}

function first(given: Partial<Statistics>, notes: Partial<Statistics>): Statistics | undefined {
  if ((given.mean === undefined) !== (given.std === undefined)) throw new Error('Give --mean and --std together.');
  const { mean, std } = given.mean ? given : notes;
  return mean && std && { mean, std };
}

/** The step of a transform that normalises so. */
export const normalizeStep = ({ mean, std }: Statistics): string => `normalize(${mean.join('/')},${std.join('/')})`;

/**
 * The transform with which images in files are evaluated, by the command line or else as the model was trained for, or else as
 * its network's weights were published. `--mean` and `--std` change the normalisation alone.
 */
export function testTransform(
  given: Partial<Statistics> & { testTransform?: string; weights?: string },
  notes: ModelNotes,
  size: number,
): string {
  if (given.testTransform !== undefined) return given.testTransform;
  const statistics = first(given, notes.transform ? {} : notes);
  if (notes.transform && !statistics) return notes.transform;
  const published = publishedPreprocessing(notes.backbone?.id, given.weights);
  const three = (values: readonly number[]) => values as readonly [number, number, number];
  return evaluationTransform(
    statistics
      ? { ...published, channels: 'RGB', range: [0, 1], mean: three(statistics.mean), std: three(statistics.std) }
      : published,
    size,
  );
}

/** Height and width of the images that a model takes; where it takes any, as asked for or as its published weights were trained. */
export function inputSizeOf(model: LayersModel, { backbone }: ModelNotes, asked?: number): number {
  return model.inputs[0]?.shape[1] ?? asked ?? publishedPreprocessing(backbone?.id).crop;
}

/** The size that is asked for: by `--input-size`, or else by the transform that makes images of it. */
export function askedSize(options: {
  inputSize?: number;
  transform?: string;
  testTransform?: string;
}): number | undefined {
  const texts = [options.transform, options.testTransform].filter((text) => text !== undefined);
  return options.inputSize ?? texts.map((text) => parseTransform(text).size).find((size) => size !== undefined);
}

/** The size that is asked for: by `--image-size` or `--input-size`, or else by a transform that makes images of it. */
export function askedShape(options: SourceOptions & { transform?: string; testTransform?: string }) {
  const { imageSize, inputSize, transform, testTransform } = options;
  if (imageSize) return imageSize;
  if (inputSize) return [inputSize, inputSize] as const;
  const texts = [transform, testTransform].filter((text) => text !== undefined);
  return texts.map((text) => parseTransform(text).shape).find((shape) => shape !== undefined);
}

/** The last steps of a transform: as the command line says, else as the model was trained with, else as the backbone's published weights were. */
export function normalisationSteps(given: Partial<Statistics> & { weights?: string }, notes: ModelNotes): string {
  const statistics = first(given, notes);
  if (statistics) return normalizeStep(statistics);
  const usual = evaluationTransform(publishedPreprocessing(notes.backbone?.id, given.weights));
  return usual
    .split('|')
    .filter((step) => /^(normalize|range255|bgr)\b/.test(step))
    .join('|');
}
