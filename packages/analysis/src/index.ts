export {
  type Cost,
  cost,
  type LayerCost,
  type TrainingCost,
  type TrainingLayerCost,
  trainingCost,
} from './cost.js';
