/** What moved to @refconv/files, under the name that it had here. */
export {
  fileError,
  freeBytes,
  makeFolder,
  type ReplaceOption,
  writeAtomically,
  writeWhole,
} from '@refconv/files';
