export { cacheFolder, type Environment } from './cache.js';
export { readCsv, readCsvLines, wholeLines } from './csv.js';
export { type Difference, differences } from './differences.js';
export { fileError } from './errors.js';
export { changedImports, type Import, importAgain, importFile, importsOf, pathsRegistering } from './imports.js';
export { canonicalJson, hashOf, parseJson, readJson, shown } from './json.js';
export { removeLeftovers } from './leftovers.js';
export {
  type Holder,
  holderOf,
  type Lock,
  LockLostError,
  type LockOptions,
  tryLock,
  type WatchOptions,
  withLock,
} from './lock.js';
export { markdownTable, withMarked } from './markdown.js';
export { namesIn, openFileSync, readBytes, readText } from './read.js';
export { nearest, type Registration, Registry, registered } from './registry.js';
export {
  appendWhole,
  freeBytes,
  makeFolder,
  type ReplaceOption,
  requireWritable,
  writeAtomically,
  writeWhole,
} from './write.js';
