export type { OverwriteOption } from './files.js';
export { exportLayersModel } from './layersModel.js';
export { exportOnnx, type OnnxOptions } from './onnx/index.js';
export { exportSavedModel, type SavedModelOptions } from './savedModel.js';
