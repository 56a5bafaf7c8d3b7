export { WeightsError } from './bytes.js';
export { parseWeights, readWeights, readWeightsFile, type WeightsFile, writeWeights } from './file.js';
export { normalizeState } from './normalize.js';
export {
  readSafetensors,
  type SafetensorsEntry,
  safetensorsEntries,
  safetensorsHeader,
  writeSafetensors,
} from './safetensors.js';
export { readTorchFile } from './torchFile.js';
export {
  fitsModel,
  loadTorchState,
  registerLayout,
  stateFor,
  type TorchState,
  type TorchTensor,
  torchState,
  type WeightPlace,
  WeightsMismatchError,
} from './torchState.js';
