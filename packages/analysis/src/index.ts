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
  type StepCost,
  stepCost,
  type TrainingCost,
  type TrainingLayerCost,
  trainingCost,
} from './cost.js';
export { cosine, type Direction, disposeDirection, filterNormalized, randomDirection } from './landscape/directions.js';
export {
  type GridPoint,
  type GridSpec,
  gridPoints,
  type LandscapePoint,
  type LandscapeRun,
  type Part,
  parsePart,
  readLandscape,
  runLandscape,
} from './landscape/grid.js';
export { type Sharpness, sharpness } from './landscape/sharpness.js';
export { type LossPoint, type LossSurface, lossSurface, type SurfaceOptions } from './landscape/surface.js';
export { type Matrix, type MatrixSummary, summarize } from './matrix.js';
export { type ImagePrediction, type PredictionReport, predictionReport, reportPredictions } from './predictions.js';
export {
  type KernelRedundancy,
  type LayerRedundancy,
  type RedundancyOptions,
  redundancy,
  redundancyOf,
} from './redundancy.js';
export { type Attacker, type AttackerOptions, attacker, type RunOptions, type Task } from './robustness/attacker.js';
export {
  type Answer,
  ATTACKS,
  type Attacked,
  type AttackOptions,
  attack,
  checkAttack,
  type Target,
  type Walk,
} from './robustness/attacks.js';
export {
  accuracyCurve,
  type ImageRobustness,
  medianEps,
  pairedDifferences,
  readRobustness,
  robustnessRow,
  withstood,
} from './robustness/curve.js';
export { type Levels, type RobustnessRun, runRobustness, smallestEps, targetOf } from './robustness/robustness.js';
export { kernelSkeletonsOf, type LayerSkeletons, skeleton, skeletonsOf } from './skeleton.js';
