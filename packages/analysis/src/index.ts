export {
  type ConnectivityOptions,
  connectivity,
  connectivityOf,
  type InitialConnectivity,
  initialConnectivity,
  type LayerConnectivity,
} from './connectivity.js';
export {
  type Cost,
  cost,
  type LayerCost,
  type TrainingCost,
  type TrainingLayerCost,
  trainingCost,
} from './cost.js';
export { type Matrix, type MatrixSummary, summarize } from './matrix.js';
export {
  type KernelRedundancy,
  type LayerRedundancy,
  type RedundancyOptions,
  redundancy,
  redundancyOf,
} from './redundancy.js';
export { type LayerSkeletons, skeleton, skeletonsOf } from './skeleton.js';
