export { type MobileNetV1Options, mobilenetv1 } from './mobilenetv1.js';
export { loadTorchState, type TorchState, type TorchTensor, torchState } from './torchState.js';
