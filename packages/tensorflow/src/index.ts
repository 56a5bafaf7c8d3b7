import './kernels/register.js';

export { type Cluster, type ClusterOptions, clusterSize, currentCluster, joinCluster } from './cluster.js';
export { clusterFromEnvironment } from './clusterEnvironment.js';
export { WorkerError } from './clusterFailure.js';
export { type Compiled, type CompiledFunction, type CompileOptions, compile, type TensorFunction } from './compile.js';
export { type FrozenGraph, frozenGraph } from './frozen.js';
export { type Inspection, inspectionText } from './inspection.js';
export { BATCH_NORM_TRAINING, batchNormTraining } from './kernels/batchNorm.js';
export { allGather, allReduce, allReduceAll, broadcast } from './kernels/collective.js';
export { type ConvolutionOptions, conv2d, GROUPED_CONV, type Padding } from './kernels/convolution.js';
export { type CrossEntropyOptions, softmaxCrossEntropy } from './kernels/crossEntropy.js';
export { type Seed, statelessDropout, statelessNormal, statelessUniform, withRandomSeed } from './kernels/random.js';
export { withSyncBatchNorm } from './kernels/syncBatchNorm.js';
export { loadedInstallation, tf } from './load.js';
export { logitMargin, predictedClass } from './logits.js';
export { applyMomentum, type MomentumUpdate } from './momentum.js';
export type { OperationTime } from './profile.js';
export type { Result } from './structure.js';
export {
  type AdamUpdate,
  applyAdam,
  applyAverage,
  applyDecay,
  applyRmsProp,
  applySubtract,
  decayedGradient,
  globalNorm,
  type RmsPropUpdate,
  zerosOf,
} from './updates.js';
