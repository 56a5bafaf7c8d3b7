/** Gets TensorFlow ready: see `ensureInstallation`. */
export { cacheFolder } from '@refconv/files';
export { SetupError, StoppedError } from './errors.js';
export { findInstallation, type Installation } from './find.js';
export { ensureInstallation, type SetupOptions } from './install.js';
export type { Flavour } from './plan.js';
