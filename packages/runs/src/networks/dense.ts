/** Networks over a classifier's body: segmenters and detectors. */
import type { BackboneOptions } from '@refconv/backbones';
import type { ModelNotes } from '@refconv/training';
import { type TorchState, torchState } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import type { OpenNetwork } from '../tasks/registry.js';
import type { KnownImages, SourceOptions } from './options.js';

/** Height and width of the images that a network is for: of those that there are, or else as asked for. */
export function sizeOf(
  { inputSize, imageSize }: SourceOptions,
  images: Pick<KnownImages, 'height' | 'width'> | undefined,
): [number, number] | undefined {
  if (images?.height) return [images.height, images.width ?? images.height];
  if (imageSize) return [...imageSize];
  return inputSize === undefined ? undefined : [inputSize, inputSize];
}

/** Whether weights are those of a classifier, and not of a network over its body. */
export const isOfClassifier = (state: TorchState): boolean =>
  ![...state.keys()].some((key) => key.startsWith('backbone.'));

/** A network over a trained classifier's body, as the folder of a plain or merged one has it. @throws Error where it is not known which network it is. */
export async function overClassifier(
  open: OpenNetwork,
  { model: classifier, notes }: { model: LayersModel; notes: ModelNotes },
  options: SourceOptions,
  images: KnownImages | undefined,
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
