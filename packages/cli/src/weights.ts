/** A network of packages/backbones with weights from a file, and what the file tells of it besides shapes. */
import {
  BACKBONES,
  type BackboneOptions,
  buildBackbone,
  classesOf,
  fittingBackbones,
  fittingVariants,
  loadTorchState,
  readWeightsFile,
  type TorchState,
  WeightsMismatchError,
} from '@refconv/backbones';
import { refconvLayers, refocus } from '@refconv/refconv';
import type { ModelNotes } from '@refconv/training';
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
  const told: Told = { ...notes, ...(refocused && { identity: refocused.reparameterization.options.identity }) };
  return { format: 'pt', ...(Object.keys(told).length > 0 && { [KEY]: JSON.stringify(told) }) };
}

function toldBy(metadata: Record<string, string>, file: string): Told {
  try {
    return JSON.parse(metadata[KEY] ?? '{}') as Told;
  } catch (error) {
    throw new Error(`${file}: its metadata '${KEY}' is no JSON (${(error as Error).message}); write the file anew.`);
  }
}
