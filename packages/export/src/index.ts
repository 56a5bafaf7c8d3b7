export { exportOnnx, type OnnxOptions } from './onnx/index.js';
export { exportSegmenterPage, type SegmenterPageOptions } from './page/index.js';
export { exportSavedModel, type SavedModelOptions } from './savedModel.js';
