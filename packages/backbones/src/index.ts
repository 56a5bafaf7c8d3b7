export { type MobileNetV1Options, mobilenetv1 } from './mobilenetv1.js';
