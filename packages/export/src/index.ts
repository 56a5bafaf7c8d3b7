export { exportOnnx, type OnnxOptions } from './onnx/index.js';
export { exportSavedModel, type SavedModelOptions } from './savedModel.js';
