/** The network that a run or a command works on: a model folder, or a backbone of packages/backbones with weights from a file. */
import { type BackboneOptions, buildBackbone, ownNames } from '@refconv/backbones';
import { changedImports } from '@refconv/files';
import { loadModel, type ModelNotes, modelTask } from '@refconv/training';
import { loadTorchState, readWeights } from '@refconv/weights';
import type { LayersModel } from '@tensorflow/tfjs';
import { openTask } from '../tasks/open.js';
import { CLASSIFICATION, type OpenNetwork } from '../tasks/registry.js';
import { overClassifier } from './dense.js';
import type { KnownImages, SourceOptions } from './options.js';
import { openWeights, refocusedFor, SMALL_IMAGE, variantsOf, withoutUndefined } from './weights.js';

/** The task that is asked for, or else that a model folder says it was trained for. */
export async function taskIdOf({ task, model }: SourceOptions): Promise<string> {
  return task ?? (model === undefined ? undefined : await modelTask(model)) ?? CLASSIFICATION;
}

/** The options that say which network, of all that a command has. */
export function sourceOptions(options: SourceOptions): SourceOptions {
  const { model, backbone, weights, refconv, identity, task, outputStride, head, auxiliary, imageSize } = options;
  const dense = withoutUndefined({ task, outputStride, head, auxiliary, imageSize });
  return { model, backbone, weights, refconv, identity, ...dense, ...buildOptions(options) };
}

function buildOptions(options: SourceOptions): { [Name in keyof BackboneOptions]: BackboneOptions[Name] | undefined } {
  const { variant, width, activation, classes, inputSize, seed, dropout, stochasticDepth } = options;
  return { variant, width, activation, classes, inputSize, seed, dropout, stochasticDepth };
}

export interface Source {
  model: LayersModel;
  notes: ModelNotes;
}

const WHICH = 'Which network? Give --model DIR, or --backbone ID (`refconv info --all` lists them).';
const WITHOUT_WEIGHTS = '--refconv says that the weights hold W_r: give them by --weights FILE.';

export interface Purpose {
  /** Only its weights are wanted: what their shapes do not tell may stay open. Default: false. */
  tensorsOnly?: boolean;
  /** Images that are small ask for the network's form for them, where no variant is given. Default: true. */
  guess?: boolean;
  /** Takes warnings, and what was taken for granted. Default: console.error. */
  log?: (line: string) => void;
}

/**
 * Builds or loads the network.
 * @throws Error where the options contradict each other, or the weights do not fit.
 */
export async function openSource(
  options: SourceOptions,
  images?: KnownImages,
  { tensorsOnly = false, guess = true, log = console.error }: Purpose = {},
): Promise<Source> {
  const { model: folder, backbone, weights, refconv = false, identity = true } = options;
  if (folder !== undefined) {
    if (backbone || weights) throw new Error('Give either --model, or --backbone with --weights; not both.');
    const source = await loadModel(folder);
    for (const file of changedImports(source.notes.imports))
      log(`Warning: ${file} has changed since the model in ${folder} was made with it.`);
    requireAgreement(folder, source, options);
    const isClassifier = source.model.outputs[0]?.shape.length === 2;
    const open = isClassifier && (await openFor(options.task));
    return open ? overClassifier(open, source, options, images) : source;
  }
  const open = await openFor(options.task);
  if (open) return openDense(open, options, images);
  const given = withoutUndefined(buildOptions(options)) as BackboneOptions;
  if (weights !== undefined)
    return openWeights({ backbone, weights, options: given, images, tensorsOnly, guess, log, refconv, identity });
  if (!backbone) throw new Error(WHICH);
  if (refconv) throw new Error(WITHOUT_WEIGHTS);
  const isSmall = guess && images?.height !== undefined && images.height < SMALL_IMAGE;
  const guessed = {
    variant: isSmall && variantsOf(backbone).includes('cifar') ? ('cifar' as const) : undefined,
    inputSize: images?.height,
    classes: images?.classes,
  };
  const chosen = { ...withoutUndefined(guessed), ...given } as BackboneOptions;
  return { model: buildBackbone(backbone, chosen), notes: { backbone: { id: backbone, options: { ...chosen } } } };
}

/** How a network over a classifier's body is opened; undefined of a classifier. */
const openFor = async (task: string | undefined) =>
  task === undefined || task === CLASSIFICATION ? undefined : (await openTask(task)).network;

/** A network for segmentation or detection. */
async function openDense(open: OpenNetwork, options: SourceOptions, images: KnownImages | undefined): Promise<Source> {
  const { backbone, weights, refconv = false, identity = true } = options;
  if (!backbone) throw new Error(WHICH);
  const given = weights === undefined ? undefined : ownNames(await readWeights(weights));
  const { variant, width, activation } = options;
  const notes = { backbone: { id: backbone, options: withoutUndefined({ variant, width, activation }) } };
  const { model: plain, state } = await open({ ...options, backbone }, images, given);
  if (weights === undefined || !state) {
    if (refconv) throw new Error(WITHOUT_WEIGHTS);
    return { model: plain, notes };
  }
  const model = await refocusedFor(state, plain, { refconv, weights, identity });
  loadTorchState(model, state);
  return { model, notes };
}

/** @throws Error where an option says another thing of the network than its folder, in which it is fixed. */
function requireAgreement(folder: string, { model, notes }: Source, options: SourceOptions): void {
  const known: BackboneOptions = { ...notes.backbone?.options, inputSize: model.inputs[0]?.shape[1] ?? undefined };
  const names = {
    inputSize: '--input-size',
    variant: '--variant',
    width: '--width',
    activation: '--activation',
  } as const;
  for (const [name, flag] of Object.entries(names) as [keyof typeof names, string][]) {
    const [given, fixed] = [options[name], known[name]];
    if (given !== undefined && fixed !== undefined && given !== fixed)
      throw new Error(
        `The network in ${folder} has ${flag.slice(2)} ${fixed}; ${flag} says ${given}. Leave ${flag} out.`,
      );
  }
}
