/** A network of packages/backbones with weights from a file, and what the file tells of it besides shapes. */
import {
  BACKBONES,
  type BackboneOptions,
  buildBackbone,
  classesOf,
  fittingBackbones,
  fittingVariants,
  ownNames,
} from '@refconv/backbones';
import { withoutDrawing } from '@refconv/layers';
import { refconvLayers, refocus } from '@refconv/refconv';
import type { ModelNotes } from '@refconv/training';
import { loadTorchState, readWeightsFile, stateFor, type TorchState, WeightsMismatchError } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';

/** What is written with weights, as their shapes do not tell it: a model's notes, and of a refocused one how its W_t is made. */
interface Told extends ModelNotes {
  identity?: boolean;
}

/** The key of safetensors' metadata. */
const KEY = 'refconv';

/** The metadata of a safetensors file for these weights. */
export function metadataOf(model: LayersModel, notes: ModelNotes): Record<string, string> {
  const [refocused] = refconvLayers(model);
  const told: Told = { ...notes, ...(refocused && { identity: refocused.options.identity }) };
  return { format: 'pt', ...(Object.keys(told).length > 0 && { [KEY]: JSON.stringify(told) }) };
}

function toldBy(metadata: Record<string, string>, file: string): Told {
  try {
    return JSON.parse(metadata[KEY] ?? '{}') as Told;
  } catch (error) {
    throw new Error(`${file}: its metadata '${KEY}' is no JSON (${(error as Error).message}); write the file anew.`);
  }
}

/** What a command has said of the network. */
export interface Asked {
  /** Its id; left out: as the file says. */
  backbone: string | undefined;
  weights: string;
  /** Those given on the command line. */
  options: BackboneOptions;
  /** Height of the images that it is for; undefined where there are none. */
  images: { height?: number } | undefined;
  /** Whether only the tensors are wanted, so that what their shapes do not tell may stay open. */
  tensorsOnly: boolean;
  /** Whether small images ask for the form for them. */
  guess: boolean;
  /** Takes what was taken for granted. */
  log: (line: string) => void;
  /** The file must hold W_r. */
  refconv: boolean;
  /** Whether W_b is added to its map. */
  identity: boolean;
}

/**
 * Builds the network and gives it the file's weights.
 * @throws Error where the weights do not fit, or the file does not say what cannot be told otherwise.
 */
export async function openWeights(asked: Asked): Promise<{ model: LayersModel; notes: ModelNotes }> {
  const { weights: file } = asked;
  const { state: stored, metadata } = await readWeightsFile(file);
  const state = ownNames(stored);
  const { identity, ...told } = toldBy(metadata, file);
  const id = asked.backbone ?? told.backbone?.id;
  if (id === undefined) throw new Error(`${file} does not say which network it is of: add --backbone ID.`);
  if (told.backbone && told.backbone.id !== id)
    throw new Error(
      `${file} says that its weights are of ${told.backbone.id}; --backbone says ${id}. Give the right one.`,
    );
  const { options, isTold } = optionsOf(id, state, asked, told);
  const plain = withoutDrawing(() => buildBackbone(id, options));
  const model = await refocusedFor(state, plain, { ...asked, identity: identity ?? asked.identity });
  try {
    loadTorchState(model, state);
  } catch (error) {
    if (!(error instanceof WeightsMismatchError)) throw error;
    throw new Error(`${error.message} ${whatFits(id, state)}`, { cause: error });
  }
  if (!asked.tensorsOnly) sayGuesses(id, asked, { told, state, identity });
  return { model, notes: isTold ? { ...told, backbone: { id, options: { ...options } } } : {} };
}

/** Below this height images are taken for CIFAR's, where the network has a variant for them. */
export const SMALL_IMAGE = 64;
const IMAGENET_CLASSES = 1000;

/** The network's options: those given, completed by what the file, the images and the weights' shapes tell. */
function optionsOf(
  id: string,
  state: TorchState,
  { options: given, images, tensorsOnly, guess, weights: file }: Asked,
  told: Told,
): { options: BackboneOptions; isTold: boolean } {
  const { seed: _, inputSize, ...known } = (told.backbone?.options ?? {}) as BackboneOptions;
  const rest: BackboneOptions = {
    classes: classesOf(id, state),
    inputSize: images?.height ?? inputSize,
    ...withoutUndefined(known),
    ...given,
  };
  const complete = (variant: BackboneOptions['variant'], isTold = true) => ({
    options: withoutUndefined({ ...rest, variant }),
    isTold,
  });
  const variants = variantsOf(id);
  if (rest.variant || told.backbone || variants.length < 2) return complete(rest.variant);
  if (guess && images?.height !== undefined && images.height < SMALL_IMAGE && variants.includes('cifar'))
    return complete('cifar');
  if (images || rest.classes === IMAGENET_CLASSES) return complete(undefined);
  const fitting = fittingVariants(id, state, withoutUndefined(rest));
  if (fitting.length === 1) return complete(fitting[0]);
  if (fitting.length === 0 || tensorsOnly) return complete(undefined, fitting.length === 0);
  throw new Error(
    `${file} fits the variants ${fitting.join(' and ')} of ${id} alike, and does not say which it is of: ` +
      `add ${fitting.map((name) => `--variant ${name}`).join(' or ')}.`,
  );
}

/** The variants of a network, the default first. */
export const variantsOf = (id: string) => BACKBONES.find(id)?.variants ?? [];

export const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;

/** Says what was taken for granted. */
function sayGuesses(
  id: string,
  { options, weights: file, identity: asked, log }: Asked,
  { told, state, identity }: { told: Told; state: TorchState; identity: boolean | undefined },
): void {
  const usual = BACKBONES.find(id)?.options.includes('activation') && !told.backbone && !options.activation;
  if (usual) log(`${file} does not say its activation: ${id}'s usual one is taken; --activation says another.`);
  if (hasMaps(state) && identity === undefined && asked)
    log(`${file} does not say whether W_b is added to its map: it is, as in the official code, unless --no-identity.`);
}

/** Another network that the weights fit, or what may differ. */
function whatFits(id: string, state: TorchState): string {
  const fitting = fittingBackbones(state);
  if (fitting.includes(id))
    return `They have the names of ${id}: give the --width, --variant and --classes that they were trained with.`;
  if (fitting.length > 0) return `They have the names of ${fitting.join(' and ')}: give it by --backbone.`;
  return 'They are of none of the networks here (`refconv info --all` lists them).';
}

const CONVMAP = '.convmap.weight';
const hasMaps = (state: TorchState) => [...state.keys()].some((key) => key.endsWith(CONVMAP));

/** A model with RefConv layers where the weights have a W_r; the given one where they have none. */
export async function refocusedFor(
  state: TorchState,
  plain: LayersModel,
  { refconv: required, weights: file, identity }: Pick<Asked, 'refconv' | 'weights' | 'identity'>,
): Promise<LayersModel> {
  const convmaps = [...stateFor(plain, state)].filter(([key]) => key.endsWith(CONVMAP));
  const [first] = convmaps;
  if (!first) {
    if (!required) return plain;
    throw new Error(
      `${file} holds no W_r (keys \`<convolution>${CONVMAP}\`), as --refconv says it does. Leave --refconv out.`,
    );
  }
  const names = new Set(convmaps.map(([key]) => key.slice(0, -CONVMAP.length)));
  const mapKernel = first[1].shape.at(-1) as 1 | 3 | 5;
  const model = await refocus(plain, { init: 'zero', mapKernel, identity, select: ({ name }) => names.has(name) });
  plain.dispose();
  return model;
}
