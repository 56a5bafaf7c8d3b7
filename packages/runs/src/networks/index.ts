/** The networks that runs and commands work on. */

export { openTask } from '../tasks/open.js';
export { CLASSIFICATION } from '../tasks/registry.js';
export { classCount, labelsFor } from './classes.js';
export { requireClasses, shapeOf } from './dense.js';
export { hashOfFile, hashOfModel } from './modelFiles.js';
export type { KnownImages, SourceOptions } from './options.js';
export {
  askedShape,
  askedSize,
  inputSizeOf,
  normalisation,
  normalisationSteps,
  normalizeStep,
  testTransform,
} from './preparation.js';
export { openSource, type Source, sourceOptions, taskIdOf } from './source.js';
export { metadataOf } from './weights.js';
