export { exportOnnx, type OnnxOptions } from './onnx/index.js';
export { exportDetectorPage, exportSegmenterPage, type PageOptions } from './page/index.js';
export { exportSavedModel, type SavedModelOptions } from './savedModel.js';
