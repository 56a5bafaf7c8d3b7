export { type Cost, cost, type LayerCost, type RefConvCost, type RefocusedLayer, refconvCost } from './cost.js';
