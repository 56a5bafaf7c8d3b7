/** Segmentation as the commands have it: which network, and labels from files. */
import {
  type BackboneOptions,
  evaluationTransform,
  featureTaps,
  loadClassifier,
  publishedPreprocessing,
} from '@refconv/backbones';
import { parseTransform } from '@refconv/datasets';
import { buildSegmenter, fromTorchvision, IGNORED } from '@refconv/segmentation';
import { tf } from '@refconv/tensorflow';
import type { ModelNotes } from '@refconv/training';
import { type TorchState, torchState } from '@refconv/weights';
import type { LayersModel, Tensor3D } from '@tensorflow/tfjs';
import type { ImageArray } from './images.js';
import { readLabels } from './npy.js';
import type { SourceOptions } from './source.js';

const LOGITS = 'classifier.high_classifier.weight';

/**
 * The plain segmenter for images of this size, and the weights under its keys where they are not given to it yet: those of a classifier go
 * into its backbone.
 * @throws Error where options are missing.
 */
export async function openSegmenter(
  options: SourceOptions & { backbone: string },
  images: { height?: number; width?: number } | undefined,
  given: TorchState | undefined,
): Promise<{ model: LayersModel; state?: TorchState | undefined }> {
  featureTaps(options.backbone);
  const state = given && fromTorchvision(given);
  const isClassifier = state !== undefined && isOfClassifier(state);
  const { backbone, variant, width, activation, seed, stochasticDepth, outputStride, inputSize, imageSize } = options;
  const classes = options.classes ?? state?.get(LOGITS)?.shape[0];
  const [height, columns] = images?.height
    ? [images.height, images.width ?? images.height]
    : (imageSize ?? [inputSize, inputSize]);
  if (classes === undefined) throw new Error('How many classes? Give --classes.');
  if (height === undefined || columns === undefined)
    throw new Error('Which size have the images? Give --image-size, such as 180x240.');
  const chosen = {
    variant,
    width,
    activation,
    seed,
    stochasticDepth,
    head: options.head,
    auxiliary: options.auxiliary,
  };
  const present = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
  const model = await buildSegmenter({ backbone, classes, outputStride, inputSize: [height, columns], ...present });
  if (!isClassifier) return { model, state };
  loadClassifier(model, state);
  return { model };
}

/** Whether weights are those of a classifier, and not of a network over its body. */
export const isOfClassifier = (state: TorchState): boolean =>
  ![...state.keys()].some((key) => key.startsWith('backbone.'));

/** A segmenter or detector over a trained classifier's body, as the folder of a plain or merged one has it. @throws Error where it is not known which network it is. */
export async function overClassifier(
  open: typeof openSegmenter,
  { model: classifier, notes }: { model: LayersModel; notes: ModelNotes },
  options: SourceOptions,
  images: { height?: number; width?: number } | undefined,
): Promise<{ model: LayersModel; notes: ModelNotes }> {
  if (!notes.backbone)
    throw new Error(
      `${options.model} does not say which network of this project it is, so that its features are not known; give --backbone and --weights.`,
    );
  const { id, options: built } = notes.backbone;
  const { inputSize: _, classes: __, ...network } = built as BackboneOptions;
  const state = torchState(classifier);
  classifier.dispose();
  const { model } = await open({ ...options, ...network, backbone: id }, images, state);
  // The body's images are normalised as the classifier's were, and of another size.
  const { mean, std } = notes;
  return { model, notes: { ...(mean && { mean }), ...(std && { std }), backbone: { id, options: { ...network } } } };
}

/** @throws Error where a network tells apart another number of classes than a set has. */
export function requireClasses(
  { classesOf }: { classesOf(model: LayersModel): number | undefined },
  model: LayersModel,
  { name, classes }: { name: string; classes: readonly string[] },
): void {
  const count = classesOf(model);
  if (count !== classes.length) throw new Error(`The model has ${count} classes, ${name} has ${classes.length}.`);
}

/** Height and width of the images that a segmenter or detector takes. */
export function shapeOf(model: LayersModel): readonly [number, number] {
  const [, height, width] = model.inputs[0]?.shape ?? [];
  if (height && width) return [height, width];
  throw new Error(`${model.name} takes images of any size; expected a network for images of a fixed size.`);
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
export function normalisationSteps(
  { mean, std, weights }: { mean?: number[]; std?: number[]; weights?: string },
  notes: ModelNotes,
): string {
  if ((mean === undefined) !== (std === undefined)) throw new Error('Give --mean and --std together.');
  const given = mean && std ? { mean, std } : notes;
  if (given.mean && given.std) return `normalize(${given.mean.join('/')},${given.std.join('/')})`;
  const usual = evaluationTransform(publishedPreprocessing(notes.backbone?.id, weights));
  return usual
    .split('|')
    .filter((step) => /^(normalize|range255|bgr)\b/.test(step))
    .join('|');
}

/** Class numbers [n, h, w] that belong to the images. @throws Error where shape or numbers do not fit. */
export async function readPixelLabels(path: string, images: ImageArray, classes: number): Promise<Tensor3D> {
  const { shape, data } = await readLabels(path);
  const expected = [images.count, images.height, images.width];
  if (String(shape) !== String(expected))
    throw new Error(`${path} must hold labels of shape [${expected}], as the images have; given [${shape}].`);
  const wrong = data.find((label) => label !== IGNORED && (label < 0 || label >= classes));
  if (wrong !== undefined) {
    throw new Error(
      `${path} has the label ${wrong}; expected classes from 0 to ${classes - 1}, or ${IGNORED}, which is ignored.`,
    );
  }
  return tf.tensor3d(data, shape as [number, number, number], 'int32');
}
