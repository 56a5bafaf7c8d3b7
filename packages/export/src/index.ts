export type { OverwriteOption } from './files.js';
export { exportLayersModel } from './layersModel.js';
export { exportSavedModel, type SavedModelOptions } from './savedModel.js';
