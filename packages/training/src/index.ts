export { writeAtomically } from '@refconv/files';
export { type AttackedImages, adversarialImages } from './adversarial.js';
export { saveAverages } from './averagedEvaluation.js';
export { neutralBatchNorms } from './batchNorms.js';
export { type Checkpoint, CheckpointFolder } from './checkpoint.js';
export { decodeCheckpoint, encodeCheckpoint } from './checkpointFile.js';
export { classification } from './classification.js';
export {
  type Classifier,
  type CompileChoice,
  classifier,
  type Evaluator,
  evaluator,
  type StepOptions,
  trainer,
} from './classifier.js';
export { type EvaluationOptions, evaluate, predict, predictWith, type TaskChoice } from './evaluate.js';
export { type FeatureOptions, type Features, features } from './features.js';
export { finalSplit, type SplitName, type TrainingData, trainingEpochs } from './feed.js';
export { DivergedError, type FitOptions, fit } from './fit.js';
export type { BestEpoch, FitResult } from './fitResult.js';
export { lockTraining } from './folderLock.js';
export { freezeLayers, inEvaluation } from './freeze.js';
export { LEFT_OUT_FILE, type LeftImage, type LeftOut, leavesOut, leftOutBy, leftOutText } from './leftOut.js';
export { type LoadingOptions, type OpenLoaders, openLoaders, testLoader, trainingTransform } from './loaders.js';
export { lossOf } from './loss.js';
export type { Distillation, LossChoice } from './lossChoice.js';
export { METRICS_FILE, type MetricsRow, scoreKey } from './metrics.js';
export { loadModel, type ModelNotes, modelTask, saveModel } from './modelFolder.js';
export { OPTIMISERS, type OptimiserChoice, type OptimiserFacts, type OptimiserOption } from './optimiser/choice.js';
export { type MakeOptimiser, type OptimiserKind, registerOptimiser, type WeightUpdate } from './optimiser/kinds.js';
export { type Optimiser, type OptimiserSettings, optimiserOf } from './optimiser/optimiser.js';
export {
  type Evaluation,
  evaluationOf,
  PREDICTIONS_FILE,
  type Prediction,
  requireFinite,
  writePredictions,
} from './predictions.js';
export { type Progress, progress } from './progress.js';
export {
  type Adversarial,
  type Averaging,
  checkRecipe,
  OFFICIAL_CODE_RECIPE,
  PAPER_RECIPE,
  type ParameterGroup,
  type Recipe,
  recipeHash,
} from './recipe.js';
export { readRecipe } from './recipes/file.js';
export { type NamedRecipe, RECIPES } from './recipes/named.js';
export { learningRateAt, type Schedule, scheduleOf } from './schedule.js';
export { SCHEDULES, type ScheduleChoice } from './scheduleChoice.js';
export type { StoredTensor } from './storedTensor.js';
export type { Forward, ImageResult, LossContext, LossOptions, Measured, Task } from './task.js';
export { TensorBoardWriter } from './tensorboard.js';
export { threadCount } from './threads.js';
export { isFirstWorker } from './workers.js';
